"""What the simulated siblings share: the script, the way to the bus, background work, and a signal for observers.

`taken` is the work of every objective, by its id, and `results` what came of it where only the delegation says so.

Handlers are plain functions, so each is one atomic move; what takes time (an agent's work, a manager's decision,
publishing) runs in the background and is cancelled when the stage closes.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from uuid_utils.compat import uuid7

from service.dev.siblings.changes import Changes
from service.dev.siblings.script import Script, Work

_LOG = logging.getLogger(__name__)
_DEFAULT_PAGE = 50

Record = TypeVar("Record")


class Refused(Exception):
    """The sibling says no, with this status."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Stage:
    def __init__(self, script: Script, changes: Changes) -> None:
        self.script = script
        self.changes = changes
        self.taken: dict[str, Work] = {}
        self.results: dict[str, bytes] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)

    def moved(self) -> None:
        """Something was logged or changed: wakes everybody in `until`."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._moved.wait()

    async def close(self) -> None:
        for task in (tasks := list(self._background)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether work goes on in the background."""
        return bool(self._background)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        self.moved()
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("a simulated sibling failed", exc_info=error)


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid7()}"


def timestamp() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC))
    return stamp


def found(record: Record | None, what: str) -> Record:
    if record is None:
        raise Refused(grpc.StatusCode.NOT_FOUND, f"no such {what}")
    return record


def page(records: Sequence[Record], limit: int, offset: int) -> Sequence[Record]:
    return records[offset : offset + (limit or _DEFAULT_PAGE)]
