"""Commands waiting for the same run are folded into one apply.

Only an optimisation: safety comes from the fence, and two replicas may work on one run. While one fold is under way the
letters that arrive gather for the next. A fold is a task of its own, so a caller that goes away (a client's deadline)
never cuts a commit in half.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service.domain.commands import Envelope
from service.domain.decision import Verdict
from service.domain.state import Run
from service.engine.background import Background
from service.engine.ports.failures import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one command, and the run after it."""

    run: Run
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Letter:
    """A command on its way: `visible` names the workspace its sender may see, None for all."""

    envelope: Envelope
    visible: str | None
    reply: "asyncio.Future[Reply]"


Fold = Callable[[str, list[Letter]], Awaitable[None]]


class Mailbox:
    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._waiting: dict[str, list[Letter]] = {}
        self.tasks = Background()

    async def post(self, run_id: str, envelope: Envelope, visible: str | None = None) -> Reply:
        """Raises Refusal, StoreUnavailable."""
        letter = Letter(envelope, visible, asyncio.get_running_loop().create_future())
        if run_id in self._waiting:
            self._waiting[run_id].append(letter)
        else:
            self._waiting[run_id] = [letter]
            self.tasks.spawn(self._work_off(run_id))
        return await asyncio.shield(letter.reply)

    async def _work_off(self, run_id: str) -> None:
        while letters := self._waiting[run_id]:
            self._waiting[run_id] = []
            await self._fold_safely(run_id, letters)
        del self._waiting[run_id]

    async def _fold_safely(self, run_id: str, letters: list[Letter]) -> None:
        """A fold that breaks is taken apart, so that only the letter that breaks it gets the error."""
        try:
            await self._fold(run_id, letters)
        except StoreUnavailable as error:
            fail_all(letters, error)  # what became of the write is unknown: nothing is sent again
        except Exception as error:
            if len(letters) == 1:
                return fail_all(letters, error)
            for letter in letters:
                await self._fold_safely(run_id, [letter])
        return None


def fail_all(letters: list[Letter], error: Exception) -> None:
    for letter in letters:
        if not letter.reply.done():
            letter.reply.set_exception(error)
            letter.reply.exception()  # the sender may be gone; do not report it as never retrieved
