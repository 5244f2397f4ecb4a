"""What waits at the same moment goes together.

A few lanes send; while all of them are busy, what arrives gathers, and leaves as one batch with the lane that is free
next. What comes alone leaves at once: nothing ever waits for a batch to fill. Called by `runs`, where a batch is one
statement and one commit for many runs.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

Send: TypeAlias = Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]


class Batches(Generic[Item, Answer]):
    """`send` gives one answer per item, in order; an exception among them is raised to the one who waits for it.

    At most `lanes` batches are under way at once, each of at most `most` items.
    """

    def __init__(self, send: Send[Item, Answer], lanes: int, most: int) -> None:
        self._send = send
        self._most = most
        self._free = lanes
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def put(self, item: Item) -> Answer:
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, reply))
        if self._free:
            self._free -= 1
            lane = asyncio.create_task(self._work_off())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await reply

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
                answers = await self._answers([item for item, _ in batch])
                for (_, reply), answer in zip(batch, answers, strict=True):
                    _settle(reply, answer)
        finally:
            self._free += 1

    async def _answers(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        try:
            return await self._send(items)
        except Exception as error:
            return [error] * len(items)


def _settle(reply: "asyncio.Future[Answer]", answer: Answer | Exception) -> None:
    """Whoever waited may be gone."""
    if reply.done():
        return
    if isinstance(answer, Exception):
        reply.set_exception(answer)
    else:
        reply.set_result(answer)
