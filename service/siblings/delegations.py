"""Work handed from one agent to another: delegating it, finding the delegation again, and asking what came of it."""

from agents.v1.agents_pb2 import (
    DelegateRequest,
    DelegateResponse,
    DelegationRecord,
    GetDelegationRequest,
    GetDelegationResponse,
    ListDelegationsRequest,
    ListDelegationsResponse,
)
from agents.v1.agents_pb2 import DelegationStatus as WireStatus

from service.domain.answers import Delegated, DelegationStatus
from service.domain.calls import Delegate, GetDelegation
from service.siblings.method import SiblingMethod, demand, json_bytes, json_object, name_of
from service.siblings.search import PAGE_SIZE, Search, SearchPage

_SERVICE = "/agents.v1.AgentService"


def delegate_request(call: Delegate, run_id: str) -> DelegateRequest:
    return DelegateRequest(
        from_agent_id=call.from_agent_id,
        to_agent_id=call.to_agent_id,
        required_capability=call.required_capability,
        objective_id=call.objective_id,
        workflow_run_id=run_id,
        workflow_step_id=call.step_id,
        context_payload=json_bytes(call.context),
    )


def get_request(call: GetDelegation) -> GetDelegationRequest:
    return GetDelegationRequest(id=call.delegation_id)


def search(request: bytes, workspace_id: str) -> Search:
    """Looks among the run's delegations for the one of this step and objective."""
    asked = DelegateRequest.FromString(request)

    def page(offset: int) -> ListDelegationsRequest:
        run_id = asked.workflow_run_id
        return ListDelegationsRequest(workspace_id=workspace_id, workflow_run_id=run_id, limit=PAGE_SIZE, offset=offset)

    def read(reply: ListDelegationsResponse) -> SearchPage:
        ours = (each for each in reply.delegations if each.id and _same(each, asked))
        return SearchPage(len(reply.delegations), reply.total, next(map(_as_delegated, ours), None))

    return Search(SiblingMethod("agents", f"{_SERVICE}/ListDelegations", ListDelegationsResponse, read), page)


def _same(record: DelegationRecord, asked: DelegateRequest) -> bool:
    theirs = (record.workflow_run_id, record.workflow_step_id, record.objective_id)
    return theirs == (asked.workflow_run_id, asked.workflow_step_id, asked.objective_id)


def _as_delegated(record: DelegationRecord) -> Delegated:
    """A delegation that has no status yet is on its way."""
    return Delegated(record.id, _status(record) or "PENDING", record.error_message)


def _delegated(reply: DelegateResponse) -> Delegated:
    demand(reply.delegation.id, "delegation id")
    return _as_delegated(reply.delegation)


def _told(reply: GetDelegationResponse) -> DelegationStatus:
    record = reply.delegation
    return DelegationStatus(
        demand(record.id, "delegation id"),
        demand(_status(record), "status"),
        json_object(record.result_payload),
        record.error_message,
    )


def _status(record: DelegationRecord) -> str:
    return name_of(WireStatus, record.status, "DELEGATION_STATUS_")


DELEGATE = SiblingMethod("agents", f"{_SERVICE}/Delegate", DelegateResponse, _delegated)
GET = SiblingMethod("agents", f"{_SERVICE}/GetDelegation", GetDelegationResponse, _told)
