"""How often each RPC was called, how it ended and how long it took.

Outermost but for the trace: it sees the status that the caller gets. What it costs is two readings of the
clock and a note. Streams last as long as somebody watches, so of them only the number is kept.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, TypeAlias

import grpc

from service.edge.context import Call, Context
from service.instruments import Durations

OK = "OK"

Note: TypeAlias = Callable[[str, float], None]
"""Takes the status and the seconds."""


class InProgress:
    count = 0


class RpcMeter:
    """By method, as in `workflows.v1.WorkflowService/StartRun`, and status, as in `NOT_FOUND`."""

    def __init__(self) -> None:
        self.calls: defaultdict[tuple[str, str], Durations] = defaultdict(Durations)
        self.streams: Counter[tuple[str, str]] = Counter()
        self.calls_open = InProgress()
        self.streams_open = InProgress()

    def metering(self, method: str, call: Call) -> Call:
        """The call, noted when it has ended."""
        name = method.removeprefix("/")
        return _noting(call, self.calls_open, lambda status, seconds: self.calls[name, status].note(seconds))

    def metering_stream(self, method: str, call: Call) -> Call:
        """The call that writes a stream, counted when it has ended."""
        name = method.removeprefix("/")

        def counted(status: str, _seconds: float) -> None:
            self.streams[name, status] += 1

        return _noting(call, self.streams_open, counted)


def _noting(call: Call, in_progress: InProgress, note: Note) -> Call:
    async def noted(request: Any, context: Context) -> Any:
        begun = time.perf_counter()
        in_progress.count += 1
        status = OK
        try:
            return await call(request, context)
        except BaseException:
            status = _status(context)
            raise
        finally:
            in_progress.count -= 1
            note(status, time.perf_counter() - begun)

    return noted


def _status(context: Context) -> str:
    """What it was aborted with; without that its caller has gone."""
    code: object = context.code()
    return code.name if isinstance(code, grpc.StatusCode) and code is not grpc.StatusCode.OK else "CANCELLED"
