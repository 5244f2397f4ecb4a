"""A stand-in for what a bulk control is about: the runs that match, and what is kept under callers' keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.domain.bulk import Chosen, Counted, Target
from service.domain.idempotency import Idem
from service.domain.run_search import RunSearch
from service.domain.state import RunState
from tests.edge.fakes import Fake


def targets(count: int) -> list[Target]:
    return [Target(f"wfr_{number:02}", RunState.RUNNING, 0) for number in range(count)]


@dataclass
class FakeChosen(Fake):
    """Every search matches what is `matching`, oldest first."""

    matching: list[Target] = field(default_factory=lambda: targets(3))
    kept: dict[tuple[str, str], tuple[bytes, Chosen]] = field(default_factory=dict)

    async def count(self, wanted: RunSearch) -> Counted:
        self._read(wanted)
        return Counted(len(self.matching), max((each.run_id for each in self.matching), default=""))

    async def oldest(self, wanted: RunSearch, after_id: str, last_id: str, limit: int) -> Sequence[Target]:
        self._read((wanted, after_id, last_id, limit))
        return [each for each in self.matching if after_id < each.run_id <= last_id][:limit]

    async def known(self, workspace_id: str, idem: Idem) -> Chosen | None:
        return self.kept.get((workspace_id, idem.key), (b"", None))[1]

    async def keep(self, workspace_id: str, idem: Idem, chosen: Chosen) -> Chosen:
        self.kept[workspace_id, idem.key] = (idem.digest, chosen)
        return chosen
