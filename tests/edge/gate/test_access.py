"""Every RPC asks for a scope, in one table that is whole."""

import pytest

from service.domain.errors import Kind, Refusal
from service.edge.gate import access
from service.edge.gate.access import NEEDED, Scope
from service.edge.server.server import CONTRACTS

RPCS = [f"/{contract.full_name}/{method.name}" for contract in CONTRACTS for method in contract.methods]


@pytest.mark.parametrize("method", RPCS)
def test_every_rpc_has_a_line(method: str) -> None:
    assert access.needed(method) in access.EVERY_SCOPE, f"{method} needs a line in service/edge/gate/access.py"


def test_every_line_has_an_rpc() -> None:
    assert {f"/{service}/{rpc}" for service, lines in NEEDED.items() for rpc in lines} == set(RPCS)


def test_an_rpc_without_a_line_is_nobody_s() -> None:
    with pytest.raises(Refusal) as caught:
        access.check(access.EVERY_SCOPE, access.needed("/workflows.v1.WorkflowService/Unheard"))
    assert (caught.value.kind, caught.value.reason) == (Kind.DENIED, "missing_scope")


def test_no_scope_includes_another() -> None:
    with pytest.raises(Refusal, match="workflows:read"):
        access.check(frozenset({Scope.OPERATE.value, Scope.WRITE.value}), Scope.READ)


def test_scopes_of_others_are_nothing() -> None:
    assert access.known(["workflows:read", "workflows:*", "objectives:read", ""]) == {"workflows:read"}
