"""Definitions and versions between their rows and their values.

A version's steps and edges are kept as JSON under the names of the dataclasses' fields, in declaration order, and are
read back field by field, so that what was published is what is run.
"""

from collections.abc import Mapping
from typing import Any

from service.domain.definition import (
    Definition,
    Edge,
    RetryPolicy,
    Schemas,
    StepDefinition,
    StepType,
    Trigger,
    TriggerType,
    Version,
)
from service.store.codec import optional
from service.store.pool import Row


def definition_of(row: Row) -> Definition:
    """From id, workspace_id, name, description, latest_version, tags, created_at, updated_at, max_run_seconds,
    enabled, schema_revisions."""
    id_, workspace_id, name, description, latest_version, tags, *rest = row
    return Definition(id_, workspace_id, name, description, latest_version, tuple(tags), *rest)


def version_of(row: Row) -> Version:
    """From id, definition_id, workspace_id, version, steps, edges, trigger, default_retry_policy, timeout_seconds,
    author, created_at, and perhaps the schemas beside it."""
    id_, definition_id, workspace_id, number, steps, edges, trigger, retry, timeout, author, created_at, *beside = row
    return Version(
        id_,
        definition_id,
        workspace_id,
        number,
        tuple(step_definition_of(step) for step in steps),
        tuple(Edge(**edge) for edge in edges),
        optional(trigger_of, trigger),
        optional(retry_policy_of, retry),
        timeout,
        author,
        created_at,
        *(Schemas(**schemas) for schemas in beside if schemas),
    )


def step_definition_of(column: Mapping[str, Any]) -> StepDefinition:
    step_type = StepType(column["step_type"])
    retry = optional(retry_policy_of, column["retry_policy"])
    return StepDefinition(**{**column, "step_type": step_type, "retry_policy": retry})


def trigger_of(column: Mapping[str, Any]) -> Trigger:
    return Trigger(**{**column, "trigger_type": TriggerType(column["trigger_type"])})


def retry_policy_of(column: Mapping[str, Any]) -> RetryPolicy:
    return RetryPolicy(**column)
