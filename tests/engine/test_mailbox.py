"""Letters for one run are folded; nobody's going away, and nobody's error, harms another."""

import asyncio

import pytest

from service.domain.commands import Envelope, TimePassed
from service.domain.decision import Accepted
from service.engine.mailbox import Letter, Mailbox, Reply
from service.engine.ports.failures import StoreUnavailable
from tests.builders import Story, chain

RUN = Story(chain(1)).run
LETTER = Envelope(TimePassed(), "tests", "timer")


class Desk:
    """A fold that waits to be let go, and remembers what it was given."""

    def __init__(self) -> None:
        self.folds: list[int] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.error: Exception | None = None
        self.poison: Envelope | None = None

    async def fold(self, run_id: str, letters: list[Letter]) -> None:
        self.folds.append(len(letters))
        self.begun.set()
        await self.go.wait()
        if self.error and (self.poison is None or self.poison in [letter.envelope for letter in letters]):
            raise self.error
        for letter in letters:
            letter.reply.set_result(Reply(RUN, Accepted(len(letters))))


async def test_what_arrives_during_a_fold_is_folded_next() -> None:
    desk = Desk()
    mailbox = Mailbox(desk.fold)
    first = asyncio.create_task(mailbox.post("a", LETTER))
    await desk.begun.wait()
    later = [asyncio.create_task(mailbox.post("a", LETTER)) for _ in range(5)]
    await asyncio.sleep(0)
    desk.go.set()
    await asyncio.gather(first, *later)
    assert desk.folds == [1, 5]


async def test_different_runs_do_not_wait_for_each_other() -> None:
    desk = Desk()
    mailbox = Mailbox(desk.fold)
    tasks = [asyncio.create_task(mailbox.post(run_id, LETTER)) for run_id in "abc"]
    await desk.begun.wait()
    await asyncio.sleep(0)
    assert desk.folds == [1, 1, 1]
    desk.go.set()
    await asyncio.gather(*tasks)


async def test_a_caller_who_goes_away_does_not_cut_the_fold() -> None:
    desk = Desk()
    mailbox = Mailbox(desk.fold)
    gone = asyncio.create_task(mailbox.post("a", LETTER))
    await desk.begun.wait()
    other = asyncio.create_task(mailbox.post("a", LETTER))
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    desk.go.set()
    assert (await other).verdict == Accepted(1)
    await mailbox.tasks.drain()
    assert desk.folds == [1, 1]


async def test_a_letter_that_breaks_the_fold_is_the_only_one_to_fail() -> None:
    desk = Desk()
    mailbox = Mailbox(desk.fold)
    desk.error, desk.poison = ValueError("cannot be stored"), Envelope(TimePassed(), "poison", "timer")
    first = asyncio.create_task(mailbox.post("a", LETTER))
    await desk.begun.wait()
    later = [asyncio.create_task(mailbox.post("a", letter)) for letter in (LETTER, desk.poison, LETTER)]
    await asyncio.sleep(0)
    desk.go.set()
    await first
    found = await asyncio.gather(*later, return_exceptions=True)
    assert [isinstance(one, ValueError) for one in found] == [False, True, False]
    assert desk.folds == [1, 3, 1, 1, 1]


async def test_a_write_whose_outcome_is_unknown_is_not_sent_again() -> None:
    desk = Desk()
    mailbox = Mailbox(desk.fold)
    desk.error = StoreUnavailable("cut")
    tasks = [asyncio.create_task(mailbox.post("a", LETTER)) for _ in range(3)]
    await desk.begun.wait()
    desk.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable) for one in found)
    assert sum(desk.folds) == 3


async def test_an_error_reaches_everybody_in_the_fold_and_nobody_after() -> None:
    desk = Desk()
    mailbox = Mailbox(desk.fold)
    desk.error = RuntimeError("broken")
    desk.go.set()
    with pytest.raises(RuntimeError, match="broken"):
        await mailbox.post("a", LETTER)
    desk.error = None
    assert (await mailbox.post("a", LETTER)).verdict == Accepted(1)
