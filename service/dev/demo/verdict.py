"""Whether the demo has shown what it promises."""

from collections.abc import Iterator, Sequence

from workflows.v1 import workflows_pb2 as pb

from service.dev.demo.bus import Heard

APPROVAL = "approve-high-value"


class DemoError(RuntimeError):
    """The demo did not come out as it should; the message is one line."""


def judge(run: pb.WorkflowRun, *, approved: bool) -> None:
    """Raises DemoError with everything that is wrong about an ended run."""
    if problems := list(_problems(run, approved)):
        raise DemoError(f"run {run.id}: {'; '.join(problems)}")


def judge_order(heard: Sequence[Heard]) -> None:
    """Raises DemoError unless the events of one stream came in order, each once, without a gap."""
    sequences = [event.sequence for event in heard]
    if sequences != list(range(1, len(heard) + 1)):
        raise DemoError(f"the events of {heard[0].stream} came as {sequences}")


def _problems(run: pb.WorkflowRun, approved: bool) -> Iterator[str]:
    if run.state != pb.WORKFLOW_STATE_COMPLETED:
        yield f"ended as {pb.WorkflowState.Name(run.state)}"
    wanted = pb.STEP_RUN_STATE_COMPLETED if approved else pb.STEP_RUN_STATE_SKIPPED
    for step in run.steps:
        if step.step_id == APPROVAL and step.state != wanted:
            yield f"{APPROVAL} is {pb.StepRunState.Name(step.state)}, not {pb.StepRunState.Name(wanted)}"
        if step.error_message:
            yield f"{step.step_id}: {step.error_message}"
