"""A caller who is bound to a workspace: what they may name, and what an unnamed workspace means."""

import pytest
from workflows.v1 import workflows_pb2 as pb

from service.domain.errors import Kind, Refusal
from service.edge import parse
from service.edge.caller import OPEN, Caller

ANN = Caller("acme", "user:ann")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: parse.new_definition(pb.CreateDefinitionRequest(workspace_id="other", name="x"), ANN),
        lambda: parse.definition_list(pb.ListDefinitionsRequest(workspace_id="other"), ANN),
        lambda: parse.run_list(pb.ListRunsRequest(workspace_id="other"), ANN),
        lambda: parse.start_request(pb.StartRunRequest(workspace_id="other", definition_id="wf_1"), ANN),
    ],
    ids=["CreateDefinition", "ListDefinitions", "ListRuns", "StartRun"],
)
def test_a_foreign_workspace_is_denied(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(Refusal) as caught:
        ask()
    assert (caught.value.kind, caught.value.reason) == (Kind.DENIED, "foreign_workspace")


def test_an_unnamed_workspace_is_the_caller_s_own() -> None:
    assert parse.new_definition(pb.CreateDefinitionRequest(name="x"), ANN).workspace_id == "acme"
    assert parse.run_list(pb.ListRunsRequest(), ANN)[0].workspace_id == "acme"
    assert parse.definition_list(pb.ListDefinitionsRequest(workspace_id="acme"), ANN)[0] == "acme"


def test_in_open_mode_every_workspace_is_visible() -> None:
    assert OPEN.may_see("acme")
    assert parse.run_list(pb.ListRunsRequest(), OPEN)[0].workspace_id is None
    assert parse.run_list(pb.ListRunsRequest(workspace_id="acme"), OPEN)[0].workspace_id == "acme"
