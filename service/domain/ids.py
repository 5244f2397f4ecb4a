"""What our ids look like, and nobody else knows: a prefix that says of what, and a text that nobody has had before.

`Ids` makes new ones over whatever yields such texts: the process gives it UUIDs that grow with time, which is how lists
find the newest, and tests count. What belongs to a run has no id of its own to remember: a task and an effect are the
run's id and their place in it. Edge, engine and store make ids here; to callers they are opaque.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ids:
    """`unique` gives a text that it has never given before, in no process."""

    unique: Callable[[], str]

    def definition(self) -> str:
        return f"wf_{self.unique()}"

    def version(self) -> str:
        return f"wfv_{self.unique()}"

    def run(self) -> str:
        return f"wfr_{self.unique()}"


def task_id(run_id: str, step_id: str) -> str:
    return f"{run_id}/{step_id}"


def task_of(task: str) -> tuple[str, str]:
    """The run and the step of a task's id; the step is empty when there is none."""
    run_id, _, step_id = task.partition("/")
    return run_id, step_id


def effect_key(run_id: str, effect_id: str) -> str:
    """What a sibling or another run knows a call by, however often it is made."""
    return f"{run_id}/{effect_id}"
