"""Work for agents: creating an objective, finding it again, asking how far it is, and withdrawing it."""

from objectives.v1.objectives_pb2 import (
    CancelRequest,
    CancelResponse,
    CreateRequest,
    CreateResponse,
    GetRequest,
    GetResponse,
    Objective,
    ObjectiveState,
    QueryRequest,
    QueryResponse,
)

from service.domain.answers import ObjectiveCancelled, ObjectiveCreated, ObjectiveStatus
from service.domain.calls import CancelObjective, CreateObjective, GetObjective
from service.siblings.method import SURFACE, SiblingMethod, demand, name_of
from service.siblings.search import PAGE_SIZE, Search, SearchPage

_SERVICE = "/objectives.v1.ObjectiveService"


def create_request(call: CreateObjective, workspace_id: str) -> CreateRequest:
    """The marker is the description's last line."""
    return CreateRequest(
        workspace_id=workspace_id,
        agent_id=call.agent_id,
        surface=SURFACE,
        title=call.title,
        description="\n".join(filter(None, (call.description, call.marker))),
    )


def get_request(call: GetObjective) -> GetRequest:
    return GetRequest(id=call.objective_id)


def cancel_request(call: CancelObjective) -> CancelRequest:
    return CancelRequest(id=call.objective_id, reason=call.reason)


def search(request: bytes, workspace_id: str) -> Search | None:
    """Looks among the agent's objectives for the one with the marker of this request."""
    created = CreateRequest.FromString(request)
    if not _marker(created):
        return None

    def page(offset: int) -> QueryRequest:
        return QueryRequest(workspace_id=workspace_id, agent_id=created.agent_id, limit=PAGE_SIZE, offset=offset)

    def read(reply: QueryResponse) -> SearchPage:
        ours = (each for each in reply.objectives if each.id and _same(each, created))
        found = next((ObjectiveCreated(each.id, each.agent_id) for each in ours), None)
        return SearchPage(len(reply.objectives), reply.total, found)

    return Search(SiblingMethod("objectives", f"{_SERVICE}/Query", QueryResponse, read), page)


def _same(objective: Objective, created: CreateRequest) -> bool:
    return objective.workspace_id == created.workspace_id and _marker(objective) == _marker(created)


def _marker(described: Objective | CreateRequest) -> str:
    return described.description.rstrip().rpartition("\n")[2]


def _created(reply: CreateResponse) -> ObjectiveCreated:
    objective = reply.objective
    return ObjectiveCreated(demand(objective.id, "objective id"), objective.agent_id)


def _status(reply: GetResponse) -> ObjectiveStatus:
    objective = reply.objective
    state = name_of(ObjectiveState, objective.state, "OBJECTIVE_STATE_")
    return ObjectiveStatus(demand(objective.id, "objective id"), demand(state, "state"))


def _cancelled(reply: CancelResponse) -> ObjectiveCancelled:
    return ObjectiveCancelled(demand(reply.objective.id, "objective id"))


CREATE = SiblingMethod("objectives", f"{_SERVICE}/Create", CreateResponse, _created)
GET = SiblingMethod("objectives", f"{_SERVICE}/Get", GetResponse, _status)
CANCEL = SiblingMethod("objectives", f"{_SERVICE}/Cancel", CancelResponse, _cancelled)
