"""Pausing, resuming and cancelling a run.

A pause stops what would begin, not what is under way. Its sources are a set: a run goes on when nobody pauses it any
more. Child runs pause, resume and are cancelled with their parent; the parent's word carries a number, so that two
words that overtake each other on the way still end in what the parent said last.
"""

from service.domain.calls import ResumeChild
from service.domain.commands import PARENT, CancelRun, PauseRun, ResumeRun
from service.domain.errors import conflict
from service.domain.flow import cancel_everything
from service.domain.state import Run, RunState, StepRun, StepState
from service.domain.steps.rules import Unwanted
from service.domain.steps.sub_workflow import pause_child
from service.domain.turn import Turn


def pause(turn: Turn, command: PauseRun) -> None:
    """Raises Refusal for a run that is neither RUNNING nor PAUSED."""
    _take_word(turn, command)
    if turn.run.state not in (RunState.RUNNING, RunState.PAUSED):
        raise conflict("run_not_running", f"only a RUNNING run can be paused, this one is {turn.run.state}")
    if command.source in turn.run.pauses:
        return
    first = turn.run.state is RunState.RUNNING
    said = {"by": turn.actor, "at": turn.now.isoformat(), "reason": command.reason}
    turn.move_run(RunState.PAUSED, "pause", pauses={**turn.run.pauses, command.source: said})
    for child in _children(turn) if first else ():
        pause_child(turn, child)


def resume(turn: Turn, command: ResumeRun) -> None:
    """Raises Refusal for a run that cannot go on by this source's word."""
    _take_word(turn, command)
    if turn.run.state is RunState.RUNNING:
        return
    if turn.run.state is not RunState.PAUSED:
        raise conflict("run_not_paused", f"only a PAUSED run can be resumed, this one is {turn.run.state}")
    if command.source not in turn.run.pauses:
        raise conflict("paused_by_parent", "the run is paused with its parent and goes on with it")
    left = {source: said for source, said in turn.run.pauses.items() if source != command.source}
    if left:
        turn.move_run(RunState.PAUSED, "pause", pauses=left)
        return
    turn.move_run(RunState.RUNNING, "resume")
    for child in _children(turn):
        turn.owe(child, ResumeChild(child.child_run_id, turn.run.sequence), str(turn.run.sequence))


def cancel(turn: Turn, command: CancelRun) -> None:
    """Raises Refusal for a run that has ended otherwise."""
    if turn.run.state is RunState.CANCELLED:
        return
    if turn.run.state.terminal:
        raise conflict("run_terminal", f"the run is {turn.run.state}")
    cancel_everything(turn, command.reason)


def tell_drained(turn: Turn, before: Run) -> None:
    """A paused run says so once more when the last thing in flight has come home."""
    if before.state is RunState.PAUSED and not before.drained and turn.run.drained:
        turn.move_run(RunState.PAUSED, "pause")


def _take_word(turn: Turn, command: PauseRun | ResumeRun) -> None:
    if command.source == PARENT:
        if command.word <= turn.run.parent_word:
            raise Unwanted("older_word", "the parent has said something newer since")
        turn.change_run(parent_word=command.word)


def _children(turn: Turn) -> list[StepRun]:
    """The steps whose work is a child run that goes on."""
    steps = turn.run.steps.values()
    return [step for step in steps if step.state is StepState.WAITING and step.child_run_id]
