"""Changes on their way to the bus: who holds them, and who publishes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Unpublished:
    """One change that has not reached the bus. `stream` is the id of the run or definition it belongs to.

    `data` is what the change stored, `header` the unchanging columns of its run (empty for definitions); keys are
    column names, which are the wire's field names, values as PostgreSQL's JSON has them.
    """

    stream: str
    sequence: int
    workspace_id: str
    aggregate: str  # run | step | definition | version
    operation: str
    actor: str
    cause: str
    recorded_at: datetime
    data: Mapping[str, Any]
    header: Mapping[str, Any]
    trace: str = ""


class Outbox(Protocol):
    """Changes on their way to the bus, shared between replicas by leased shards."""

    async def hold_shards(self, holder: str, lease_seconds: float) -> list[int]: ...

    async def unpublished(self, shards: Sequence[int], limit: int) -> list[Unpublished]: ...

    async def mark_published(self, published: Sequence[tuple[str, int]]) -> None: ...


class Publisher(Protocol):
    async def publish(self, change: Unpublished) -> None:
        """Returns when the bus has acknowledged. Raises BusUnavailable."""
        ...
