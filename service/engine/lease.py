"""How long claimed work belongs to whoever claimed it: one length, and what follows from it.

A lease runs on the database's clock and is held as a fencing token; it only saves double work, safety comes from the
token. Whoever works under one starts no call that could outlast it, so the usable part ends well before the lease does
and one call may take a fraction of it. Whatever else waits for the dead to be given up scales along.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """All lengths in seconds."""

    seconds: float = 30.0

    @property
    def usable_seconds(self) -> float:
        """After this, counted from before the claim, the work is left for the next claim."""
        return self.seconds * 5 / 6

    @property
    def call_seconds(self) -> float:
        """The most that one call to a sibling may take."""
        return self.seconds / 3

    @property
    def shard_seconds(self) -> float:
        """How long a shard of the outbox is held; renewed at a third of it."""
        return self.seconds / 2

    @property
    def grace_seconds(self) -> float:
        """How long the sweep leaves something to whoever began it."""
        return self.seconds / 3

    @property
    def sweep_seconds(self) -> float:
        """Between two sweeps."""
        return self.seconds / 6
