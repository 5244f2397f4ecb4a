"""Every RPC with no token, an expired one, one of another scope, a foreign workspace and foreign ids.

Real gRPC, a real database and a simulated identity. Ann has things in her workspace; a stranger with every scope of
another workspace asks for them, and neither sees them nor changes anything.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf.message_factory import GetMessageClass

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script, Token, parse_script
from service.dev.tokens import DEV_TOKENS, EVERYTHING
from service.edge.gate import access
from tests.edge.edge import refused
from tests.journey.conftest import SIBLINGS
from tests.journey.rpcs import METHODS, REQUESTS, Scene, owned, scene, send
from tests.world import WORKSPACE, World, world

OTHER = "ws_other"
ANN = DEV_TOKENS["dev-ann"]
TOKENS = {
    "stranger": Token("user:eve", OTHER, EVERYTHING),
    "expired": replace(ANN, expires_at="2020-01-01T00:00:00Z"),
    **{f"lacks-{scope.partition(':')[2]}": replace(ANN, scopes=tuple({*EVERYTHING} - {scope})) for scope in EVERYTHING},
}

every_rpc = pytest.mark.parametrize("rpc", METHODS)


@pytest.fixture(scope="module")
def script() -> Script:
    return replace(parse_script(SIBLINGS), tokens=TOKENS)


@pytest.fixture(scope="module")
async def guarded(shared_database: str, script: Script) -> AsyncIterator[World]:
    with EmbeddedNats() as bus:
        async with world(shared_database, bus.url, script, token="dev-ann") as found:
            yield found


@pytest.fixture(scope="module")
async def owner(shared_database: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(shared_database, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
async def plain(guarded: World) -> AsyncIterator[grpc.aio.Channel]:
    """A channel that shows no token by itself."""
    async with grpc.aio.insecure_channel(guarded.address) as channel:
        yield channel


@pytest.fixture(scope="module")
async def things(guarded: World, owner: psycopg.AsyncConnection[Any]) -> Scene:
    """For those who change nothing."""
    return await scene(guarded, owner)


def by(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


def test_every_rpc_is_tried() -> None:
    assert REQUESTS.keys() == METHODS.keys(), "add the request of a new RPC to tests/journey/rpcs.py"


@every_rpc
async def test_without_a_token(rpc: str, plain: grpc.aio.Channel, things: Scene) -> None:
    error = await refused(send(plain, METHODS[rpc], REQUESTS[rpc](things)))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "no_token")


@every_rpc
@pytest.mark.parametrize(("token", "reason"), [("expired", "token_expired"), ("unheard-of", "token_inactive")])
async def test_with_a_token_that_is_not_good(
    rpc: str, token: str, reason: str, plain: grpc.aio.Channel, things: Scene
) -> None:
    error = await refused(send(plain, METHODS[rpc], REQUESTS[rpc](things), by(token)))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)


@every_rpc
async def test_without_its_scope(rpc: str, plain: grpc.aio.Channel, things: Scene) -> None:
    method = METHODS[rpc]
    scope = access.needed(f"/{method.containing_service.full_name}/{method.name}")
    error = await refused(send(plain, method, REQUESTS[rpc](things), by(f"lacks-{scope.partition(':')[2]}")))
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "missing_scope")
    assert scope in error.message


NAMING = [rpc for rpc, method in METHODS.items() if "workspace_id" in method.input_type.fields_by_name]


@pytest.mark.parametrize("rpc", NAMING)
async def test_naming_a_foreign_workspace(
    rpc: str, plain: grpc.aio.Channel, things: Scene, owner: psycopg.AsyncConnection[Any]
) -> None:
    request: Any = REQUESTS[rpc](things)
    request.workspace_id = WORKSPACE
    before = await owned(owner, WORKSPACE)
    error = await refused(send(plain, METHODS[rpc], request, by("stranger")))
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "foreign_workspace")
    assert await owned(owner, WORKSPACE) == before


NEUTRAL = {
    *("CreateDefinition", "HandleTrigger", "ListDefinitions", "ListRuns", "ListTasks", "SearchRuns", "ControlRuns"),
    *("ListSchedules", "ListDeadLetters", "ListEvents", "Republish"),
    *("SetPolicy", "ListPolicies", "ListHolds", "Purge", "ListPurges"),
}
"""They name nothing that has to be there; for a stranger it is not, and they find nothing of it."""


def counted(found: object) -> bool:
    return hasattr(found, "append")


@every_rpc
async def test_foreign_ids_do_not_exist(
    rpc: str, plain: grpc.aio.Channel, guarded: World, things: Scene, owner: psycopg.AsyncConnection[Any]
) -> None:
    before = await owned(owner, WORKSPACE)
    asking = send(plain, METHODS[rpc], REQUESTS[rpc](things), by("stranger"))
    if METHODS[rpc].name in NEUTRAL:
        answer = await asking
        assert not any(known in str(answer) for known in (*things.ids, WORKSPACE))
        assert not getattr(answer, "count", 0)
        assert not getattr(answer, "matched", 0)
        assert getattr(answer, "total", 0) <= sum(len(found) for _, found in answer.ListFields() if counted(found))
    else:
        error = await refused(asking)
        assert error.code is grpc.StatusCode.NOT_FOUND, error
        assert things.name not in error.text
    assert await owned(owner, WORKSPACE) == before


@every_rpc
async def test_its_own_things_are_there(
    rpc: str, plain: grpc.aio.Channel, guarded: World, owner: psycopg.AsyncConnection[Any]
) -> None:
    """So what the others were refused was refused for who they are."""
    things = await scene(guarded, owner)
    try:
        answer = await send(plain, METHODS[rpc], REQUESTS[rpc](things), by("dev-ann"))
        assert isinstance(answer, GetMessageClass(METHODS[rpc].output_type))
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION, error  # noqa: PT017 (most succeed)


@every_rpc
async def test_an_operator_of_all_workspaces_finds_it(
    rpc: str, plain: grpc.aio.Channel, guarded: World, owner: psycopg.AsyncConnection[Any]
) -> None:
    things = await scene(guarded, owner)
    request: Any = REQUESTS[rpc](things)
    if rpc in NAMING:
        request.workspace_id = WORKSPACE
    try:
        answer = await send(plain, METHODS[rpc], request, by("dev-operator"))
        assert isinstance(answer, GetMessageClass(METHODS[rpc].output_type))
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION, error  # noqa: PT017
