"""The processes that are measured: chains whose steps cost next to nothing, so that what is left is the service."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import orjson

from service.domain.definition import StepType, Version
from service.store.definitions import Definitions
from service.store.pool import ENGINE, READER, Pool
from service.store.reads import Reads
from service.wiring.ids import IDS
from tests.builders import edges, step, version

WORKSPACE = "ws_bench"
PAYLOAD_BYTES = 200
TYPES = {"task": StepType.HUMAN_TASK, "branch": StepType.BRANCH}


def tasks(count: int) -> Version:
    """A chain of human tasks: each waits to be completed."""
    return _chain(["task"] * count)


def task_ids(count: int) -> list[str]:
    """The steps of `tasks`, in order."""
    return [f"task-{number}" for number in range(count)]


def branches(count: int) -> Version:
    """A human task, that many branches, and a human task again."""
    return _chain(["task", *["branch"] * count, "task"])


def only_branches(count: int) -> Version:
    """Nothing that waits: a run is over when it has started, and has told two changes a step and two of its own."""
    return _chain(["branch"] * count)


def payload(number: int) -> dict[str, str]:
    """PAYLOAD_BYTES of JSON, a new object every time."""
    return {"note": f"{number:x<{PAYLOAD_BYTES - len(orjson.dumps({'note': ''}))}}"}


async def publish(dsn: str, drawn: Version) -> Version:
    """Stores it as the first version of a definition of its own."""
    writing, reading = Pool(dsn, ENGINE, 1), Pool(dsn, READER, 1)
    try:
        for pool in (writing, reading):
            await pool.open()
        definitions = Definitions(writing, Reads(reading), IDS)
        definition = (await definitions.create(WORKSPACE, str(uuid4()), "", (), "bench", None)).value
        draft = replace(drawn, definition_id=definition.id)
        return (await definitions.publish(draft, None, "bench", None)).value.version
    finally:
        for pool in (writing, reading):
            await pool.close()


def _chain(kinds: Sequence[str]) -> Version:
    """A branch looks at its input before it goes on, as branches do."""
    named = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
    steps = [step(name, TYPES[kind]) for name, kind in zip(named, kinds, strict=True)]
    looks = {"branch": " if note != ''", "task": ""}
    drawn = [f"{one}>{next_one}{looks[kind]}" for (one, next_one), kind in zip(pairwise(named), kinds, strict=False)]
    return version(steps, edges(*drawn))
