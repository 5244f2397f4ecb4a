"""Work for agents: creating an objective, and withdrawing it."""

from objectives.v1.objectives_pb2 import CancelRequest, CancelResponse, CreateRequest, CreateResponse

from service.domain.effects import CancelObjective, CreateObjective, ObjectiveCancelled, ObjectiveCreated
from service.siblings.method import SURFACE, Method, demand


def create_request(call: CreateObjective, workspace_id: str) -> CreateRequest:
    """The marker is the description's last line."""
    return CreateRequest(
        workspace_id=workspace_id,
        agent_id=call.agent_id,
        surface=SURFACE,
        title=call.title,
        description="\n".join(filter(None, (call.description, call.marker))),
    )


def cancel_request(call: CancelObjective) -> CancelRequest:
    return CancelRequest(id=call.objective_id, reason=call.reason)


def _created(reply: CreateResponse) -> ObjectiveCreated:
    objective = reply.objective
    return ObjectiveCreated(demand(objective.id, "objective id"), objective.agent_id)


def _cancelled(reply: CancelResponse) -> ObjectiveCancelled:
    return ObjectiveCancelled(demand(reply.objective.id, "objective id"))


CREATE = Method("objectives", "/objectives.v1.ObjectiveService/Create", CreateResponse, _created)
CANCEL = Method("objectives", "/objectives.v1.ObjectiveService/Cancel", CancelResponse, _cancelled)
