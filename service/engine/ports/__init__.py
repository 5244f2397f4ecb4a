"""What the loops need of the world: one module for each thing they talk about, with the values that travel and the
protocol that carries them.

The engine owns both; store, bus and siblings satisfy the protocols structurally, nobody inherits from them. Every
method is one round trip unless it says otherwise. Its errors are those of `failures`: `StaleRun` when a fence did not
hold; `StoreUnavailable` / `BusUnavailable` when the other side does not answer.
"""
