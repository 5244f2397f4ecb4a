"""How long a message stays away when it cannot be taken, however often it comes."""

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from service.bus.batches import LONGEST_DELAY_SECONDS, EventBatches
from service.engine.ports.failures import StoreUnavailable
from tests.bus.helpers import FakeSink
from tests.bus.producers import CREATED, SHAPES, Fact, contact


@dataclass
class Delivered:
    """A message as the client hands it over for the `tries`-th time."""

    tries: int
    subject: str = CREATED
    answers: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.headers, self.data = SHAPES["E"](Fact(contact()))
        self.metadata: Any = SimpleNamespace(num_delivered=self.tries)

    async def nak(self, delay: float = 0.0) -> None:
        self.answers.append(delay)


@pytest.mark.parametrize(
    ("tries", "seconds"),
    [(1, 0.5), (2, 1), (3, 2), (4, 4), (7, 32), (8, LONGEST_DELAY_SECONDS), (10_000, LONGEST_DELAY_SECONDS)],
)
async def test_each_try_waits_twice_as_long_up_to_a_minute(tries: int, seconds: float) -> None:
    message = Delivered(tries)
    batches = EventBatches(FakeSink(fail=[StoreUnavailable("away")]), Counter(), first_delay_seconds=0.5)
    await batches.take([cast(Msg, message)])
    assert message.answers == [seconds]
