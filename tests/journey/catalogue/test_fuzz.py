"""Requests that nobody has thought of, to every RPC: a documented answer or a documented refusal, never anything else.

`FUZZ_CALLS=50000 FUZZ_SEED=7 pytest tests/journey/catalogue/test_fuzz.py -s` is the long mode; it prints what it met.
The refused calls are sent once more at the end: then nothing they are refused for changes what is stored.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from tests.journey.catalogue.drawing import Drawer
from tests.journey.catalogue.scene import METHODS, call, scene
from tests.journey.refusals import INSIDES, Stored
from tests.world import World

CALLS = int(os.environ.get("FUZZ_CALLS", "1500"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
AT_ONCE = 8
WATCH_SECONDS = 0.1

PAGE = (Path(__file__).parents[3] / "docs/errors.md").read_text()
REFUSALS = set(re.findall(r"^\| ([A-Z_]+) \| `(\w+)` \|", PAGE, re.MULTILINE)) - {("INTERNAL", "internal")}
OF_FIELDS = {("INVALID_ARGUMENT", reason) for reason in re.findall(r"`(\w+)`", PAGE.split("## Wrong fields")[1])}
FINE = ("OK", "")


class Sent(NamedTuple):
    method: str
    data: bytes


@pytest.fixture(scope="module")
async def names(shared: World) -> Mapping[str, str]:
    return await scene(shared)


async def test_whatever_is_sent_is_answered_as_documented(
    shared: World, names: Mapping[str, str], shared_database: str
) -> None:
    drawer, methods = Drawer(SEED, names), list(METHODS)
    drawn = [
        Sent(method, drawer.data(METHODS[method].input_type))
        for method in (methods[number % len(methods)] for number in range(CALLS))
    ]
    answers = await all_sent(shared, drawn)
    met = Counter(answers)
    print(f"\n{CALLS} calls, seed {SEED}: {met.most_common()}")
    assert set(met) <= REFUSALS | OF_FIELDS | {FINE}
    assert met[FINE] > CALLS / 50, "some of them have to get through"
    refused = drawn
    while FINE in answers:  # some get through once others, or time, have changed something before them
        refused = [sent for sent, answer in zip(refused, answers, strict=True) if answer != FINE]
        async with Stored(shared, shared_database).changes() as changes:
            answers = await all_sent(shared, refused)
    assert not changes, changes


async def all_sent(shared: World, drawn: Sequence[Sent]) -> list[tuple[str, str]]:
    """Status and reason of each, in order."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(sent: Sent) -> tuple[str, str]:
        async with room:
            return await answer(shared, sent)

    return await asyncio.gather(*map(one, drawn))


async def answer(shared: World, sent: Sent) -> tuple[str, str]:
    watches = METHODS[sent.method].server_streaming
    try:
        await call(shared, sent.method, sent.data, WATCH_SECONDS if watches else 30)
    except grpc.aio.AioRpcError as error:
        if watches and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return FINE
        message = error.details() or ""
        assert not INSIDES.search(message), f"{sent.method} {sent.data!r}: {message}"
        return error.code().name, reason(error)
    return FINE


def reason(error: grpc.aio.AioRpcError) -> str:
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    for detail in status_pb2.Status.FromString(raw).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason)
    return f"no reason: {error.details()}"
