"""One file per kind of step: how it starts, what it makes of an answer, an event, a report, an alarm and its deadline.

`rules.StepRules` is the common ground; a kind overrides what is its own. To add a step type, write its file and name it
in `TABLE`. An AGENT_ACTION is of one of three kinds: an objective, a list of them, or a run of its own.
"""

from collections.abc import Mapping

from service.domain.definition import StepType
from service.domain.steps.agent_action import AgentAction
from service.domain.steps.approval_gate import ApprovalGate
from service.domain.steps.branch import Branch
from service.domain.steps.governance_check import GovernanceCheck
from service.domain.steps.human_task import HumanTask
from service.domain.steps.notification import Notification
from service.domain.steps.parallel import Parallel
from service.domain.steps.rules import StepRules
from service.domain.steps.sub_workflow import SubWorkflow
from service.domain.steps.wait_for_event import WaitForEvent
from service.domain.steps.with_items import WithItems
from service.domain.turn import Turn

TABLE: Mapping[StepType, StepRules] = {
    StepType.AGENT_ACTION: AgentAction(),
    StepType.APPROVAL_GATE: ApprovalGate(),
    StepType.GOVERNANCE_CHECK: GovernanceCheck(),
    StepType.WAIT_FOR_EVENT: WaitForEvent(),
    StepType.BRANCH: Branch(),
    StepType.PARALLEL: Parallel(),
    StepType.NOTIFICATION: Notification(),
    StepType.HUMAN_TASK: HumanTask(),
}
_WITH_ITEMS = WithItems()
_SUB_WORKFLOW = SubWorkflow()


def rules_of(turn: Turn, key: str) -> StepRules:
    """The rules by which a step goes, or one item of it."""
    planned = turn.planned(key)
    if "workflow" in planned.config:
        return _SUB_WORKFLOW
    if planned.items is not None and key not in turn.run.items:
        return _WITH_ITEMS
    return TABLE[planned.definition.step_type]
