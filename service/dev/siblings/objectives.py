"""The simulated objectives service: every objective is worked on in the background, as the script says of its name.

Every change is told on the bus as an `events.v1.Change`; the last one carries the output and the cost, where the
script does not leave the one to the delegation or the other to the meter.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import grpc
from events.v1.change_pb2 import Change
from google.protobuf.json_format import MessageToDict
from objectives.v1 import objectives_pb2 as pb

from service.dev.siblings.meter import Meter
from service.dev.siblings.script import Work
from service.dev.siblings.serving import Route
from service.dev.siblings.stage import Refused, Stage, found, new_id, page, timestamp

_SERVICE = "objectives.v1.ObjectiveService"
_FINAL = (pb.OBJECTIVE_STATE_COMPLETED, pb.OBJECTIVE_STATE_FAILED, pb.OBJECTIVE_STATE_CANCELLED)


class Objectives:
    def __init__(self, stage: Stage, meter: Meter) -> None:
        self.records: dict[str, pb.Objective] = {}
        self._stage = stage
        self._meter = meter
        self._created: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        return [
            Route(_SERVICE, "Create", pb.CreateRequest, self._create, once=True),
            Route(_SERVICE, "Cancel", pb.CancelRequest, self._cancel, once=True),
            Route(_SERVICE, "Get", pb.GetRequest, self._get),
            Route(_SERVICE, "Query", pb.QueryRequest, self._query),
        ]

    async def finish(self, objective_id: str, result: Work) -> None:
        """Ends an objective and tells it; nothing happens to one that has ended."""
        objective = self.records[objective_id]
        if objective.state not in _FINAL:
            self._leave_elsewhere(objective, result)
            self._move(objective, pb.ObjectiveState.Value(f"OBJECTIVE_STATE_{result.state}"))
            await self._tell(objective, result.state.lower(), _ending(result))

    def _leave_elsewhere(self, objective: pb.Objective, result: Work) -> None:
        if result.metered:
            self._meter.record(objective.id, result.cost_usd)
        if result.result_in_delegation and result.state == "COMPLETED":
            self._stage.results[objective.id] = json.dumps(result.output).encode()

    def _create(self, request: pb.CreateRequest, workspace_id: str) -> pb.CreateResponse:
        objective = pb.Objective(
            id=new_id("obj"),
            workspace_id=request.workspace_id,
            agent_id=request.agent_id,
            surface=request.surface,
            title=request.title,
            description=request.description,
            created_at=timestamp(),
        )
        self.records[objective.id] = objective
        self._move(objective, pb.OBJECTIVE_STATE_RUNNING)
        self._stage.taken[objective.id] = work = self._next_work(objective)
        self._stage.spawn(self._work_on(objective, work))
        return pb.CreateResponse(objective=objective)

    def _next_work(self, objective: pb.Objective) -> Work:
        name, work = self._stage.script.work_for(objective.title, objective.description)
        self._created[name] += 1
        if self._created[name] <= work.failures:
            return replace(work, state="FAILED", output={}, error_message=work.error_message or "scripted failure")
        return replace(work, error_message="") if work.failures else work

    async def _work_on(self, objective: pb.Objective, work: Work) -> None:
        await self._tell(objective, "create", {})
        if not work.held:
            await asyncio.sleep(work.delay_seconds)
            await self.finish(objective.id, work)

    def _cancel(self, request: pb.CancelRequest, workspace_id: str) -> pb.CancelResponse:
        objective = self._own(request.id, workspace_id)
        if objective.state in _FINAL:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{objective.id} has ended")
        self._move(objective, pb.OBJECTIVE_STATE_CANCELLED)
        self._stage.spawn(self._tell(objective, "cancel", {"reason": request.reason}))
        return pb.CancelResponse(objective=objective)

    def _get(self, request: pb.GetRequest, workspace_id: str) -> pb.GetResponse:
        return pb.GetResponse(objective=self._own(request.id, workspace_id))

    def _query(self, request: pb.QueryRequest, workspace_id: str) -> pb.QueryResponse:
        fitting = [
            objective
            for objective in self.records.values()
            if objective.workspace_id == workspace_id
            and request.agent_id in ("", objective.agent_id)
            and request.state in (pb.OBJECTIVE_STATE_UNSPECIFIED, objective.state)
        ]
        return pb.QueryResponse(objectives=page(fitting, request.limit, request.offset), total=len(fitting))

    def _own(self, objective_id: str, workspace_id: str) -> pb.Objective:
        objective = found(self.records.get(objective_id), "objective")
        return found(objective if objective.workspace_id == workspace_id else None, "objective")

    def _move(self, objective: pb.Objective, state: pb.ObjectiveState.ValueType) -> None:
        objective.state = state
        objective.updated_at.CopyFrom(timestamp())
        self._stage.moved()

    async def _tell(self, objective: pb.Objective, verb: str, more: Mapping[str, Any]) -> None:
        change = Change(
            organization_id=objective.workspace_id,
            aggregate_type="objective",
            aggregate_id=objective.id,
            operation=verb,
            recorded_at=timestamp(),
        )
        change.payload.update({**MessageToDict(objective, preserving_proto_field_name=True), **more})
        subject = f"objectives.changes.objective.{verb}"
        await self._stage.changes.publish("objectives", subject, objective.workspace_id, change)


def _ending(result: Work) -> dict[str, Any]:
    told: dict[str, Any] = {} if result.metered else {"cost_usd": result.cost_usd}
    if result.state == "COMPLETED" and not result.result_in_delegation:
        told["output_payload"] = dict(result.output)
    if result.error_message:
        told["error_message"] = result.error_message
    return told
