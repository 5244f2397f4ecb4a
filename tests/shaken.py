"""Finds tests, and code, that count on how soon tasks go on.

With `SHAKE=7` some tasks, drawn with that seed, are slow: they go on up to half a second after they could, as when what
they wait for came late. Most of what fails here fails on a loaded machine one day. Not all: tasks may overtake each
other where the loop would have kept their order, which libraries may rightly count on (a lock of the connection pool
was never given back once). Without SHAKE nothing is different. Both the tests' own loop and the services that `warm`
forks are shaken.
"""

import asyncio
import os
import random
from asyncio import tasks
from collections.abc import Callable
from typing import Any

SEED = os.environ.get("SHAKE")
SLOW_TASKS, OF_SLOW, OF_OTHERS = 0.3, 0.5, 0.01
"""How many tasks are slow, and how often those and the others go on late."""
SHORT_SECONDS, LONG_SECONDS, LONG = 0.02, 0.5, 0.02
"""How late at most, and how often it is the longer of the two."""

drawn = random.Random(SEED)


class ShakenTask(tasks._PyTask):  # type: ignore[name-defined,misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._late = OF_SLOW if drawn.random() < SLOW_TASKS else OF_OTHERS
        super().__init__(*args, **kwargs)

    def _Task__wakeup(self, future: Any) -> None:
        going_on: Callable[[Any], None] = super()._Task__wakeup
        if drawn.random() >= self._late:
            return going_on(future)
        longest = LONG_SECONDS if drawn.random() < LONG else SHORT_SECONDS
        self._loop.call_later(drawn.random() * longest, going_on, future, context=self._context)
        return None


def shake(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    loop.set_task_factory(lambda loop, coroutine, **options: ShakenTask(coroutine, loop=loop, **options))
    return loop


def shaking(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes loops as that one does; they are shaken when a seed is given."""
    return new_loop if SEED is None else lambda: shake(new_loop())
