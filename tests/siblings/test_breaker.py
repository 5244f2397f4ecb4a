"""The breaker's states, walked through with a clock in hand."""

from dataclasses import dataclass

import pytest

from service.siblings.breaker import Breaker, BreakerState

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
FAIL, SUCCEED, ADMITTED, REFUSED = "fail", "succeed", "admitted", "refused"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("moves", "state"),
    [
        ([], CLOSED),
        ([FAIL, FAIL, ADMITTED], CLOSED),
        ([FAIL, FAIL, SUCCEED, FAIL, FAIL, ADMITTED], CLOSED),
        ([FAIL, FAIL, FAIL, REFUSED], OPEN),
        ([FAIL, FAIL, FAIL, 9.9, REFUSED], OPEN),
        ([FAIL, FAIL, FAIL, 10.0], HALF_OPEN),
        ([FAIL, FAIL, FAIL, 10.0, ADMITTED, REFUSED], OPEN),
        ([FAIL, FAIL, FAIL, 10.0, ADMITTED, SUCCEED, ADMITTED, ADMITTED], CLOSED),
        ([FAIL, FAIL, FAIL, 10.0, ADMITTED, 5.0, FAIL, 9.0, REFUSED], OPEN),
        ([FAIL, FAIL, FAIL, 10.0, ADMITTED, 10.0, ADMITTED, REFUSED], OPEN),
        ([FAIL, FAIL, FAIL, SUCCEED, FAIL, FAIL], CLOSED),
    ],
)
def test_walk(moves: list[str | float], state: BreakerState) -> None:
    clock = Clock()
    breaker = Breaker(threshold=3, cooldown_seconds=10.0, clock=clock)
    for move in moves:
        match move:
            case float():
                clock.now += move
            case "fail":
                breaker.failed()
            case "succeed":
                breaker.succeeded()
            case _:
                assert breaker.admit() is (move == ADMITTED)
    assert breaker.state is state
