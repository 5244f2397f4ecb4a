"""A call of unknown outcome: what it may have made is looked for before it is made again."""

import json
from dataclasses import replace

import pytest
from agents.v1.agents_pb2 import DelegationRecord, ListDelegationsRequest, ListDelegationsResponse
from approvals.v1.approvals_pb2 import ApprovalRequest, ListPendingRequest, ListPendingResponse
from google.protobuf.message import Message
from objectives.v1.objectives_pb2 import Objective, QueryRequest, QueryResponse

from service.dev.siblings import Fault as Scripted
from service.dev.siblings import SimulatedSiblings
from service.domain.answers import Answer, ApprovalRequested, Delegated, Fault, FaultKind, ObjectiveCreated
from service.domain.calls import CreateObjective, SendNotification, SiblingCall
from service.siblings import SiblingClients, approvals, delegations, objectives
from service.siblings.connections import Connections
from service.siblings.search import MAX_PAGES, PAGE_SIZE, Search, SearchPage, find
from tests.siblings.asking import APPROVAL, DELEGATION, RUN, WORKSPACE, ask, held_objective, in_short_time

MADE: list[tuple[SiblingCall, str, str]] = [
    (held_objective("wfr_1/each[3]/2"), "objectives.Create", "objectives.Query"),
    (DELEGATION, "agents.Delegate", "agents.ListDelegations"),
    (APPROVAL, "approvals.RequestApproval", "approvals.ListPending"),
]
CASES = pytest.mark.parametrize(("call", "method", "search"), MADE)


def methods(siblings: SimulatedSiblings) -> list[str]:
    return [call.method for call in siblings.calls]


@CASES
async def test_found_it_is_not_made_again(
    siblings: SimulatedSiblings, clients: SiblingClients, call: SiblingCall, method: str, search: str
) -> None:
    first = await ask(clients, call)

    again = await ask(clients, call, repeated=True)

    assert again == first
    assert not isinstance(again, Fault)
    assert methods(siblings) == [method, search]
    assert (siblings.calls[-1].workspace_id, siblings.calls[-1].idempotency_key) == (WORKSPACE, "")


@CASES
async def test_not_found_it_is_made_with_the_same_bytes_and_key(
    siblings: SimulatedSiblings, clients: SiblingClients, call: SiblingCall, method: str, search: str
) -> None:
    siblings.add_fault(Scripted(method, "UNAVAILABLE"))
    await ask(clients, call)

    again = await ask(clients, call, repeated=True)

    assert not isinstance(again, Fault)
    assert methods(siblings) == [method, search, method]
    first, _, second = siblings.calls
    assert (first.request, first.idempotency_key) == (second.request, second.idempotency_key)


@CASES
@pytest.mark.parametrize("kind", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "GARBAGE"])
async def test_while_the_search_does_not_answer_nothing_is_made(
    siblings: SimulatedSiblings, clients: SiblingClients, call: SiblingCall, method: str, search: str, kind: str
) -> None:
    siblings.add_fault(Scripted(search, kind))

    answer = await ask(clients, call, repeated=True)

    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.TRANSPORT
    assert methods(siblings) == [search]


@CASES
async def test_while_the_search_hangs_nothing_is_made(
    siblings: SimulatedSiblings, clients: SiblingClients, call: SiblingCall, method: str, search: str
) -> None:
    siblings.add_fault(Scripted(search, "HANG", times=9))

    answer = await in_short_time(
        lambda seconds: ask(clients, call, timeout_seconds=seconds, repeated=True), lambda _: bool(siblings.calls)
    )

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "deadline_exceeded")
    assert set(methods(siblings)) == {search}


@CASES
@pytest.mark.parametrize("kind", ["UNIMPLEMENTED", "PERMISSION_DENIED", "INVALID_ARGUMENT"])
async def test_a_sibling_that_cannot_be_searched_is_asked_again(
    siblings: SimulatedSiblings, clients: SiblingClients, call: SiblingCall, method: str, search: str, kind: str
) -> None:
    first = await ask(clients, call)
    siblings.add_fault(Scripted(search, kind))

    again = await ask(clients, call, repeated=True)

    assert again == first
    assert [(made.method, made.outcome) for made in siblings.calls] == [
        (method, "ANSWERED"),
        (search, kind),
        (method, "REPEATED"),
    ]


@CASES
async def test_the_first_time_nothing_is_searched(
    siblings: SimulatedSiblings, clients: SiblingClients, call: SiblingCall, method: str, search: str
) -> None:
    await ask(clients, call)

    assert methods(siblings) == [method]


async def test_what_cannot_be_found_again_is_repeated(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    call = SendNotification("user_1", "", "", "", "Outreach", "sent", "", {})
    first = await ask(clients, call)

    assert await ask(clients, call, repeated=True) == first
    assert len(siblings.notifications) == 1


async def test_an_approval_that_is_decided_is_found_by_its_key(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    first = await ask(clients, APPROVAL)
    assert isinstance(first, ApprovalRequested)
    await siblings.decide_approval(first.approval_request_id, "APPROVED")

    assert await ask(clients, APPROVAL, repeated=True) == first
    assert len(siblings.approvals) == 1


async def test_other_attempts_are_not_taken_for_this_one(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    others: list[SiblingCall] = [
        held_objective("wfr_1/each[3]/1"),
        replace(DELEGATION, objective_id="obj_0"),
        replace(DELEGATION, step_id="each[4]"),
        replace(APPROVAL, context={**APPROVAL.context, "attempt": 1}),
        replace(APPROVAL, context={"why": "of no run"}),
    ]
    for number, other in enumerate(others):
        await ask(clients, other, key=f"other {number}")

    for call, _, _ in MADE:
        await ask(clients, call, repeated=True)

    counts = (len(siblings.objectives), len(siblings.delegations), len(siblings.approvals))
    assert counts == (2, 3, 3)


async def test_every_page_is_read(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    for number in range(PAGE_SIZE + 1):
        await ask(clients, held_objective(f"wfr_1/each[{number}]/1"), key=str(number))
    siblings.calls.clear()

    last = await ask(clients, held_objective(f"wfr_1/each[{PAGE_SIZE}]/1"), repeated=True)

    assert isinstance(last, ObjectiveCreated)
    assert methods(siblings) == ["objectives.Query"] * 2
    assert [QueryRequest.FromString(call.request).offset for call in siblings.calls] == [0, PAGE_SIZE]
    assert QueryRequest.FromString(siblings.calls[0].request).agent_id == "agent_idle"


def searched(call: SiblingCall) -> Search:
    request = SiblingClients({}).encode(call, WORKSPACE, RUN)
    by_call = {
        "CreateObjective": objectives.search,
        "Delegate": delegations.search,
        "RequestApproval": approvals.search,
    }
    search = by_call[type(call).__name__](request, WORKSPACE)
    assert search is not None
    return search


def test_pages_are_asked_for_where_the_list_is() -> None:
    query, listing, pending = (searched(call).request(1000) for call, _, _ in MADE)

    assert query == QueryRequest(workspace_id=WORKSPACE, agent_id="agent_idle", limit=500, offset=1000)
    assert listing == ListDelegationsRequest(workspace_id=WORKSPACE, workflow_run_id=RUN, limit=500, offset=1000)
    assert pending == ListPendingRequest(workspace_id=WORKSPACE, limit=500, offset=1000)


def found(call: SiblingCall, reply: Message) -> Answer | None:
    page = searched(call).method.parse(reply.SerializeToString())
    assert not isinstance(page, Fault)
    return page.found


@pytest.mark.parametrize(
    ("description", "workspace", "hit"),
    [
        ("text\nwfr_1/each[3]/2", WORKSPACE, True),
        ("wfr_1/each[3]/2\n", WORKSPACE, True),
        ("wfr_1/each[3]/2\nand more", WORKSPACE, False),
        ("see wfr_1/each[3]/2", WORKSPACE, False),
        ("wfr_1/each[3]/2", "ws_other", False),
    ],
)
def test_a_marker_is_the_last_line(description: str, workspace: str, hit: bool) -> None:
    objective = Objective(id="obj_1", workspace_id=workspace, agent_id="agent_b", description=description)

    answer = found(held_objective("wfr_1/each[3]/2"), QueryResponse(objectives=[objective]))

    assert answer == (ObjectiveCreated("obj_1", "agent_b") if hit else None)


def test_without_a_marker_nothing_can_be_found() -> None:
    request = SiblingClients({}).encode(CreateObjective("agent_a", "t", "", ""), WORKSPACE, RUN)

    assert objectives.search(request, WORKSPACE) is None


def test_a_delegation_of_another_run_is_not_ours() -> None:
    theirs = DelegationRecord(id="del_0", workflow_run_id="wfr_2", workflow_step_id="each[3]", objective_id="obj_1")
    ours = DelegationRecord(id="del_1", workflow_run_id=RUN, workflow_step_id="each[3]", objective_id="obj_1")

    assert found(DELEGATION, ListDelegationsResponse(delegations=[theirs])) is None
    assert found(DELEGATION, ListDelegationsResponse(delegations=[theirs, ours])) == Delegated("del_1", "PENDING")


@pytest.mark.parametrize("context", ["", "{", "[]", '"text"', '{"run_id": "wfr_1"}', '{"run_id": {"a": 1}}'])
def test_contexts_of_others_are_passed_over(context: str) -> None:
    origin = json.dumps({"attempt": 2.0, "step_id": "each[3]", "run_id": RUN, "more": [1]})
    requests = [ApprovalRequest(id="apr_0", context_json=context), ApprovalRequest(id="apr_1", context_json=origin)]

    assert found(APPROVAL, ListPendingResponse(requests=requests)) == ApprovalRequested("apr_1")


class Endless:
    """A sibling whose list has no end, and never what is looked for; `patience` pages take half of the time."""

    def __init__(self, patience: int) -> None:
        self.pages = 0
        self._patience = patience

    @property
    def half_gone(self) -> bool:
        return self.pages >= self._patience

    async def look_up(self, method: object, request: object, share: float = 1.0) -> object:
        self.pages += 1
        return SearchPage(PAGE_SIZE, 0, None)


@pytest.mark.parametrize(("patience", "read"), [(2 * MAX_PAGES, MAX_PAGES), (3, 3)])
async def test_a_list_is_read_neither_for_ever_nor_until_no_time_is_left_for_the_call(patience: int, read: int) -> None:
    endless = Endless(patience)

    assert await find(endless, searched(DELEGATION)) is None  # type: ignore[arg-type]
    assert endless.pages == read


def test_half_of_the_time_of_an_errand_is_gone_by_its_clock() -> None:
    now = [100.0]
    line = Connections({}, lambda: now[0]).line(WORKSPACE, timeout_seconds=10)

    gone = []
    for now[0] in (100.0, 104.9, 105.0, 111.0):
        gone.append(line.half_gone)
    assert gone == [False, False, True, True]
