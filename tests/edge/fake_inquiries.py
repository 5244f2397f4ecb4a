"""A stand-in for what operators ask about runs: one run with a history that a test writes on while it is watched."""

from dataclasses import dataclass, field

from service.domain.explain import Explained, Explanation, StepExplained, Tried
from service.domain.picture import Format
from service.domain.run_history import EventPage, History, RunAudit, RunEvent
from service.domain.run_search import FoundRun, FoundRuns, RunSearch
from service.domain.state import Run, RunState, StepState
from service.domain.waiting import Waiting
from tests.edge.fakes import NOW, Fake, run

PAUSE = {"by": "user:ann", "at": NOW.isoformat(), "reason": "lunch"}
OBJECTIVE = Waiting("objective", "objective obj_1", "it ends", NOW, {"objective_id": "obj_1", "tries": 2})
TIMEOUT = Waiting("timeout", "the attempt's timeout", "the clock")
AUDIT = RunAudit(7, "one", "TransitionStep", "no_match", "not this one", "agent:a", "rpc:1", NOW)


def paused() -> Run:
    return run(state=RunState.PAUSED, pauses={"caller": PAUSE}, deadline_at=NOW)


def explanation() -> Explanation:
    steps = (StepExplained("one", StepState.RUNNING, NOW, (OBJECTIVE, TIMEOUT)),)
    owed = [Tried("one", "GetObjective", 3, "unavailable: nobody there", NOW)]
    return Explanation(paused(), Explained("paused by user:ann", steps), owed)


def happened(sequence: int) -> RunEvent:
    """Every second one is published."""
    published = NOW if sequence % 2 else None
    return RunEvent(sequence, "step", "completed", "one", "user:ann", f"rpc:{sequence}", NOW, published)


@dataclass
class FakeInquiries(Fake):
    """`ended` is whether nothing more can happen."""

    explained: Explanation | None = field(default_factory=explanation)
    happened: list[RunEvent] | None = field(default_factory=lambda: [happened(1), happened(2)])
    ended: bool = False
    drawn: str | None = "flowchart TD\n"
    found: FoundRuns = field(default_factory=lambda: FoundRuns([FoundRun(paused(), ("one",))], more=False))

    async def explain(self, run_id: str, visible: str | None) -> Explanation | None:
        self._read((run_id, visible))
        return self.explained

    async def history(
        self, run_id: str, after: int, after_audit: int, limit: int, visible: str | None
    ) -> History | None:
        self._read((run_id, after, after_audit, limit, visible))
        return None if self.happened is None else History(self.happened, [AUDIT])

    async def events(self, run_id: str, after: int, limit: int, visible: str | None) -> EventPage | None:
        self._read((run_id, after, visible))
        if self.happened is None:
            return None
        return EventPage([event for event in self.happened if event.sequence > after], self.ended)

    async def picture(self, run_id: str, wanted: Format, visible: str | None) -> str | None:
        self._read((run_id, wanted, visible))
        return self.drawn

    async def version_picture(self, definition_id: str, number: int, wanted: Format, visible: str | None) -> str | None:
        self._read((definition_id, number, wanted, visible))
        return self.drawn

    async def search(self, wanted: RunSearch, limit: int) -> FoundRuns:
        self._read((wanted, limit))
        return self.found
