"""What one run's words to another come to when the other refuses them."""

from typing import Any, cast

import pytest

from service.domain.answers import ChildStarted, Fault, FaultKind, RunTold
from service.domain.calls import CancelChild, CompensateChild, PauseChild, RunCall, StartChild
from service.domain.commands import Envelope
from service.domain.decision import Repeated
from service.domain.effects import Owed, encode_own
from service.domain.errors import Kind, Refusal, conflict, not_found
from service.domain.ids import Ids
from service.domain.start_keys import StartKey
from service.engine.crossing import Crossing
from service.engine.mailbox import Reply
from service.engine.ports.work import Work
from tests.builders import Story, step, version


class FakeAdvance:
    def __init__(self, refusal: Refusal | None) -> None:
        self._refusal = refusal
        self.told: list[tuple[str, Envelope, str | None]] = []

    async def begun_before(self, key: StartKey, refusal: Refusal) -> Reply:
        """One child was begun, by the effect that was made before."""
        assert refusal == self._refusal
        if key.key != "wfr_parent/call/1/x":
            raise refusal
        return Reply(Story(version([step("a")])).run, Repeated(1))

    async def submit(self, run_id: str, envelope: Envelope, visible: str | None) -> None:
        self.told.append((run_id, envelope, visible))
        if self._refusal:
            raise self._refusal


async def say(call: RunCall, refusal: Refusal | None = None) -> tuple[object, FakeAdvance]:
    advance = FakeAdvance(refusal)
    anything: Any = advance
    effect = Owed("call/1/x", "call", 1, type(call).__name__, 1)
    crossing = Crossing(anything, anything, anything, Ids(lambda: "1"))
    return await crossing.perform(Work("wfr_parent", "ws_1", effect, encode_own(call))), advance


@pytest.mark.parametrize(
    "call", [CancelChild("wfr_c", "over"), PauseChild("wfr_c", "", 3), CompensateChild("wfr_c", "")]
)
async def test_a_word_reaches_the_other_run_within_the_workspace(call: RunCall) -> None:
    answer, advance = await say(call)
    assert answer == RunTold()
    ((run_id, envelope, visible),) = advance.told
    assert (run_id, visible, envelope.actor, envelope.cause) == (
        "wfr_c",
        "ws_1",
        "service:workflows",
        "run:wfr_parent",
    )


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(Kind.ABORTED, "run_contended", ""), FaultKind.TRANSPORT),
        (Refusal(Kind.UNAVAILABLE, "database_unavailable", ""), FaultKind.TRANSPORT),
        (conflict("run_not_ended", "it is being cancelled just now"), FaultKind.TRANSPORT),
        (conflict("run_terminal", ""), FaultKind.FAILED),
        (not_found("run", "wfr_c"), FaultKind.FAILED),
    ],
)
async def test_what_may_pass_is_tried_again_and_the_rest_is_not(refusal: Refusal, kind: FaultKind) -> None:
    answer, _ = await say(CompensateChild("wfr_c", ""), refusal)
    assert answer == Fault(kind, refusal.reason, refusal.message)


class FakeCatalogue:
    """What was there when the child was begun is gone."""

    async def find(self, workspace_id: str, definition_id: str, name: str) -> None:
        return None


@pytest.mark.parametrize("effect_id", ["call/1/x", "call/2/x"])
async def test_a_child_that_was_begun_is_known_also_when_it_could_not_begin_any_more(effect_id: str) -> None:
    gone = not_found("workflow", "parcel")
    advance, catalogue, effect = FakeAdvance(gone), FakeCatalogue(), Owed(effect_id, "call", 1, "StartChild", 2)
    crossing = Crossing(cast(Any, advance), catalogue, cast(Any, advance), Ids(lambda: "1"))
    call = StartChild("", "parcel", 0, {}, 2, (), "", "", "", "")
    answer = await crossing.perform(Work("wfr_parent", "ws_1", effect, encode_own(call)))
    begun = effect_id == "call/1/x"
    assert answer == (ChildStarted("wfr_1") if begun else Fault(FaultKind.REJECTED, gone.reason, gone.message))
