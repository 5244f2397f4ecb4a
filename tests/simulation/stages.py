"""States in which races begin, what can happen then, and the pairs whose race has a name."""

from dataclasses import replace
from decimal import Decimal

from service.domain.bus_event import BusEvent
from service.domain.commands import (
    CancelRun,
    ChildEnded,
    Command,
    CompensateRun,
    CompleteTask,
    PauseRun,
    RejectTask,
    ResumeRun,
    RetryStep,
    SkipStep,
    TimePassed,
    TransitionStep,
)
from service.domain.definition import RetryPolicy, StepType, Version
from service.domain.state import RunState, StepState
from service.engine.engine import Engine
from tests.builders import agent, edges, step, version
from tests.simulation.arena import Arena, Contender, Prepare, begin, do, happens, says, told
from tests.simulation.siblings import WORKSPACE

TIMEOUT = 60
LATE = TIMEOUT + 1.0
CHILD = "wf_child"


def of(drawn: Version, *commands: Command, wait: float = 0.0) -> Prepare:
    """A run of that version after these commands and so many seconds that nobody has noticed."""

    async def prepare(arena: Arena) -> str:
        run_id = await begin(arena, drawn)
        await do(arena, run_id, *commands)
        if wait:
            await arena.later(wait)
        return run_id

    return prepare


def done(step_id: str) -> Command:
    return CompleteTask(step_id, 0, "ann", {})


# --- the saga: three tasks one after the other; the first can be undone by a fourth ----------------------------------

SAGA = version(
    [
        step("s0", compensation_step_id="u0"),
        step("s1", timeout_seconds=TIMEOUT),
        step("s2"),
        step("u0", timeout_seconds=TIMEOUT),
    ],
    edges("s0>s1", "s1>s2"),
)
RUNNING = (done("s0"),)
PAUSED = (*RUNNING, PauseRun("wait"))
FAILED = (*RUNNING, RejectTask("s1", 0, "ann", "no"))
COMPENSATING = (*FAILED, CompensateRun("undo"))
STAGES: dict[str, Prepare] = {
    "running": of(SAGA, *RUNNING),
    "late": of(SAGA, *RUNNING, wait=LATE),
    "paused": of(SAGA, *PAUSED),
    "paused and late": of(SAGA, *PAUSED, wait=LATE),
    "failed": of(SAGA, *FAILED),
    "compensating": of(SAGA, *COMPENSATING),
    "compensating and late": of(SAGA, *COMPENSATING, wait=LATE),
    "undoing failed": of(SAGA, *COMPENSATING, RejectTask("u0", 0, "ann", "no")),
    "cancelled": of(SAGA, *RUNNING, CancelRun("no more")),
}
MOVES: dict[str, Command] = {
    "pause": PauseRun("wait"),
    "resume": ResumeRun(),
    "cancel": CancelRun("no more"),
    "compensate": CompensateRun("take it back"),
    "retry": RetryStep("s1", "again"),
    "skip": SkipStep("s1", "not needed"),
    "skip the next": SkipStep("s2", "not needed"),
    "complete": done("s1"),
    "fail": TransitionStep("s1", StepState.FAILED, error_message="no"),
    "undone": done("u0"),
    "not undone": RejectTask("u0", 0, "ann", "no"),
    "time": TimePassed(),
}

# --- others ----------------------------------------------------------------------------------------------------------

AGENT = version([agent("s0", retry_policy=RetryPolicy(1, 5)), step("s1")], edges("s0>s1"))
TASK = version([step("s0", timeout_seconds=TIMEOUT)])
WAIT = version([step("s0", StepType.WAIT_FOR_EVENT, event_type_pattern="x.y", timeout_seconds=TIMEOUT)])
TASK_THEN_WAIT = version([step("s0"), step("s1", StepType.WAIT_FOR_EVENT, event_type_pattern="x.y")], edges("s0>s1"))
PARENT = version([agent("s0", config={"workflow": {"name": CHILD}}, timeout_seconds=TIMEOUT)])

AGENT_FAILED = TransitionStep("s0", StepState.FAILED, error_message="no", cost_usd=Decimal("0.1"))
AGENT_DONE = TransitionStep("s0", StepState.COMPLETED, output_payload={"x": 1}, cost_usd=Decimal("0.2"))
EVENT = BusEvent("x_1", "tap", "x.y", WORKSPACE, payload={"pick": 1.0})
BACKOFF_IS_OVER = of(AGENT, AGENT_FAILED, wait=10.0)
PAUSED_IN_BACKOFF = of(AGENT, AGENT_FAILED, PauseRun("wait"), wait=10.0)


def parent(late: bool = True) -> Prepare:
    async def prepare(arena: Arena) -> str:
        await arena.publish(replace(version([step("s0")]), definition_id=CHILD))
        return await of(PARENT, wait=LATE if late else 0.0)(arena)

    return prepare


async def child_ended(engine: Engine, run_id: str) -> object:
    """The child run, whichever it is, says that it has completed."""
    snapshot = await engine.advance.store.load(run_id)
    assert snapshot is not None
    child_id = snapshot.run.steps["s0"].evidence["child_run_id"]
    command = ChildEnded("s0", 1, child_id, RunState.COMPLETED, {"x": 1}, Decimal("0.5"))
    return await says(command, f"run:{child_id}")(engine, run_id)


async def repeated(arena: Arena) -> str:
    """The saga after its last step was skipped under a key."""
    run_id = await STAGES["running"](arena)
    assert told(await SKIPPED(arena.random.choice(arena.engines), run_id)) == "Accepted"
    return run_id


def _pair(stage: str, first: str, second: str) -> tuple[Prepare, list[Contender]]:
    return STAGES[stage], [says(MOVES[first]), says(MOVES[second], "user:bob")]


def _other(prepare: Prepare, first: Command, second: Command) -> tuple[Prepare, list[Contender]]:
    return prepare, [says(first), says(second, "user:bob")]


SKIPPED = says(SkipStep("s2", "not needed"), key="skip")
NAMED: dict[str, tuple[Prepare, list[Contender]]] = {
    "completion against another outcome": _other(of(AGENT), AGENT_DONE, AGENT_FAILED),
    "completion against timeout": _other(of(TASK, wait=LATE), done("s0"), TimePassed()),
    "cancel against completion": _other(of(TASK), CancelRun("no more"), done("s0")),
    "a child's end against timeout": (parent(), [child_ended, says(TimePassed())]),
    "a child's end against cancel": (parent(late=False), [child_ended, says(CancelRun("no more"))]),
    "a child's end against pause": (parent(late=False), [child_ended, says(PauseRun("wait"))]),
    "two people complete one task": _other(of(TASK), done("s0"), CompleteTask("s0", 0, "bob", {})),
    "event against timeout": (of(WAIT, wait=LATE), [happens(EVENT), says(TimePassed())]),
    "event against cancel": (of(WAIT), [happens(EVENT), says(CancelRun("no more"))]),
    "event against the opening of its wait": (of(TASK_THEN_WAIT), [happens(EVENT), says(done("s0"))]),
    "a repetition against pause": (repeated, [SKIPPED, says(PauseRun("wait"))]),
    "pause against completion": _pair("running", "pause", "complete"),
    "pause against failure": _pair("running", "pause", "fail"),
    "pause against cancel": _pair("running", "pause", "cancel"),
    "pause against timeout": _pair("late", "pause", "time"),
    "resume against completion": _pair("paused", "resume", "complete"),
    "resume against timeout": _pair("paused and late", "resume", "time"),
    "resume against cancel": _pair("paused", "resume", "cancel"),
    "two compensations": _pair("failed", "compensate", "compensate"),
    "compensation against retry": _pair("failed", "compensate", "retry"),
    "compensation against skip": _pair("failed", "compensate", "skip"),
    "retry against skip": _pair("failed", "retry", "skip"),
    "two retries": _pair("failed", "retry", "retry"),
    "cancel against what undoes": _pair("compensating", "cancel", "undone"),
    "timeout against what undoes": _pair("compensating and late", "time", "undone"),
    "two compensations go on": _pair("undoing failed", "compensate", "compensate"),
    "the end of a backoff against cancel": _other(BACKOFF_IS_OVER, TimePassed(), CancelRun("no more")),
    "the end of a backoff against pause": _other(BACKOFF_IS_OVER, TimePassed(), PauseRun("wait")),
    "the end of a backoff against resume": _other(PAUSED_IN_BACKOFF, TimePassed(), ResumeRun()),
}
