"""What the service costs when nobody wants anything of it, and how soon it is there.

`workflows serve` is started on a migrated database, and looked at through /proc for ten seconds after it is ready.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from service.dev.service_process import ServiceProcess
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.servers import Servers

SECONDS = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # of what follows the name in /proc/PID/stat

FIGURES = (
    Figure("ready", "seconds", "from spawn to ready", at_most=2),
    Figure("cpu", "% of a core", "idle", at_most=2),
    Figure("memory", "MB resident", "idle", at_most=120),
)


@asynccontextmanager
async def prepare(servers: Servers) -> AsyncIterator[Round]:
    dsn = await servers.database("idle")
    yield partial(_round, servers.environment(dsn))


async def _round(environment: dict[str, str]) -> Reading:
    started = time.perf_counter()
    async with ServiceProcess(environment) as service:
        ready = time.perf_counter() - started
        before = _cpu_seconds(service.pid)
        await asyncio.sleep(SECONDS)
        spent = _cpu_seconds(service.pid) - before
        return {"ready": ready, "cpu": 100 * spent / SECONDS, "memory": _resident_mb(service.pid)}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / _TICKS


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


MEASUREMENT = Measurement("idle", FIGURES, prepare)
