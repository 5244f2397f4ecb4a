"""Short ways to say what a test is about: versions, steps, edges, and a run that is told what happens to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeVar

from service.domain.answers import Answer, Fault, FaultKind, ObjectiveCreated, ObjectivePrepared
from service.domain.beginning import begin
from service.domain.bus_event import BusEvent, ObjectiveReport
from service.domain.calls import Call, Deliver
from service.domain.commands import (
    Command,
    EffectFailed,
    EffectSucceeded,
    Envelope,
    EventArrived,
    StartRun,
    TimePassed,
    TransitionStep,
)
from service.domain.decide import decide
from service.domain.decision import Audit, Decision, Event, Interaction, Verdict
from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType, TriggerType, Version
from service.domain.effects import Effect, Owed
from service.domain.plan import Plan
from service.domain.state import Run, StepRun, StepState

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

Asked = TypeVar("Asked", bound=Call)

DOWN = Fault(FaultKind.TRANSPORT, "unavailable", "nobody there")
NO = Fault(FaultKind.FAILED, "not_found", "no such thing")
BAD = Fault(FaultKind.REJECTED, "invalid", "malformed")


def step(step_id: str, step_type: StepType = StepType.HUMAN_TASK, **fields: Any) -> StepDefinition:
    return StepDefinition(step_id, step_type, name=fields.pop("name", step_id.title()), **fields)


def agent(step_id: str, **fields: Any) -> StepDefinition:
    return step(step_id, StepType.AGENT_ACTION, agent_id=fields.pop("agent_id", "agent_1"), **fields)


def edges(*pairs: str) -> tuple[Edge, ...]:
    """`"a>b"`, or with a condition `"a>b if x > 3"`."""
    found = []
    for pair in pairs:
        ends, _, condition = pair.partition(" if ")
        source, _, target = ends.partition(">")
        found.append(Edge(source, target, condition))
    return tuple(found)


def version(
    steps: Sequence[StepDefinition],
    connections: Sequence[Edge] = (),
    *,
    retry: RetryPolicy | None = None,
    timeout_seconds: int = 0,
) -> Version:
    return Version(
        id="wfv_1",
        definition_id="wf_1",
        workspace_id="ws_1",
        version=1,
        steps=tuple(steps),
        edges=tuple(connections),
        trigger=None,
        default_retry_policy=retry,
        timeout_seconds=timeout_seconds,
        author="ann",
        created_at=NOW,
    )


def chain(count: int, build: Callable[[str], StepDefinition] = step) -> Version:
    names = [f"s{number}" for number in range(count)]
    return version([build(name) for name in names], edges(*(f"{a}>{b}" for a, b in pairwise(names))))


def alone(definition: StepDefinition, payload: Mapping[str, Any] | None = None, **fields: Any) -> "Story":
    """A run of this one step."""
    return Story(version([definition], **fields), payload or {"deal": 5})


class Story:
    """A run in memory, moved by `decide` alone. It keeps what is owed and ever was, every event and what was said."""

    def __init__(self, drawn: Version, payload: Mapping[str, Any] | None = None, **start: Any) -> None:
        self.plan = Plan.of(drawn)
        self.now = NOW
        self.events: list[Event] = []
        self.owed: dict[str, Effect] = {}
        self.ever_owed: list[Effect] = []
        self.said: list[Interaction] = []
        self.audits: list[Audit] = []
        self.last: Decision
        command = StartRun("wfr_1", start.pop("trigger_type", TriggerType.MANUAL), payload or {}, **start)
        self._take(begin(self.plan, Envelope(command, "user:ann", "rpc:1"), self.now))

    @property
    def run(self) -> Run:
        return self.last.run

    def __getitem__(self, key: str) -> StepRun:
        """A step by its id, or an item by its key."""
        return self.run.items[key] if key in self.run.items else self.run.steps[key]

    @property
    def state(self) -> str:
        return self.run.state.value

    def states(self) -> dict[str, str]:
        return {key: found.state.value for key, found in self.run.steps.items()}

    def told(self) -> list[str]:
        """`step.operation` of every event so far, `run.operation` for the run's own."""
        return [f"{event.step.step_id if event.step else 'run'}.{event.operation}" for event in self.events]

    def calls(self, kind: type[Asked]) -> list[Asked]:
        """What was ever asked of this kind, in order."""
        return [effect.call for effect in self.ever_owed if isinstance(effect.call, kind)]

    def owing(self, kind: type[Call]) -> str:
        """The id of the one effect of this kind that is owed now."""
        (found,) = [effect.id for effect in self.owed.values() if isinstance(effect.call, kind)]
        return found

    # --- what happens ----------------------------------------------------------------------------------------------

    def do(self, *commands: Command, guarded: bool = False, actor: str = "user:ann", cause: str = "rpc:2") -> Verdict:
        envelopes = [Envelope(command, actor, cause, guarded) for command in commands]
        self._take(decide(self.plan, self.run, envelopes, self.now))
        return self.last.verdicts[-1]

    def report(self, step_id: str, state: StepState, **said: Any) -> Verdict:
        return self.do(TransitionStep(step_id, state, **said))

    def complete(self, step_id: str, **output: Any) -> Verdict:
        return self.report(step_id, StepState.COMPLETED, output_payload=output)

    def answer(self, effect_id: str, answer: Answer) -> Verdict:
        return self.do(EffectSucceeded(self.owes(effect_id), answer), actor="service:workflows")

    def prepare(self, key: str, agent_id: str = "agent_1") -> Verdict:
        """Agent, skill and prompt of an AGENT_ACTION, or of one item, are found."""
        return self.answer(f"{key}/{self[key].attempt}/PrepareObjective", ObjectivePrepared(agent_id))

    def link(self, key: str, objective_id: str, agent_id: str = "agent_1") -> Verdict:
        """The objective of the present attempt is created."""
        attempt = self[key].attempt
        if f"{key}/{attempt}/PrepareObjective" in self.owed:
            self.prepare(key, agent_id)
        return self.answer(f"{key}/{attempt}/CreateObjective", ObjectiveCreated(objective_id, agent_id))

    def fault(self, effect_id: str, fault: Fault, tries: int = 0) -> Verdict:
        return self.do(EffectFailed(replace(self.owes(effect_id), tries=tries), fault), actor="service:workflows")

    def hear(self, event: BusEvent, received_at: datetime | None = None) -> Verdict:
        effect = Owed(f"deliver/{event.id}", "", 0, Deliver.__name__, 1)
        cause = f"event:{event.source}/{event.id}"
        arrived = EventArrived(effect, event, received_at or self.now)
        return self.do(arrived, guarded=True, actor="event:bus", cause=cause)

    def objective(self, step_id: str, state: str, cost: str | None = None, **output: Any) -> Verdict:
        """The bus says what has become of the objective of the present attempt, with its result."""
        spent = Decimal(cost) if cost else None
        return self.hear_of(self[step_id].objective_id, state, output=output, cost_usd=spent, message="said so")

    def hear_of(self, objective_id: str, state: str, **said: Any) -> Verdict:
        """The bus says what has become of an objective, perhaps of an earlier attempt, perhaps without a result."""
        return self.hear(event(f"evt_{len(self.events)}", about=ObjectiveReport(objective_id, state, **said)))

    def wait(self, seconds: float) -> Verdict:
        self.now += timedelta(seconds=seconds)
        return self.do(TimePassed(), actor="service:workflows", cause="timer")

    def owes(self, effect_id: str) -> Owed:
        effect = self.owed[effect_id]
        return Owed(effect.id, effect.step_id, effect.attempt, effect.kind, 1)

    def _take(self, decision: Decision) -> None:
        self.last = decision
        self.events += decision.events
        for gone in decision.settled:
            self.owed.pop(gone.id, None)
        self.owed |= {effect.id: effect for effect in decision.owed}
        self.ever_owed += decision.owed
        self.said += decision.interactions
        self.audits += decision.audits


def event(event_id: str, kind: str = "objectives.changes.objective.update", **fields: Any) -> BusEvent:
    return BusEvent(event_id, "tests", kind, "ws_1", bus_subject=kind, **fields)
