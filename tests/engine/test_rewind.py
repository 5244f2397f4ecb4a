"""The outbox looks at the stream before it gives anything out, and has what was lost given out again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from service.domain.stream import SKEW, StreamMark, StreamSeen
from service.engine.ports.failures import BusUnavailable, StoreUnavailable
from service.engine.ports.outbox import Unpublished
from service.engine.rewind import LOOK_SECONDS, RewindingOutbox
from tests.builders import NOW
from tests.engine.test_relay import FakeOutbox, change

HOUR = timedelta(hours=1)
FIRST = StreamMark("changes", NOW, 10)
MADE_AGAIN = StreamMark("changes", NOW + HOUR, 0)
SHORTER = StreamMark("changes", NOW, 4)


@dataclass
class FakeStream:
    """The bus: what it has, and whether it answers."""

    now: StreamMark = FIRST
    trusted: StreamMark | None = None
    answers: bool = True
    sure: bool = False
    looks: int = 0

    async def look(self) -> StreamSeen:
        self.looks += 1
        if not self.answers:
            raise BusUnavailable("no bus")
        return StreamSeen(self.now, 3600.0, self.trusted)

    async def last_at(self, seen: StreamSeen) -> datetime | None:
        return NOW + HOUR / 2 if seen.mark.last_sequence else None

    def trust(self, seen: StreamSeen) -> None:
        self.trusted, self.sure = seen.mark, True


@dataclass
class FakeMemory:
    """The database: what it remembers, what was marked as lost, and whether it answers."""

    mark: StreamMark | None = FIRST
    marked: list[tuple[StreamMark, StreamMark, datetime, Sequence[int]]] = field(default_factory=list)
    asked: list[Sequence[int]] = field(default_factory=list)
    answers: bool = True

    async def known(self, stream: str) -> StreamMark | None:
        return self.mark

    async def remember(self, mark: StreamMark) -> None:
        self.mark = mark

    async def lose(self, known: StreamMark, found: StreamMark, since: datetime, shards: Sequence[int]) -> None:
        self.marked.append((known, found, since, shards))
        self.mark = found

    async def unmark(self, shards: Sequence[int]) -> int:
        if not self.answers:
            raise StoreUnavailable("no store")
        self.asked.append(shards)
        return 7


@dataclass
class Desk:
    stream: FakeStream = field(default_factory=FakeStream)
    memory: FakeMemory = field(default_factory=FakeMemory)
    clock: list[float] = field(default_factory=lambda: [1.0])

    def __post_init__(self) -> None:
        inner = FakeOutbox(change("a", 1))
        self.outbox = RewindingOutbox(inner, self.stream, self.memory, lambda: self.clock[0])

    async def given_out(self) -> list[Unpublished]:
        return await self.outbox.unpublished([3, 4], 10)


async def test_a_stream_that_is_what_it_was_is_remembered() -> None:
    desk = Desk(FakeStream(now=StreamMark("changes", NOW, 12)))
    assert await desk.given_out() == [change("a", 1)]
    assert desk.memory.marked == []
    assert desk.memory.mark == desk.stream.trusted == StreamMark("changes", NOW, 12)


async def test_the_first_stream_of_all_has_lost_nothing() -> None:
    desk = Desk(FakeStream(now=MADE_AGAIN), FakeMemory(mark=None))
    await desk.given_out()
    assert desk.memory.marked == []
    assert desk.memory.mark == MADE_AGAIN


@pytest.mark.parametrize(
    ("found", "since"), [(MADE_AGAIN, NOW - SKEW), (SHORTER, NOW + HOUR / 2 - SKEW)], ids=["made again", "shorter"]
)
async def test_what_a_stream_has_lost_is_marked_before_anything_goes_out(found: StreamMark, since: datetime) -> None:
    desk = Desk(FakeStream(now=found))
    assert await desk.given_out() == [change("a", 1)]
    assert desk.memory.marked == [(FIRST, found, since, [3, 4])]
    assert desk.memory.asked == [[3, 4]]
    assert desk.stream.trusted == found


async def test_what_only_this_process_knows_counts_too() -> None:
    """The others have noticed and the database knows; what was acknowledged to us meanwhile is lost all the same."""
    ours = StreamMark("changes", NOW, 15)
    desk = Desk(FakeStream(now=FIRST, trusted=ours))
    await desk.given_out()
    assert desk.memory.marked == [(ours, FIRST, NOW + HOUR / 2 - SKEW, [3, 4])]


@dataclass
class Overtaken(FakeMemory):
    """Another replica looks at the stream later than this one, and notes what it has seen sooner."""

    stream: FakeStream = field(default_factory=FakeStream)

    async def known(self, stream: str) -> StreamMark | None:
        self.stream.now = self.mark = StreamMark("changes", NOW, 15)
        return self.mark


async def test_what_another_replica_saw_meanwhile_is_not_lost() -> None:
    stream = FakeStream()
    desk = Desk(stream, Overtaken(stream=stream))
    await desk.given_out()
    assert desk.memory.marked == []
    assert desk.stream.trusted == StreamMark("changes", NOW, 15)


async def test_it_looks_when_it_is_not_sure_and_every_few_seconds() -> None:
    desk = Desk()
    for moved, sure, looks in ((0.0, False, 1), (1.0, True, 1), (0.0, False, 2), (LOOK_SECONDS, True, 3)):
        desk.clock[0] += moved
        desk.stream.sure = sure
        await desk.given_out()
        assert desk.stream.looks == looks


async def test_nothing_goes_out_while_the_bus_does_not_say() -> None:
    desk = Desk(FakeStream(answers=False))
    for _ in range(2):
        with pytest.raises(BusUnavailable):
            await desk.given_out()
    assert (desk.stream.looks, desk.stream.sure) == (2, False)


async def test_nothing_goes_out_before_what_was_lost_is_unmarked() -> None:
    desk = Desk(FakeStream(now=MADE_AGAIN), FakeMemory(answers=False))
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await desk.given_out()
        assert not desk.stream.sure
    assert desk.outbox.given_again == 0
    desk.memory.answers = True
    assert await desk.given_out() == [change("a", 1)]
    assert len(desk.memory.marked) == 1
    assert desk.outbox.given_again == 7
