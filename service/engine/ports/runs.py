"""Runs behind their fence: how one is loaded, started and changed, under the version it was started with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from service.domain.decision import Decision, Seen
from service.domain.definition import Version
from service.domain.effects import Owed
from service.domain.start_keys import StartKey
from service.domain.state import Run


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run as loaded: `now` is the database's clock, `seen` which of the asked causes are already in,
    `held` which of the asked effects are still there under the asked token."""

    run: Run
    now: datetime
    seen: Mapping[str, Seen] = field(default_factory=dict)
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Applied:
    """The run as stored, with its new version, and the database's clock."""

    version: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """`fresh` is False when the key was used before: then run_id is the winner's and `digest` its body's."""

    run_id: str
    digest: bytes
    fresh: bool
    sequence: int
    now: datetime


class RunStore(Protocol):
    async def load(self, run_id: str, causes: Sequence[str] = (), effects: Sequence[Owed] = ()) -> Snapshot | None: ...

    async def apply(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Applied:
        """Writes one decision, all or nothing. New effects are leased to the caller with token 1.
        Raises StaleRun, StoreUnavailable."""
        ...

    async def start(
        self, key: StartKey, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float
    ) -> Started: ...

    async def started(self, key: StartKey) -> Started | None:
        """What was started under the key before; None when nothing was."""
        ...

    async def tree(self, run_id: str, most: int) -> tuple[str, int]:
        """The root of the tree of runs that it is in, and how many runs that has, counted up to `most`."""
        ...

    async def version(self, definition_id: str, number: int, schema_revision: int = 0) -> Version | None:
        """The version with that revision of its schemas beside it; with none for 0."""
        ...

    async def run_at(self, run_id: str, sequence: int) -> Run | None:
        """The run as it stood after that event, rebuilt from its history."""
        ...

    async def now(self) -> datetime:
        """The database's clock."""
        ...
