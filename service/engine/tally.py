"""What the path has done since the process began: commands, transitions, misses, and how long it took.

Kept by `advance`, read by whoever observes. A transition is counted when it is committed, and by the events that tell
of it, so that a state which lasted for a moment only is counted, too.
"""

from collections import Counter
from collections.abc import Iterator

from service.domain.decision import Decision
from service.domain.state import Run, RunState, StepState
from service.instruments import Durations


class Tally:
    """`transitions` has every state from the beginning, by ("run" or "step", state)."""

    def __init__(self) -> None:
        self.commands = 0
        self.folded = 0
        self.deciding = Durations()
        self.applying = Durations()
        self.transitions: Counter[tuple[str, str]] = Counter()
        for kind, states in (("run", RunState), ("step", StepState)):
            self.transitions.update({(kind, state): 0 for state in states})

    def took(self, letters: int) -> None:
        """So many commands were brought to one run together."""
        self.commands += letters
        self.folded += letters - 1

    def committed(self, decision: Decision, seconds: float) -> None:
        self.applying.note(seconds)
        for transition in moves(decision):
            self.transitions[transition] += 1


def moves(decision: Decision) -> Iterator[tuple[str, str]]:
    """Every change of state that the decision tells of: what moved, and to which state."""
    last: dict[str, str] = {}
    for event in decision.events:
        key, state = (event.step.step_id, event.step.state) if event.step else ("", event.run.state)
        if state != (last.get(key) or _before(decision.before, key)):
            yield event.aggregate, state
        last[key] = state


def _before(run: Run | None, key: str) -> str:
    """A step that was not there begins as PENDING, a run as nothing."""
    if not key:
        return run.state if run else ""
    step = run.steps.get(key) if run else None
    return step.state if step else StepState.PENDING
