"""How many at once, and how many of one workspace."""

import asyncio

import grpc
from workflows.v1 import workflows_pb2 as pb

from service.domain.answers import Fault
from service.domain.errors import Kind, Refusal
from service.domain.identity import TokenHolder
from service.edge.gate.gate import Gate
from service.edge.gate.room import Room
from service.edge.gate.tokens import Tokens
from tests.edge.edge import refused, serving


def full() -> Refusal:
    return Refusal(Kind.EXHAUSTED, "full", "")


def entered(room: Room, *workspaces: str | None) -> list[bool]:
    found = []
    for workspace in workspaces:
        try:
            room.enter(workspace)
            found.append(True)
        except Refusal:
            found.append(False)
    return found


def test_one_workspace_leaves_room_for_the_others() -> None:
    room = Room(4, full)
    assert entered(room, "a", "a", "a", "a", "b", "b") == [True, True, True, False, True, False]
    room.leave("b")
    assert entered(room, "a", None, None) == [False, True, False]
    room.leave("a")
    assert entered(room, "a") == [True]


def test_who_sees_every_workspace_may_fill_it() -> None:
    assert entered(Room(2, full), None, None, None) == [True, True, False]


def test_the_smallest_room_is_for_one() -> None:
    assert entered(Room(1, full), "a", "a") == [True, False]


def test_no_workspace_is_counted_that_has_left() -> None:
    room = Room(2, full)
    for number in range(100):
        entered(room, f"ws_{number}")
        room.leave(f"ws_{number}")
    assert not room._taken


class SlowIdentity:
    """Knows one token; does not answer about others until it is told to."""

    def __init__(self) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def introspect(self, token: str, timeout_seconds: float) -> TokenHolder | Fault | None:
        if token == "ann":
            return TokenHolder("ann", "ws_acme", ("workflows:read",))
        self.asked.set()
        await self.answers.wait()
        return None


async def test_made_up_tokens_take_no_room_while_identity_is_slow() -> None:
    identity = SlowIdentity()
    request = pb.ListDefinitionsRequest()
    async with serving(max_calls=1, gate=Gate(Tokens(identity, {}))) as edge:
        waiting = asyncio.ensure_future(
            refused(edge.stub.ListDefinitions(request, metadata=(("authorization", "Bearer made-up"),)))
        )
        await identity.asked.wait()
        await edge.stub.ListDefinitions(request, metadata=(("authorization", "Bearer ann"),))
        identity.answers.set()
        assert (await waiting).code is grpc.StatusCode.UNAUTHENTICATED
