"""What operators ask about runs, as the wire's messages. Like `render`, it trusts the domain and cannot fail."""

from collections.abc import Sequence

from workflows.ops.v1 import runs_pb2 as ops

from service.domain.exchange import ToUndo
from service.edge import enums


def preview(levels: Sequence[Sequence[ToUndo]]) -> ops.PreviewCompensationResponse:
    return ops.PreviewCompensationResponse(
        levels=[ops.CompensationLevel(steps=map(_planned, level)) for level in levels]
    )


def _planned(value: ToUndo) -> ops.PlannedCompensation:
    return ops.PlannedCompensation(
        step_id=value.step_id,
        state=enums.STEP_STATE[value.state],
        compensation_step_id=value.compensation_step_id,
        child_run_id=value.child_run_id,
        attempted_before=value.attempted_before,
    )
