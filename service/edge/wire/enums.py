"""The wire's enum numbers and the domain's names, both ways, built once from the descriptors.

The domain spells a member like the wire without its prefix, so a member that only one side knows fails at import.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.descriptor import EnumDescriptor
from workflows.ops.v1 import definitions_pb2, events_pb2, runs_pb2, schedules_pb2
from workflows.ops.v1 import tasks_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.bulk import Control, ControlOutcome
from service.domain.dead_letters import ReplayOutcome
from service.domain.definition import StepType, TriggerType
from service.domain.difference import DifferenceKind
from service.domain.picture import Format
from service.domain.received_events import EventState
from service.domain.schedule import Overlap
from service.domain.state import RunState, StepState, TaskStatus

E = TypeVar("E", bound=StrEnum)


def _numbers(members: type[E], wire: EnumDescriptor, prefix: str) -> Mapping[E, Any]:
    """Numbers are Any: each enum's stub has an integer type of its own."""
    if len(members) != len(wire.values) - 1:
        raise ValueError(f"{wire.name} has members the domain does not know")
    return {member: wire.values_by_name[f"{prefix}_{member}"].number for member in members}


STEP_TYPE = _numbers(StepType, pb.StepType.DESCRIPTOR, "STEP_TYPE")
TRIGGER_TYPE = _numbers(TriggerType, pb.TriggerType.DESCRIPTOR, "TRIGGER_TYPE")
RUN_STATE = _numbers(RunState, pb.WorkflowState.DESCRIPTOR, "WORKFLOW_STATE")
STEP_STATE = _numbers(StepState, pb.StepRunState.DESCRIPTOR, "STEP_RUN_STATE")
TASK_STATUS = _numbers(TaskStatus, ops.HumanTaskState.DESCRIPTOR, "HUMAN_TASK_STATE")
SCHEDULE_OVERLAP = _numbers(Overlap, schedules_pb2.ScheduleOverlap.DESCRIPTOR, "SCHEDULE_OVERLAP")
EVENT_STATE = _numbers(EventState, events_pb2.EventState.DESCRIPTOR, "EVENT_STATE")
DIFFERENCE_KIND = _numbers(DifferenceKind, definitions_pb2.DifferenceKind.DESCRIPTOR, "DIFFERENCE_KIND")
REPLAY_OUTCOME = _numbers(ReplayOutcome, events_pb2.ReplayOutcome.DESCRIPTOR, "REPLAY_OUTCOME")
GRAPH_FORMAT = _numbers(Format, runs_pb2.RunGraphFormat.DESCRIPTOR, "RUN_GRAPH_FORMAT")
RUN_CONTROL = _numbers(Control, runs_pb2.RunControl.DESCRIPTOR, "RUN_CONTROL")
CONTROL_OUTCOME = _numbers(ControlOutcome, runs_pb2.ControlOutcome.DESCRIPTOR, "CONTROL_OUTCOME")


def _members(numbers: Mapping[E, Any]) -> Mapping[int, E]:
    return {number: member for member, number in numbers.items()}


STEP_TYPE_OF = _members(STEP_TYPE)
TRIGGER_TYPE_OF = _members(TRIGGER_TYPE)
RUN_STATE_OF = _members(RUN_STATE)
STEP_STATE_OF = _members(STEP_STATE)
TASK_STATUS_OF = _members(TASK_STATUS)
SCHEDULE_OVERLAP_OF = _members(SCHEDULE_OVERLAP)
EVENT_STATE_OF = _members(EVENT_STATE)
GRAPH_FORMAT_OF = _members(GRAPH_FORMAT)
RUN_CONTROL_OF = _members(RUN_CONTROL)
