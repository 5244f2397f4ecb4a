"""One file per step type: how it starts, what it makes of an answer, an event, a report and its deadline.

`rules.StepRules` is the common ground; a step type overrides what is its own. To add a step type, write its file and
name it in `TABLE`.
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
from service.domain.steps.wait_for_event import WaitForEvent

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
