"""docs/security.md says what the code says: scopes, settings, reasons, tokens of dev."""

import re
from pathlib import Path

import pytest

from service.config import table
from service.dev.tokens import DEV_TOKENS
from service.edge.gate.access import NEEDED, Scope
from service.edge.gate.tokens import ASK_SECONDS, BAD_SECONDS, GOOD_SECONDS, MOST

PAGE = (Path(__file__).parents[2] / "docs/security.md").read_text()
ROWS = dict(re.findall(r"^\| `(workflows:\w+)` \| (.+) \|$", PAGE, re.MULTILINE))


def calls(scope: Scope) -> dict[str, list[str]]:
    """Of each service, in the order of its contract."""
    found = {
        service.rpartition(".")[2]: [rpc for rpc, needed in lines.items() if needed is scope]
        for service, lines in NEEDED.items()
    }
    return {service: rpcs for service, rpcs in found.items() if rpcs}


def written(scope: Scope) -> str:
    return "; ".join(f"{service}: {', '.join(rpcs)}" for service, rpcs in calls(scope).items())


@pytest.mark.parametrize("scope", Scope)
def test_the_table_of_scopes_is_the_code_s(scope: Scope) -> None:
    assert ROWS[scope] == written(scope), f"the row of docs/security.md has to be\n| `{scope}` | {written(scope)} |"


def test_no_other_scope_is_told_of() -> None:
    assert ROWS.keys() == {scope.value for scope in Scope}


def test_every_setting_there_is_one() -> None:
    mentioned = set(re.findall(r"`((?:TLS|SIBLINGS|GRPC|HTTP)_[A-Z_]+|AUTH|INSECURE|WORKSPACES|REFLECTION)", PAGE))
    assert mentioned - {name for name, _, _ in table()} == {"GRPC_SSL_CIPHER_SUITES"}


def test_every_setting_of_security_is_there() -> None:
    ours = [name for name, _, _ in table() if name.startswith(("TLS_", "SIBLINGS_"))]
    for name in (*ours, "AUTH", "INSECURE", "WORKSPACES", "REFLECTION", "IDENTITY_ADDRESS"):
        assert f"`{name}" in PAGE


def test_the_numbers_are_the_code_s() -> None:
    assert (GOOD_SECONDS, BAD_SECONDS, ASK_SECONDS, MOST) == (30, 5, 3, 10_000)


@pytest.mark.parametrize("name", DEV_TOKENS)
def test_dev_s_tokens_are_there(name: str) -> None:
    token = DEV_TOKENS[name]
    where = token.organization_id or "every workspace"
    assert f"  {name:<13} {token.subject} in {where}: {' '.join(token.scopes)}\n" in PAGE
