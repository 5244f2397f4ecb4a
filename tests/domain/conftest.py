"""Runs that several kinds of pictures are drawn of."""

from decimal import Decimal

import pytest

from service.domain.definition import Edge, StepType
from service.domain.state import StepState
from tests.builders import Story, agent, edges, step, version


@pytest.fixture
def branched() -> Story:
    """A branch that was taken to `yes`, after an agent's work; `yes` has been waiting for two minutes."""
    story = Story(
        version(
            [agent("ask"), step("pick", StepType.BRANCH), step("yes"), step("no"), step("end")],
            [
                Edge("ask", "pick"),
                Edge("pick", "yes", "input.deal > 1.0", "big"),
                Edge("pick", "no", "input.deal <= 1.0", "small"),
                *edges("yes>end", "no>end"),
            ],
        ),
        {"deal": 5},
    )
    story.wait(1.5)
    story.report("ask", StepState.COMPLETED, cost_usd=Decimal("0.250"))
    story.wait(120)
    return story
