"""What GetApproval's two tellings of one outcome come to: a gate opens on a clear yes and on nothing else."""

import pytest
from approvals.v1.approvals_pb2 import ApprovalDecision, DecisionType, GetApprovalResponse

from service.domain.answers import ApprovalStatus
from service.siblings.approvals import GET
from service.siblings.method import Garbled


def reply(state: str, *records: tuple[str, int]) -> bytes:
    answer = GetApprovalResponse(state=state)
    answer.approval_request.id = "apr_1"
    for name, second in records:
        record = ApprovalDecision(decision=DecisionType.Value(f"DECISION_TYPE_{name}"), decided_by=name.lower())
        record.decided_at.FromSeconds(second)
        answer.decisions.append(record)
    return answer.SerializeToString()


@pytest.mark.parametrize(
    ("state", "records", "decision"),
    [
        ("pending", [], "PENDING"),
        ("PENDING", [("ESCALATED", 1)], "PENDING"),
        ("approved", [], "APPROVED"),
        ("Auto_Approved", [], "AUTO_APPROVED"),
        ("DECISION_TYPE_DENIED", [], "DENIED"),
        ("APPROVAL_STATE_EXPIRED", [], "EXPIRED"),
        ("approved", [("ESCALATED", 1), ("APPROVED", 2)], "APPROVED"),
        ("resolved", [("DENIED", 1)], "DENIED"),
        ("resolved", [("APPROVED", 2), ("ESCALATED", 1)], "APPROVED"),
        ("", [("ESCALATED", 1), ("EXPIRED", 1)], "EXPIRED"),
        ("pending", [("APPROVED", 1)], "PENDING"),
    ],
)
def test_decision(state: str, records: list[tuple[str, int]], decision: str) -> None:
    answer = GET.parse(reply(state, *records))

    assert isinstance(answer, ApprovalStatus)
    assert answer.decision == decision


@pytest.mark.parametrize(
    ("state", "records"),
    [
        ("", []),
        ("resolved", []),
        ("not approved", []),
        ("approved", [("DENIED", 1)]),
        ("denied", [("AUTO_APPROVED", 1)]),
        ("resolved", [("UNSPECIFIED", 1)]),
    ],
)
def test_no_clear_answer_is_none(state: str, records: list[tuple[str, int]]) -> None:
    with pytest.raises(Garbled):
        GET.parse(reply(state, *records))


def test_the_deciders_words_are_the_last_ones() -> None:
    answer = GET.parse(reply("denied", ("DENIED", 9), ("ESCALATED", 1)))

    assert answer == ApprovalStatus("apr_1", "DENIED", "denied", "")
