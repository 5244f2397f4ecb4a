"""The tables are what the documents draw, and nothing outside them can happen."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from service.domain.state import RunState, StepState
from service.domain.transitions import RUN, STEP, IllegalTransition, check

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
State = TypeVar("State", RunState, StepState)


def drawn(table: Mapping[State, frozenset[State]]) -> str:
    """The table as a Mermaid state diagram."""
    arrows: list[str] = [f"    {before} --> {after}" for before, targets in table.items() for after in sorted(targets)]
    return "\n".join(["stateDiagram-v2", *arrows])


@pytest.mark.parametrize("table", [RUN, STEP])
def test_the_documents_draw_the_tables(table: Mapping[State, frozenset[State]]) -> None:
    assert drawn(table) in ARCHITECTURE.read_text(), drawn(table)


@pytest.mark.parametrize("table", [RUN, STEP])
def test_every_state_is_in_its_table_and_what_is_not_listed_is_refused(
    table: Mapping[State, frozenset[State]],
) -> None:
    states = type(next(iter(table)))
    assert set(table) == set(states)
    for before in states:
        for after in states:
            if after is before or after in table[before]:
                check(table, before, after)
            else:
                with pytest.raises(IllegalTransition):
                    check(table, before, after)
