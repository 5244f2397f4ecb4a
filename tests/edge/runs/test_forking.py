"""What ForkRun and PreviewCompensation ask of the engine, and how long the runs that start may take."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.domain.commands import Envelope, ForkRun, StartRun
from service.domain.decision import Accepted, Repeated, Verdict
from service.domain.definition import Definition, StepType, TriggerType
from service.domain.errors import Kind, Refusal, not_found
from service.domain.idempotency import Idem
from service.domain.ids import Ids
from service.domain.plan import Plan
from service.domain.start_keys import StartKey
from service.domain.start_requests import ForkRequest, StartRequest
from service.domain.state import Run, StepRun, StepState
from service.domain.undo_preview import ToUndo
from service.edge.workflows.run_calls import EngineRuns
from service.engine.mailbox import Reply
from service.engine.subjects import Subjects
from tests.builders import agent, edges, step, version
from tests.edge import fakes

REQUEST = ForkRequest("wfr_1", "ship", 0, "again")
FRESH = Accepted(1)
IDEM = Idem("user:ann", "k1", b"body")
PLAN = Plan.of(
    version(
        [
            step("pay", compensation_step_id="refund"),
            agent("ship", config={"workflow": {"name": "parcel"}}),
            step("refund"),
        ],
        edges("pay>ship"),
    )
)


class FakeEngine:
    """Stands in for `Advance`, `Plans` and `Reads`; notes what was to be begun."""

    def __init__(self, *runs: Run, verdict: Verdict) -> None:
        self._runs = {(run.id, run.workspace_id): run for run in runs}
        self._verdict = verdict
        self.begun: list[tuple[StartKey, Any, Envelope]] = []
        self.sources: list[Run] = []

    async def start(self, key: StartKey, plan: object, envelope: Envelope) -> Reply:
        self.begun.append((key, plan, envelope))
        return Reply(fakes.run(), self._verdict)

    async def fork(self, key: StartKey, plan: object, source: Run, envelope: Envelope) -> Reply:
        self.sources.append(source)
        return await self.start(key, plan, envelope)

    async def to_start(self, definition: Definition, number: int) -> Plan:
        if number > 1:
            raise not_found("version", f"{definition.id}/{number}")
        return PLAN

    async def of(self, run: Run) -> Plan:
        return PLAN

    async def run(self, run_id: str, visible: str | None) -> Run | None:
        return self._runs.get((run_id, visible or "acme"))


def engine_runs(*found: Run, verdict: Verdict = FRESH, bound: int = 0) -> tuple[EngineRuns, FakeEngine]:
    engine = FakeEngine(*found, verdict=verdict)
    asked: Any = engine
    definitions = fakes.FakeDefinitions(found=fakes.definition(max_run_seconds=bound))
    directory: Any = None
    runs = EngineRuns(asked, asked, definitions, Subjects(directory, required=False), asked, Ids(lambda: "7"))
    return runs, engine


async def test_a_fork_begins_from_its_source() -> None:
    source = fakes.run()
    runs, engine = engine_runs(source, bound=60)
    forked = await runs.fork(REQUEST, "acme", "user:ann", IDEM)
    ((key, plan, envelope),) = engine.begun
    assert key == StartKey("acme", "rpc:fork:user:ann", "k1", b"body")
    assert (plan, engine.sources) == (PLAN, [source])
    assert (envelope.command, envelope.actor) == (ForkRun("wfr_7", "ship", "again", 60), "user:ann")
    assert not forked.replay


async def test_a_fork_without_a_key_has_one_of_its_own() -> None:
    runs, engine = engine_runs(fakes.run())
    await runs.fork(REQUEST, None, "user:ann", None)
    assert engine.begun[0][0] == StartKey("acme", "once", "wfr_7", b"")


async def test_a_fork_that_was_made_before() -> None:
    runs, _ = engine_runs(fakes.run(), verdict=Repeated(1))
    assert (await runs.fork(REQUEST, None, "user:ann", IDEM)).replay


@pytest.mark.parametrize(
    ("request_", "visible", "reason"),
    [
        (ForkRequest("wfr_9", "ship", 0, ""), None, "run_not_found"),
        (REQUEST, "other", "run_not_found"),
        (ForkRequest("wfr_1", "ship", 2, ""), None, "version_not_found"),
    ],
)
async def test_what_cannot_be_forked(request_: ForkRequest, visible: str | None, reason: str) -> None:
    runs, engine = engine_runs(fakes.run())
    with pytest.raises(Refusal) as caught:
        await runs.fork(request_, visible, "user:ann", None)
    assert (caught.value.kind, caught.value.reason) == (Kind.NOT_FOUND, reason)
    assert not engine.begun


async def test_a_start_is_bounded_by_its_definition() -> None:
    runs, engine = engine_runs(bound=90)
    await runs.start(StartRequest("wf_1", 1, "", TriggerType.MANUAL, "", "", "", "", "", "", {}), None, "ann", None)
    command = engine.begun[0][2].command
    assert isinstance(command, StartRun)
    assert command.max_seconds == 90


# --- what would be undone ------------------------------------------------------------------------------------------


def step_run(step_id: str, state: StepState = StepState.COMPLETED, **evidence: Any) -> StepRun:
    return StepRun(step_id, step_id, StepType.HUMAN_TASK, state, attempt=1, evidence=evidence)


PREVIEWS: Mapping[str, tuple[Run, list[list[ToUndo]]]] = {
    "what completed, last first": (
        fakes.run(step_run("pay"), step_run("ship", child_run_id="wfr_8")),
        [
            [ToUndo("ship", StepState.COMPLETED, "", ["wfr_8"], False)],
            [ToUndo("pay", StepState.COMPLETED, "refund", (), False)],
        ],
    ),
    "what was tried before": (
        fakes.run(
            step_run("pay", StepState.FAILED),
            step_run("ship", child_run_id="wfr_8", undoing={"wfr_8": "failed"}),
            step_run("refund", StepState.FAILED),
        ),
        [
            [ToUndo("ship", StepState.COMPLETED, "", ["wfr_8"], True)],
            [ToUndo("pay", StepState.FAILED, "refund", (), True)],
        ],
    ),
    "nothing": (fakes.run(step_run("pay", StepState.COMPENSATED), step_run("ship")), []),
}


@pytest.mark.parametrize(("run", "levels"), PREVIEWS.values(), ids=PREVIEWS)
async def test_a_preview(run: Run, levels: list[list[ToUndo]]) -> None:
    runs, engine = engine_runs(run)
    assert await runs.to_undo("wfr_1", "acme") == levels
    assert not engine.begun


async def test_a_preview_of_a_run_that_is_foreign_or_not_there() -> None:
    runs, _ = engine_runs(fakes.run())
    assert await runs.to_undo("wfr_1", "other") is None
    assert await runs.to_undo("wfr_9", None) is None
