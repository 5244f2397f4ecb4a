"""The words of a definition's file: what stands for which field of the contract, and enums without their prefix."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from workflows.v1 import workflows_pb2 as pb

SHORT: dict[Descriptor, dict[str, str]] = {
    pb.PublishVersionRequest.DESCRIPTOR: {"timeout": "timeout_seconds", "retry": "default_retry_policy"},
    pb.StepDefinition.DESCRIPTOR: {
        "type": "step_type",
        "condition": "condition_expr",
        "timeout": "timeout_seconds",
        "retry": "retry_policy",
    },
    pb.Edge.DESCRIPTOR: {"from": "from_step_id", "to": "to_step_id", "when": "condition_expr"},
    pb.WorkflowTrigger.DESCRIPTOR: {"type": "trigger_type", "cron": "cron_expr", "filter": "filter_expr"},
    pb.RetryPolicy.DESCRIPTOR: {"backoff": "backoff_seconds"},
}
ENUM_NAMES = {"risk_level": "RISK_LEVEL_", "notification_channel": "DELIVERY_CHANNEL_"}
"""Texts that are names of values of other contracts' enums."""

FLOATS = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)


def with_prefix(text: str, before: str) -> str:
    name = text.upper().replace("-", "_").replace(" ", "_")
    return name if name.startswith(before) else before + name
