"""The siblings in one room: objectives, delegations, approvals, governance, notifications, the meter.

The `Office` is common to all replicas; it answers each kind of call, lets objectives and approvals come to an end of
their own after a while, and says so on the bus. What is created is created once per key only if the caller looks before
it repeats, as the real clients do: a second creation that did not look is an error of ours and ends the play.
`SimulatedSiblings` are one replica's clients, over its faulty line.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import orjson

from service.domain.answers import (
    ActionEvaluated,
    Answer,
    ApprovalRequested,
    ApprovalStatus,
    Delegated,
    DelegationStatus,
    Fault,
    FaultKind,
    NotificationSent,
    ObjectiveCancelled,
    ObjectiveCreated,
    ObjectivePrepared,
    ObjectiveStatus,
    UsageReported,
)
from service.domain.bus_event import ApprovalReport, BusEvent, ObjectiveReport, Report
from service.domain.calls import SiblingCall
from service.domain.definition import Payload
from service.engine.ports.siblings import Errand
from tests.simulation.faults import Line

WORKSPACE = "ws_1"


class Unreachable(Exception):
    """The sibling does not answer."""


@dataclass
class Objective:
    id: str
    state: str = "RUNNING"
    output: Payload | None = None
    cost: Decimal | None = None

    @property
    def ended(self) -> bool:
        return self.state != "RUNNING"


@dataclass
class Office:
    """`later` lets something happen after a while, or never."""

    random: Random
    say: Callable[[BusEvent], object]
    later: Callable[[Callable[[Any], None], Any], object]
    trace: Callable[..., None] = lambda *told: None
    objectives: dict[str, Objective] = field(default_factory=dict)
    approvals: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    made: dict[str, tuple[bytes, Answer | Fault]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    announced: Counter[str] = field(default_factory=Counter)

    def serve(self, errand: Errand) -> Answer | Fault:
        self.trace("call", errand.kind, errand.key, errand.repeated)
        self.calls[errand.key] += 1
        request = orjson.loads(errand.request)
        if errand.kind in _READS:
            return _READS[errand.kind](self, request)
        known = self.made.get(errand.key)
        if known is None:
            known = self.made[errand.key] = (errand.request, _MAKES[errand.kind](self, errand.key, request))
        else:
            assert errand.repeated, f"{errand.key} was made a second time by somebody who did not look"
        assert known[0] == errand.request, f"{errand.key} changed its words"
        return known[1]

    # --- what is made --------------------------------------------------------------------------------------------

    def create(self, key: str, request: Mapping[str, Any]) -> Answer:
        objective = self.objectives[f"obj:{key}"] = Objective(f"obj:{key}")
        self.later(self.progress, objective)
        self.later(self.end, objective)
        return ObjectiveCreated(objective.id, request["agent_id"])

    def delegate(self, key: str, request: Mapping[str, Any]) -> Answer:
        return Delegated(f"del:{key}", self.drawn("ACCEPTED", "ACCEPTED", "ACCEPTED", "REJECTED"))

    def request(self, key: str, request: Mapping[str, Any]) -> Answer:
        approval_id = f"apr:{key}"
        self.approvals[approval_id] = self.drawn("PENDING", "PENDING", "AUTO_APPROVED")
        self.later(self.decide, approval_id)
        return ApprovalRequested(approval_id, self.approvals[approval_id] == "AUTO_APPROVED")

    def notify(self, key: str, request: Mapping[str, Any]) -> Answer | Fault:
        refused = self.random.random() < 0.2
        return Fault(FaultKind.REJECTED, "invalid", "no such recipient") if refused else NotificationSent(f"ntf:{key}")

    # --- what is asked -------------------------------------------------------------------------------------------

    def prepare(self, request: Mapping[str, Any]) -> Answer:
        return ObjectivePrepared(request["agent_id"] or "agent_found")

    def objective(self, request: Mapping[str, Any]) -> Answer:
        found = self.objectives[request["objective_id"]]
        return ObjectiveStatus(found.id, found.state)

    def cancel(self, request: Mapping[str, Any]) -> Answer:
        found = self.objectives[request["objective_id"]]
        self.cancelled.add(found.id)
        if not found.ended:
            found.state = "CANCELLED"
            self.tell(found)
        return ObjectiveCancelled(found.id)

    def usage(self, request: Mapping[str, Any]) -> Answer:
        found = self.objectives[request["objective_id"]]
        return UsageReported(found.id, found.cost or Decimal(0), int(found.cost is not None))

    def delegation(self, request: Mapping[str, Any]) -> Answer:
        return DelegationStatus(request["delegation_id"], self.drawn("ACCEPTED", "COMPLETED"))

    def approval(self, request: Mapping[str, Any]) -> Answer:
        approval_id = request["approval_request_id"]
        return ApprovalStatus(approval_id, self.approvals[approval_id], "user:ann")

    def evaluate(self, request: Mapping[str, Any]) -> Answer:
        return ActionEvaluated(self.drawn("ALLOW", "ALLOW", "DENY", "REQUIRE_APPROVAL"))

    # --- what happens by itself ----------------------------------------------------------------------------------

    def progress(self, objective: Objective) -> None:
        if not objective.ended:
            self.tell(objective)

    def end(self, objective: Objective) -> None:
        if objective.ended:
            return
        objective.state = self.drawn("COMPLETED", "COMPLETED", "COMPLETED", "FAILED")
        objective.cost = Decimal(self.drawn("0.01", "0.034", "1.5"))
        objective.output = {"pick": float(self.drawn("1", "2"))} if objective.state == "COMPLETED" else None
        self.tell(objective)

    def decide(self, approval_id: str) -> None:
        if self.approvals[approval_id] == "PENDING":
            self.approvals[approval_id] = self.drawn("APPROVED", "APPROVED", "DENIED")
        self.announce("approval", ApprovalReport(approval_id, self.approvals[approval_id], "user:ann"))

    def tell(self, objective: Objective) -> None:
        """Sometimes without the result, sometimes without the cost."""
        output = objective.output if self.drawn("yes", "yes", "no") == "yes" else None
        cost = objective.cost if self.drawn("yes", "yes", "no") == "yes" else None
        self.announce("objective", ObjectiveReport(objective.id, objective.state, output, cost, "said so"))

    def announce(self, what: str, about: Report) -> None:
        kind = f"{what}s.changes.{what}.update"
        number = sum(self.announced.values())
        self.announced[what] += 1
        self.say(BusEvent(f"evt_{number}", f"{what}s", kind, WORKSPACE, bus_subject=kind, about=about))

    def drawn(self, *choices: str) -> str:
        return choices[int(self.random.random() * len(choices))]


_MAKES: Mapping[str, Callable[[Office, str, Mapping[str, Any]], Answer | Fault]] = {
    "CreateObjective": Office.create,
    "Delegate": Office.delegate,
    "RequestApproval": Office.request,
    "SendNotification": Office.notify,
}
_READS: Mapping[str, Callable[[Office, Mapping[str, Any]], Answer]] = {
    "PrepareObjective": Office.prepare,
    "GetObjective": Office.objective,
    "CancelObjective": Office.cancel,
    "QueryUsage": Office.usage,
    "GetDelegation": Office.delegation,
    "GetApproval": Office.approval,
    "EvaluateAction": Office.evaluate,
}
"""Those that may be made as often as one likes."""


def encoded(call: SiblingCall) -> bytes:
    return orjson.dumps(asdict(call), default=dict, option=orjson.OPT_SORT_KEYS)


class SimulatedSiblings:
    def __init__(self, office: Office, line: Line, clock: Callable[[], float]) -> None:
        self._office = office
        self._line = line
        self._clock = clock

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes:
        return encoded(call)

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        deadline = self._clock() + timeout_seconds
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._line.ask(lambda: self._serve(errand, deadline))
        except (Unreachable, TimeoutError) as error:
            return Fault(FaultKind.TRANSPORT, "unavailable", type(error).__name__)

    def _serve(self, errand: Errand, deadline: float) -> Answer | Fault:
        """A call that arrives after its deadline is not made."""
        if self._clock() > deadline:
            raise Unreachable
        return self._office.serve(errand)
