"""What a control of many runs is about, under its caller's key: kept once, given again, and nobody else's."""

import pytest

from service.domain.bulk import Chosen, Target
from service.domain.errors import Refusal
from service.domain.idempotency import Idem
from service.domain.state import RunState
from service.store.bulk import BulkCalls
from service.store.pool import Pool

KEY = Idem("user:ann", "k1", b"digest")
CHOSEN = Chosen(7, "wfr_9", [Target("wfr_1", RunState.RUNNING, 3), Target("wfr_2", RunState.PAUSED, 4)], more=True)
OTHER = Chosen(0, "", [], more=False)


@pytest.fixture
def calls(engine_pool: Pool) -> BulkCalls:
    return BulkCalls(engine_pool)


async def test_what_was_chosen_is_given_again(calls: BulkCalls) -> None:
    assert await calls.known("ws_1", KEY) is None
    assert await calls.keep("ws_1", KEY, CHOSEN) == CHOSEN
    assert await calls.known("ws_1", KEY) == CHOSEN
    assert await calls.known("ws_2", KEY) is None
    assert await calls.known("ws_1", Idem("user:bob", "k1", b"digest")) is None


async def test_the_first_of_two_counts(calls: BulkCalls) -> None:
    await calls.keep("ws_1", KEY, CHOSEN)
    assert await calls.keep("ws_1", KEY, OTHER) == CHOSEN


async def test_a_key_of_another_request_is_refused(calls: BulkCalls) -> None:
    await calls.keep("ws_1", KEY, CHOSEN)
    with pytest.raises(Refusal) as refused:
        await calls.known("ws_1", Idem("user:ann", "k1", b"another"))
    assert refused.value.reason == "idempotency_conflict"
