"""How often it is looked, and how old what is shown may be: the census, and probes that look closely now and then."""

from dataclasses import dataclass, field

import pytest

from service.edge.server.health import Found
from service.engine.ports.failures import StoreUnavailable
from service.instruments import Durations
from service.observing.census import EVERY_SECONDS, OLD_SECONDS, REST, KeptCounts
from service.observing.readiness import CLOSELY_SECONDS, Closely
from service.store.census import Counts

COUNTS = Counts({}, {}, 0, 7, 0.0, 0, 0.0, 0.0, 0.0, 0.0, 0)


@dataclass
class Database:
    """A clock, and a database that takes its time for each count."""

    now: float = 1000.0
    takes: float = 0.0
    error: Exception | None = None

    async def count(self) -> Counts:
        self.now += self.takes
        if self.error:
            raise self.error
        return COUNTS

    def clock(self) -> float:
        return self.now


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def census(database: Database) -> KeptCounts:
    return KeptCounts(database.count, database.clock)


def shown(census: KeptCounts) -> int | None:
    return census.counts.unpublished if census.counts else None


async def test_there_is_nothing_before_the_first_count(census: KeptCounts) -> None:
    assert (census.counts, census.age) == (None, None)
    await census.look()
    assert (census.counts, census.age) == (COUNTS, 0.0)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), LookupError("a fault of ours")])
async def test_a_count_that_fails_leaves_the_last_for_a_while(
    census: KeptCounts, database: Database, error: Exception
) -> None:
    await census.look()
    database.error = error
    database.now += OLD_SECONDS
    await census.look()
    assert shown(census) == 7
    database.now += 1
    assert shown(census) is None
    database.error = None
    await census.look()
    assert shown(census) == 7


async def test_counting_that_takes_long_rests_long(census: KeptCounts, database: Database) -> None:
    await census.look()
    assert census.rest == EVERY_SECONDS
    database.takes = 10.0
    await census.look()
    assert (census.took, census.rest) == (10.0, REST * 10.0)
    database.now += REST * 10.0
    assert census.counts == COUNTS, "what is counted seldom may be older"


@dataclass
class Looks:
    """Two probes that keep what they were asked."""

    asked: list[str] = field(default_factory=list)
    found: Found = field(default_factory=lambda: Found(True, {"version": 1}))
    now: float = 0.0

    def __post_init__(self) -> None:
        self.probe = Closely(self.closely, self.briefly, lambda: self.now)

    async def closely(self) -> Found:
        self.asked.append("closely")
        return self.found

    async def briefly(self) -> Found:
        self.asked.append("briefly")
        return Found(self.found.ok)


async def test_brief_looks_lie_between_the_close_ones() -> None:
    looks = Looks()
    for _ in range(3):
        assert (await looks.probe()).facts == {"version": 1}
    looks.now = CLOSELY_SECONDS
    await looks.probe()
    assert looks.asked == ["closely", "briefly", "briefly", "closely"]


async def test_after_a_bad_look_the_next_is_close() -> None:
    looks = Looks()
    await looks.probe()
    looks.found = Found(False)
    assert not (await looks.probe()).ok
    looks.found = Found(True)
    assert (await looks.probe()).ok
    assert looks.asked == ["closely", "briefly", "closely"]


def test_durations_are_counted_up_to_each_bound() -> None:
    durations = Durations()
    for seconds in (0.0, 0.0005, 0.003, 60.0):
        durations.note(seconds)
    buckets = dict(durations.buckets())
    assert (buckets["0.0005"], buckets["0.0025"], buckets["0.005"], buckets["10.0"], buckets["+Inf"]) == (2, 2, 3, 3, 4)
    assert durations.seconds == pytest.approx(60.0035)
