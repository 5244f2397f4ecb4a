"""Which right each RPC asks for: one line per RPC, and no other place.

A scope is a word that identity puts into a token. It covers exactly the RPCs beside it; none includes another. An RPC
without a line is refused to everybody who has to show a token, and a test tells whoever adds one. Read by the
interceptor.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from service.domain.errors import Kind, Refusal


class Scope(StrEnum):
    READ = "workflows:read"
    WRITE = "workflows:write"  # definitions, versions, schedules
    RUN = "workflows:run"  # starting and controlling runs
    TRANSITION = "workflows:transition"  # doing the work of a step: reports and people's tasks
    OPERATE = "workflows:operate"  # the bus and what is kept; without an organization, every workspace


NEEDED: Mapping[str, Mapping[str, Scope]] = {
    "workflows.v1.WorkflowService": {
        "CreateDefinition": Scope.WRITE,
        "GetDefinition": Scope.READ,
        "ListDefinitions": Scope.READ,
        "PublishVersion": Scope.WRITE,
        "ListVersions": Scope.READ,
        "StartRun": Scope.RUN,
        "HandleTrigger": Scope.RUN,
        "GetRun": Scope.READ,
        "ListRuns": Scope.READ,
        "TransitionStep": Scope.TRANSITION,
        "PauseRun": Scope.RUN,
        "ResumeRun": Scope.RUN,
        "CancelRun": Scope.RUN,
        "CompensateRun": Scope.RUN,
    },
    "workflows.ops.v1.HumanTaskService": {
        "ListTasks": Scope.READ,
        "GetTask": Scope.READ,
        "ClaimTask": Scope.TRANSITION,
        "ReleaseTask": Scope.TRANSITION,
        "ReassignTask": Scope.TRANSITION,
        "CommentTask": Scope.TRANSITION,
        "CompleteTask": Scope.TRANSITION,
        "RejectTask": Scope.TRANSITION,
    },
    "workflows.ops.v1.RunService": {
        "RetryStep": Scope.RUN,
        "SkipStep": Scope.RUN,
        "ForkRun": Scope.RUN,
        "PreviewCompensation": Scope.READ,
        "ExplainRun": Scope.READ,
        "ListRunEvents": Scope.READ,
        "WatchRun": Scope.READ,
        "GetRunGraph": Scope.READ,
        "SearchRuns": Scope.READ,
        "ControlRuns": Scope.RUN,
    },
    "workflows.ops.v1.DefinitionService": {
        "DescribeDefinition": Scope.WRITE,
        "SetMaxRunDuration": Scope.WRITE,
        "SetEnabled": Scope.WRITE,
        "ValidateVersion": Scope.READ,
        "DiffVersions": Scope.READ,
        "GetGraph": Scope.READ,
        "SetSchemas": Scope.WRITE,
        "GetSchemas": Scope.READ,
    },
    "workflows.ops.v1.ScheduleService": {
        "GetSchedule": Scope.READ,
        "ListSchedules": Scope.READ,
        "PauseSchedule": Scope.WRITE,
        "ResumeSchedule": Scope.WRITE,
        "SetSchedulePolicy": Scope.WRITE,
        "ListUpcoming": Scope.READ,
        "Backfill": Scope.RUN,
    },
    "workflows.ops.v1.EventService": {
        "ListDeadLetters": Scope.OPERATE,
        "GetDeadLetter": Scope.OPERATE,
        "ReplayDeadLetter": Scope.OPERATE,
        "DiscardDeadLetter": Scope.OPERATE,
        "ListEvents": Scope.OPERATE,
        "GetEvent": Scope.OPERATE,
        "Republish": Scope.OPERATE,
    },
    "workflows.ops.v1.RetentionService": {
        "SetPolicy": Scope.OPERATE,
        "ListPolicies": Scope.OPERATE,
        "DeletePolicy": Scope.OPERATE,
        "HoldRun": Scope.OPERATE,
        "ReleaseRun": Scope.OPERATE,
        "ListHolds": Scope.OPERATE,
        "Purge": Scope.OPERATE,
        "ListPurges": Scope.OPERATE,
    },
}

EVERY_SCOPE = frozenset(scope.value for scope in Scope)


def needed(method: str) -> str:
    """The scope for a method as gRPC spells it, `/package.Service/Rpc`; for one without a line, a scope that no token
    can have."""
    _, service, rpc = method.split("/", 2)
    return NEEDED.get(service, {}).get(rpc, "")


def known(scopes: Iterable[str]) -> frozenset[str]:
    """Those of a token's scopes that are ours."""
    return EVERY_SCOPE.intersection(scopes)


def check(scopes: frozenset[str], scope: str) -> None:
    """Raises Refusal (DENIED), which names the scope."""
    if scope not in scopes:
        raise Refusal(Kind.DENIED, "missing_scope", f"the caller lacks the scope {scope or 'of this call'}")
