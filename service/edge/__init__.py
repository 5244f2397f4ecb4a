"""The gRPC server: a room for each service of the contract, and four for what all of them share.

In a service's room `servicer` has a method of the name of each RPC, which checks the request (`requests`), brings it to
whoever can answer it (`calls`) and renders what comes back (`replies`). A `calls` module says in a protocol what the
servicer asks for; below it is the class that wiring gives it, where not the store itself answers. There `visible` is
the workspace whose rows may be found, None for all of them. Methods raise `Refusal` for everything that a caller can
do something about and `StoreUnavailable` when the database does not answer; every other exception is a fault of ours.
"""
