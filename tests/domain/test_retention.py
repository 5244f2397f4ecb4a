"""Which policy counts, and what that comes to for each state a run ends in."""

import pytest

from service.domain.retention import ENDED, RetentionPolicy, keeps
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE

COMPLETED, FAILED, CANCELLED = ENDED
MINE, MINE_FAILED = RetentionPolicy("ws", None, 30), RetentionPolicy("ws", FAILED, 40)
ALL, ALL_FAILED = RetentionPolicy(EVERY_WORKSPACE, None, 10), RetentionPolicy(EVERY_WORKSPACE, FAILED, 20)
FOREIGN = RetentionPolicy("other", FAILED, 99)


def test_runs_end_in_three_states() -> None:
    assert ENDED == (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


@pytest.mark.parametrize(
    ("policies", "failed"),
    [
        ([], 5),
        ([FOREIGN], 5),
        ([ALL], 10),
        ([ALL, ALL_FAILED], 20),
        ([ALL, ALL_FAILED, MINE], 30),
        ([ALL, ALL_FAILED, MINE, MINE_FAILED], 40),
        ([MINE_FAILED, MINE, ALL_FAILED, ALL, FOREIGN], 40),
    ],
)
def test_the_most_specific_policy_counts(policies: list[RetentionPolicy], failed: int) -> None:
    assert keeps(policies, 5, "ws")[FAILED] == failed


def test_a_policy_for_one_state_says_nothing_of_the_others() -> None:
    assert keeps([MINE_FAILED, ALL], 5, "ws") == {COMPLETED: 10, FAILED: 40, CANCELLED: 10}


def test_nothing_is_said_and_nothing_goes() -> None:
    assert keeps([], 0, "ws") == {}


@pytest.mark.parametrize(
    "exception",
    [RetentionPolicy("ws", None, 0), RetentionPolicy("ws", FAILED, 0), RetentionPolicy(EVERY_WORKSPACE, FAILED, 0)],
)
def test_nought_is_for_ever_also_against_what_is_less_specific(exception: RetentionPolicy) -> None:
    assert FAILED not in keeps([exception, ALL], 5, "ws")
