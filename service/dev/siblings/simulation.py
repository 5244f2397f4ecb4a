"""All simulated siblings in one process: one gRPC server on a free local port, one connection to NATS.

Everything is in memory and ends with `stop`. Observers read `calls` and the records, and wait with `until`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import grpc
from agents.v1.agents_pb2 import DelegationRecord
from meter.v1.meter_pb2 import UsageRecord
from notifications.v1.notifications_pb2 import Notification
from objectives.v1.objectives_pb2 import Objective

from service.dev.siblings.agents import Agents
from service.dev.siblings.approvals import Approval, Approvals
from service.dev.siblings.catalogues import Catalogues
from service.dev.siblings.changes import Changes
from service.dev.siblings.governance import Governance
from service.dev.siblings.meter import Meter
from service.dev.siblings.notifications import Notifications
from service.dev.siblings.objectives import Objectives
from service.dev.siblings.script import Fault, Ruling, Script, Work
from service.dev.siblings.serving import Call, Desk, Route
from service.dev.siblings.stage import Stage
from service.domain.calls import SIBLINGS


class SimulatedSiblings:
    """Use as an async context manager, or `start` and `stop`. Addresses are known once started."""

    def __init__(self, script: Script, nats_url: str) -> None:
        self.script = script
        self.addresses: Mapping[str, str] = {}
        self._changes = Changes(nats_url)
        self._stage = Stage(script, self._changes)
        self._desk = Desk(self._stage, script.faults)
        self._meter = Meter(self._stage)
        self._objectives = Objectives(self._stage, self._meter)
        self._approvals = Approvals(self._stage)
        self._agents = Agents(self._stage)
        self._notifications = Notifications(self._stage)
        self._server: grpc.aio.Server | None = None

    @property
    def calls(self) -> list[Call]:
        """Every request in order of arrival."""
        return self._desk.calls

    @property
    def busy(self) -> bool:
        """Whether work goes on, or something is still to be told. What is held is at rest."""
        return self._stage.busy

    @property
    def objectives(self) -> Mapping[str, Objective]:
        return self._objectives.records

    @property
    def approvals(self) -> Mapping[str, Approval]:
        return self._approvals.records

    @property
    def delegations(self) -> Mapping[str, DelegationRecord]:
        return self._agents.delegations

    @property
    def usage(self) -> Sequence[UsageRecord]:
        return self._meter.records

    @property
    def notifications(self) -> Mapping[str, Notification]:
        return self._notifications.records

    async def start(self) -> None:
        """Connects to NATS, creates missing streams, listens. Raises nats' errors when there is no bus."""
        await self._changes.start()
        self._server = grpc.aio.server()
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.add_generic_rpc_handlers(self._desk.handlers(self._routes()))
        await self._server.start()
        self.addresses = {name: f"127.0.0.1:{port}" for name in SIBLINGS}

    def _routes(self) -> list[Route]:
        siblings = (
            self._objectives,
            self._approvals,
            self._agents,
            self._notifications,
            self._meter,
            Governance(self._stage),
            Catalogues(self._stage),
        )
        return [route for sibling in siblings for route in sibling.routes()]

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=None)
        await self._stage.close()
        await self._changes.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until the condition holds; it is looked at after every request, change of a record and end of work."""
        await self._stage.until(holds)

    async def finish_objective(self, objective_id: str, result: Work) -> None:
        """Ends an objective by hand and tells it on the bus. Raises KeyError when there is no such objective."""
        await self._objectives.finish(objective_id, result)

    def record_usage(self, objective_id: str, cost_usd: float, record_id: str = "") -> None:
        """Adds a record of an objective's cost to the meter, under a new id where none is given."""
        self._meter.record(objective_id, cost_usd, record_id)

    async def decide_approval(
        self, approval_id: str, decision: str, by: str = "user_manager", reason: str = ""
    ) -> None:
        """Decides by hand (`APPROVED`, `DENIED`, `EXPIRED`, `ESCALATED`) and tells it on the bus.
        Raises KeyError for an unknown approval, ValueError for one that is decided."""
        await self._approvals.decide(approval_id, Ruling(decision, by, reason))

    def add_fault(self, fault: Fault) -> None:
        """Befalls the calls that come from now on, after the faults that are still pending."""
        self._desk.add_fault(fault)
