"""How often each RPC was called, how it ended and how long it took.

Outermost but for the trace: it sees the status that the caller gets. What it costs is two readings of the
clock and a note. Streams last as long as somebody watches, so of them only the number is kept.
"""

import time
from collections import Counter, defaultdict
from typing import Any

import grpc

from service.edge.context import Context
from service.instruments import Durations

OK = "OK"


class RpcMeter:
    """By method, as in `workflows.v1.WorkflowService/StartRun`, and status, as in `NOT_FOUND`."""

    def __init__(self) -> None:
        self.calls: defaultdict[tuple[str, str], Durations] = defaultdict(Durations)
        self.streams: Counter[tuple[str, str]] = Counter()
        self.calls_open = 0
        self.streams_open = 0

    def metering(self, method: str, call: Any) -> Any:
        """The call, noted when it has ended."""
        name = method.removeprefix("/")

        async def metered(request: Any, context: Context) -> Any:
            begun = time.perf_counter()
            self.calls_open += 1
            status = OK
            try:
                return await call(request, context)
            except BaseException:
                status = _status(context)
                raise
            finally:
                self.calls_open -= 1
                self.calls[name, status].note(time.perf_counter() - begun)

        return metered

    def metering_stream(self, method: str, call: Any) -> Any:
        name = method.removeprefix("/")

        async def metered(request: Any, context: Context) -> Any:
            self.streams_open += 1
            status = OK
            try:
                return await call(request, context)
            except BaseException:
                status = _status(context)
                raise
            finally:
                self.streams_open -= 1
                self.streams[name, status] += 1

        return metered


def _status(context: Context) -> str:
    """What it was aborted with; without that its caller has gone."""
    code: object = context.code()
    return code.name if isinstance(code, grpc.StatusCode) and code is not grpc.StatusCode.OK else "CANCELLED"
