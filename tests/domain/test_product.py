"""Every command to a run in every state: a literal table of what is said, and nothing ever breaks.

The run has a step in every state that such a run can have; each command is brought to each of them. A state means
accepted, and this is the run's state then; `same` is accepted and changes nothing; `ignored` is a report that is
settled without effect; any other word is the reason of a refusal.
"""

from collections.abc import Callable

import pytest

from service.domain.commands import (
    CancelRun,
    ChildEnded,
    ClaimTask,
    Command,
    CommentTask,
    CompensateRun,
    CompleteTask,
    ForkRun,
    PauseRun,
    ReassignTask,
    RejectTask,
    ReleaseTask,
    ResumeRun,
    RetryStep,
    SkipStep,
    StartRun,
    TimePassed,
    TransitionStep,
)
from service.domain.decision import Ignored
from service.domain.definition import StepType, TriggerType
from service.domain.errors import Refusal
from service.domain.state import ZERO, RunState, StepState
from tests.builders import Story, edges, step, version


def run_in(state: RunState) -> Story:
    """`done` > `next`; `undo` undoes `done`. Brought into the state by commands alone."""
    drawn = [step("done", compensation_step_id="undo"), step("next"), step("undo")]
    story = Story(version(drawn, edges("done>next")))
    story.complete("done")
    for command in WAYS[state]:
        story.do(command)
    assert story.run.state is state
    return story


FAIL = TransitionStep("next", StepState.FAILED)
WAYS: dict[RunState, list[Command]] = {
    RunState.RUNNING: [],
    RunState.PAUSED: [PauseRun("")],
    RunState.COMPLETED: [TransitionStep("next", StepState.COMPLETED)],
    RunState.FAILED: [FAIL],
    RunState.CANCELLED: [CancelRun("")],
    RunState.COMPENSATING: [FAIL, CompensateRun("")],
}
COMMANDS: dict[str, Command] = {
    "pause": PauseRun(""),
    "resume": ResumeRun(),
    "cancel": CancelRun(""),
    "undo": CompensateRun(""),
    "retry": RetryStep("next", ""),
    "skip": SkipStep("next", ""),
    "complete": TransitionStep("next", StepState.COMPLETED),
    "fail": FAIL,
    "undone": TransitionStep("undo", StepState.COMPLETED),
    "claim": ClaimTask("next", 0, "u"),
    "release": ReleaseTask("next", 0, "u"),
    "reassign": ReassignTask("next", 0, "u", "v", ""),
    "comment": CommentTask("next", 0, "u", "hm"),
    "finish": CompleteTask("next", 0, "u", {}),
    "reject": RejectTask("next", 0, "u", ""),
    "clock": TimePassed(),
    "child": ChildEnded("next", 9, "wfr_x", RunState.FAILED, {}, ZERO),
    "start": StartRun("wfr_1", TriggerType.MANUAL, {}),
    "fork": ForkRun("wfr_1", "next", ""),
}
SAID = """
         RUNNING            PAUSED             COMPLETED          FAILED             CANCELLED          COMPENSATING
pause    PAUSED             same               run_not_running    run_not_running    run_not_running    run_not_running
resume   same               RUNNING            run_not_paused     run_not_paused     run_not_paused     run_not_paused
cancel   CANCELLED          CANCELLED          run_terminal       run_terminal       same               CANCELLED
undo     run_not_ended      run_not_ended      run_completed      COMPENSATING       COMPENSATING       same
retry    step_not_failed    step_not_failed    step_not_failed    RUNNING            step_not_failed    run_compensated
skip     step_not_skippable step_not_skippable step_not_skippable COMPLETED          step_not_skippable run_compensated
complete COMPLETED          PAUSED             same               run_terminal       run_terminal       step_terminal
fail     FAILED             PAUSED             run_terminal       same               run_terminal       same
undone   step_not_found     step_not_found     step_not_found     step_not_found     step_not_found     FAILED
claim    RUNNING            PAUSED             task_closed        task_closed        task_closed        task_closed
release  same               same               task_closed        task_closed        task_closed        task_closed
reassign RUNNING            PAUSED             task_closed        task_closed        task_closed        task_closed
comment  same               same               task_closed        task_closed        task_closed        task_closed
finish   COMPLETED          PAUSED             task_closed        task_closed        task_closed        task_closed
reject   FAILED             PAUSED             task_closed        task_closed        task_closed        task_closed
clock    same               same               ignored            ignored            ignored            same
child    ignored            ignored            ignored            ignored            ignored            ignored
start    run_exists         run_exists         run_exists         run_exists         run_exists         run_exists
fork     run_exists         run_exists         run_exists         run_exists         run_exists         run_exists
"""
HEADER, *LINES = (line.split() for line in SAID.strip().splitlines())
TABLE = {(line[0], state): word for line in LINES for state, word in zip(HEADER, line[1:], strict=True)}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("state", WAYS)
def test_every_command_in_every_state_of_a_run(name: str, state: RunState) -> None:
    assert said(run_in(state), COMMANDS[name]) == TABLE[name, state]


def said(story: Story, command: Command) -> str:
    before = story.run
    verdict = story.do(command)
    if isinstance(verdict, Refusal):
        assert story.last.empty
        return verdict.reason
    if isinstance(verdict, Ignored):
        assert story.last.events == ()
        return "ignored"
    return story.run.state.value if story.last.events or story.run.state is not before.state else "same"


# --- steps -----------------------------------------------------------------------------------------------------------


def gone(story: Story) -> None:
    story.do(SkipStep("later", ""))


STEPS: dict[StepState, Callable[[Story], None]] = {
    StepState.PENDING: lambda story: None,
    StepState.SKIPPED: gone,
}
REPORTS: dict[StepState, list[str]] = {
    #                       PENDING              SKIPPED
    StepState.PENDING:     ["state_not_reportable", "state_not_reportable"],
    StepState.RUNNING:     ["predecessors_open", "step_terminal"],
    StepState.WAITING:     ["predecessors_open", "step_terminal"],
    StepState.COMPLETED:   ["predecessors_open", "step_terminal"],
    StepState.FAILED:      ["predecessors_open", "step_terminal"],
    StepState.SKIPPED:     ["RUNNING",           "same"],
    StepState.COMPENSATED: ["state_not_reportable", "state_not_reportable"],
    StepState.CANCELLED:   ["state_not_reportable", "state_not_reportable"],
}  # fmt: skip


@pytest.mark.parametrize("reported", REPORTS)
@pytest.mark.parametrize("state", STEPS)
def test_every_report_on_a_step_that_has_not_begun(reported: StepState, state: StepState) -> None:
    story = Story(version([step("a"), step("later", StepType.AGENT_ACTION, agent_id="x")], edges("a>later")))
    STEPS[state](story)
    place = list(STEPS).index(state)
    assert said(story, TransitionStep("later", reported)) == REPORTS[reported][place]
