"""How many at once, and how many of one workspace."""

import asyncio
from contextlib import ExitStack

import grpc
import pytest
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


class Crowd:
    """Those who are in a room."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._inside: list[tuple[str | None, ExitStack]] = []

    def come(self, *workspaces: str | None) -> list[bool]:
        """Whether there was a place for each."""
        return [self._came(workspace) for workspace in workspaces]

    def _came(self, workspace: str | None) -> bool:
        held = ExitStack()
        try:
            held.enter_context(self.room.place(workspace))
        except Refusal:
            return False
        self._inside.append((workspace, held))
        return True

    def go(self, workspace: str | None) -> None:
        at = [inside for inside, _ in self._inside].index(workspace)
        self._inside.pop(at)[1].close()


def test_one_workspace_leaves_room_for_the_others() -> None:
    crowd = Crowd(Room(4, full))
    assert crowd.come("a", "a", "a", "a", "b", "b") == [True, True, True, False, True, False]
    crowd.go("b")
    assert crowd.come("a", None, None) == [False, True, False]
    crowd.go("a")
    assert crowd.come("a") == [True]


def test_who_sees_every_workspace_may_fill_it() -> None:
    assert Crowd(Room(2, full)).come(None, None, None) == [True, True, False]


def test_the_smallest_room_is_for_one() -> None:
    assert Crowd(Room(1, full)).come("a", "a") == [True, False]


def test_no_workspace_is_counted_that_has_left() -> None:
    crowd = Crowd(Room(2, full))
    for number in range(100):
        crowd.come(f"ws_{number}")
        crowd.go(f"ws_{number}")
    assert not crowd.room._taken


def test_who_fails_inside_leaves_their_place() -> None:
    room = Room(1, full)
    with pytest.raises(ValueError, match="of one inside"), room.place("a"):
        raise ValueError("of one inside")
    assert Crowd(room).come("a") == [True]


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
