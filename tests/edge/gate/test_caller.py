"""What a caller may name, workspaces and people, and what it means to name none."""

from collections.abc import Callable

import pytest
from workflows.ops.v1 import tasks_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.errors import Kind, Refusal
from service.edge.gate.caller import OPEN, Caller
from service.edge.tasks import requests as task_requests
from service.edge.workflows import requests, trigger_requests

ANN = Caller("acme", "user:ann", user_id="ann")
AGENT = Caller("acme", "agent:sdr", agent_id="sdr")
HELPER = Caller("acme", "agent:sdr", agent_id="sdr", acts_for="ann")
SERVICE = Caller("acme", "service:crm")
DESK = Caller("acme", "service:desk", for_others=True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: requests.new_definition(pb.CreateDefinitionRequest(workspace_id="other", name="x"), ANN),
        lambda: requests.definition_list(pb.ListDefinitionsRequest(workspace_id="other"), ANN),
        lambda: requests.run_list(pb.ListRunsRequest(workspace_id="other"), ANN),
        lambda: requests.start_request(pb.StartRunRequest(workspace_id="other", definition_id="wf_1"), ANN),
        lambda: task_requests.task_list(ops.ListTasksRequest(workspace_id="other"), ANN),
    ],
    ids=["CreateDefinition", "ListDefinitions", "ListRuns", "StartRun", "ListTasks"],
)
def test_a_foreign_workspace_is_denied(ask: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        ask()
    assert (caught.value.kind, caught.value.reason) == (Kind.DENIED, "foreign_workspace")


def test_an_unnamed_workspace_is_the_caller_s_own() -> None:
    assert requests.new_definition(pb.CreateDefinitionRequest(name="x"), ANN).workspace_id == "acme"
    assert requests.run_list(pb.ListRunsRequest(), ANN)[0].workspace_id == "acme"
    assert task_requests.task_list(ops.ListTasksRequest(), ANN)[0].workspace_id == "acme"
    assert requests.definition_list(pb.ListDefinitionsRequest(workspace_id="acme"), ANN)[0] == "acme"


def test_in_open_mode_every_workspace_is_visible() -> None:
    assert OPEN.may_see("acme")
    assert requests.run_list(pb.ListRunsRequest(), OPEN)[0].workspace_id is None
    assert requests.run_list(pb.ListRunsRequest(workspace_id="acme"), OPEN)[0].workspace_id == "acme"


@pytest.mark.parametrize(
    ("caller", "named", "person"),
    [
        pytest.param(ANN, "", "ann", id="a person is themself"),
        pytest.param(ANN, "ann", "ann", id="a person names themself"),
        pytest.param(DESK, "bob", "bob", id="a service that acts for others"),
        pytest.param(DESK, "", "", id="a service is no person"),
        pytest.param(AGENT, "", "", id="an agent is no person"),
        pytest.param(OPEN, "bob", "bob", id="open mode"),
        pytest.param(OPEN, "", "", id="open mode, nobody named"),
    ],
)
def test_who_acts(caller: Caller, named: str, person: str) -> None:
    assert caller.acts_as(named) == person
    assert started(caller, named) == person


@pytest.mark.parametrize("caller", [ANN, AGENT, HELPER, SERVICE], ids=["person", "agent", "helper", "service"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda caller: started(caller, "bob"),
        lambda caller: claimed(caller, "bob"),
    ],
    ids=["StartRun", "ClaimTask"],
)
def test_acting_for_somebody_else_is_denied(ask: Callable[[Caller], object], caller: Caller) -> None:
    with pytest.raises(Refusal) as caught:
        ask(caller)
    assert (caught.value.kind, caught.value.reason) == (Kind.DENIED, "foreign_user")


@pytest.mark.parametrize(
    ("caller", "named", "actor", "person"),
    [
        pytest.param(ANN, "", "user:ann", "ann", id="a person"),
        pytest.param(DESK, "bob", "service:desk", "bob", id="a service for a person"),
        pytest.param(AGENT, "", "agent:sdr", "agent:sdr", id="an agent in its own name"),
        pytest.param(OPEN, "bob", "user:bob", "bob", id="open mode"),
        pytest.param(OPEN, "", "anonymous", "anonymous", id="open mode, nobody named"),
    ],
)
def test_who_changes_a_task(caller: Caller, named: str, actor: str, person: str) -> None:
    order = claimed(caller, named)
    assert (order.actor, order.command.user_id) == (actor, person)


def test_an_agent_begins_for_its_person_but_does_not_work_as_them() -> None:
    assert started(HELPER, "") == started(HELPER, "ann") == "ann"
    assert claimed(HELPER, "").command.user_id == "agent:sdr"
    with pytest.raises(Refusal, match="person"):
        claimed(HELPER, "ann")


@pytest.mark.parametrize(
    "ask",
    [
        lambda caller, agent: initiator(caller, agent),
        lambda caller, agent: handed_in(caller, agent),
        lambda caller, agent: requests.transition(report(agent), caller)[1].agent_id,
    ],
    ids=["StartRun", "HandleTrigger", "TransitionStep"],
)
def test_an_agent_has_only_its_own_name(ask: Callable[[Caller, str], str]) -> None:
    assert ask(AGENT, "sdr") == "sdr"
    assert ask(AGENT, "agent:sdr") == "agent:sdr"
    with pytest.raises(Refusal) as caught:
        ask(AGENT, "another")
    assert (caught.value.kind, caught.value.reason) == (Kind.DENIED, "foreign_agent")
    for caller in (ANN, DESK, OPEN):
        assert ask(caller, "another") == "another"


def test_what_an_agent_begins_is_begun_by_it() -> None:
    assert initiator(AGENT, "") == handed_in(AGENT, "") == "sdr"
    assert initiator(ANN, "") == handed_in(ANN, "") == ""


def initiator(caller: Caller, agent_id: str) -> str:
    request = pb.StartRunRequest(definition_id="wf_1", initiator_agent_id=agent_id)
    return requests.start_request(request, caller).initiator_agent_id


def handed_in(caller: Caller, agent_id: str) -> str:
    request = pb.HandleTriggerRequest(
        workspace_id="acme",
        trigger_type=pb.TRIGGER_TYPE_EVENT,
        trigger_event_id="1",
        event_type="x",
        initiator_agent_id=agent_id,
    )
    said = trigger_requests.trigger(request, caller).event.handed_in
    assert said is not None
    return said.initiator_agent_id


def report(agent_id: str) -> pb.TransitionStepRequest:
    return pb.TransitionStepRequest(run_id="wfr_1", step_id="one", state=pb.STEP_RUN_STATE_COMPLETED, agent_id=agent_id)


def started(caller: Caller, user_id: str) -> str:
    request = pb.StartRunRequest(definition_id="wf_1", initiator_user_id=user_id)
    return requests.start_request(request, caller).initiator_user_id


def claimed(caller: Caller, user_id: str) -> task_requests.Order:
    return task_requests.order(ops.ClaimTaskRequest(id="wfr_1/check", user_id=user_id), caller)
