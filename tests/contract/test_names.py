"""Names of other contracts that the domain writes out, since it knows no stubs: here they are held to them."""

from typing import Any

import pytest
from approvals.v1 import approvals_pb2
from entities.v1 import entities_pb2
from governance.v1 import governance_pb2
from notifications.v1 import notifications_pb2

from service.console.pipeline_words import ENUM_NAMES
from service.domain.config import KEYS
from service.domain.definition import StepType
from service.domain.publish.fields import CHANNELS, RISK_LEVELS
from service.domain.publish.triggers import ENTITY_TYPES

NOTIFICATION = KEYS[StepType.NOTIFICATION]


@pytest.mark.parametrize(
    ("taken", "enum"),
    [
        (RISK_LEVELS, approvals_pb2.RiskLevel),
        (RISK_LEVELS, governance_pb2.RiskLevel),
        (CHANNELS, notifications_pb2.DeliveryChannel),
        (ENTITY_TYPES, entities_pb2.EntityType),
        (NOTIFICATION["priority"]["enum"], notifications_pb2.Priority),
        (NOTIFICATION["category"]["enum"], notifications_pb2.NotificationCategory),
    ],
)
def test_names_are_those_of_their_contract(taken: Any, enum: Any) -> None:
    assert set(taken) == set(enum.keys())


@pytest.mark.parametrize(("field", "taken"), [("risk_level", RISK_LEVELS), ("notification_channel", CHANNELS)])
def test_files_leave_out_what_all_names_begin_with(field: str, taken: frozenset[str]) -> None:
    assert all(name.startswith(ENUM_NAMES[field]) for name in taken)
