"""What a run says it waits for: every kind of wait, and that what is said to unblock it does."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from service.domain.answers import ActionEvaluated, ApprovalRequested, ApprovalStatus, ChildStarted, NotificationSent
from service.domain.calls import GetApproval
from service.domain.commands import (
    PARENT,
    CancelRun,
    ChildEnded,
    ClaimTask,
    CompensateRun,
    CompleteTask,
    PauseRun,
    ResumeRun,
)
from service.domain.definition import RetryPolicy, StepType
from service.domain.explain import Explained, StepExplained, Tried, explain
from service.domain.state import RunState, StepState
from service.domain.waiting import Waiting
from tests.builders import NO, NOW, Story, agent, alone, edges, event, step, version

FAILED = StepState.FAILED


def explained(story: Story, *owed: Tried) -> Explained:
    return explain(story.plan, story.run, owed, story.now)


def of(story: Story, step_id: str, *owed: Tried) -> StepExplained:
    return next(found for found in explained(story, *owed).steps if found.step_id == step_id)


def the(story: Story, step_id: str, kind: str, *owed: Tried) -> Waiting:
    return next(wait for wait in of(story, step_id, *owed).waits if wait.kind == kind)


def kinds(story: Story, step_id: str) -> list[str]:
    return [wait.kind for found in explained(story).steps if found.step_id == step_id for wait in found.waits]


def summary(story: Story, *owed: Tried) -> str:
    return explained(story, *owed).summary


def later(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


# --- every kind of wait, and its end ---------------------------------------------------------------------------------


class Case(NamedTuple):
    """A story in which `step_id` waits as said, and what ends that."""

    story: Callable[[], Story]
    step_id: str
    wait: Waiting
    unblock: Callable[[Story], Any]


def told(story: Story, *deeds: Callable[[Story], Any]) -> Story:
    for deed in deeds:
        deed(story)
    return story


def one(step_type: StepType = StepType.HUMAN_TASK, **fields: Any) -> Story:
    return alone(step("s", step_type, **fields))


def asked() -> Story:
    """The approval of a governance check is waited for."""
    story = one(StepType.GOVERNANCE_CHECK, action_type="send", config={"approver_user_id": "mia"})
    answer = ActionEvaluated("REQUIRE_APPROVAL", "HIGH", ("too dear",), ("limit",))
    return told(
        story,
        lambda story: story.answer("s/1/EvaluateAction", answer),
        lambda story: story.answer("s/1/RequestApproval", ApprovalRequested("apr_1")),
    )


def completed_without_result(story: Story) -> None:
    story.link("s", "obj_1")
    story.hear_of("obj_1", "COMPLETED", output=None)


def child(story: Story) -> None:
    story.answer("s/1/StartChild", ChildStarted("wfr_2"))


def child_ended(story: Story) -> None:
    story.do(ChildEnded("s", 1, "wfr_2", RunState.COMPLETED, {}, Decimal(0)))


def flaky() -> Story:
    story = alone(agent("s", retry_policy=RetryPolicy(2, 60)))
    return told(story, lambda story: story.fault("s/1/PrepareObjective", NO))


def chained() -> Story:
    return Story(version([step("a"), step("b"), step("s")], edges("a>s", "b>s")))


def forked() -> Story:
    return Story(version([step("s", StepType.PARALLEL), step("a"), step("b")], edges("s>a", "s>b")))


CALLING: dict[str, Any] = {"config": {"workflow": {"name": "onboard"}}}
AGENT = {"objective_id": "obj_1", "agent_id": "agent_1"}
DECISION = {
    "requested_at": NOW.isoformat(),
    "approval_request_id": "apr_1",
    "approver": "mia",
    "governance": {
        "decision": "REQUIRE_APPROVAL", "risk_level": "HIGH", "reasons": ["too dear"], "matched_rules": ["limit"],
    },
}  # fmt: skip
PERSON = {"task_id": "wfr_1/s", "status": "OPEN"}
CORRELATE = {"event": "deal.id", "run": "input.deal"}
EVENT: dict[str, Any] = {"event_type_pattern": "mail.*", "config": {"filter_expr": "stars > 3.0"}}

CASES = {
    "predecessors": Case(
        chained,
        "s",
        Waiting("predecessors", "a, b", "they end", details={"steps": ["a", "b"]}),
        lambda story: (story.complete("a"), story.complete("b")),
    ),
    "retry": Case(
        flaky,
        "s",
        Waiting("retry", "retry 1 after not_found: no such thing", "the clock",
                details={"retry": 1, "error_reason": "not_found"}),
        lambda story: story.wait(70),
    ),
    "pause": Case(
        lambda: told(chained(), lambda story: story.do(PauseRun("lunch"))),
        "s",
        Waiting("pause", "the run to be resumed", "ResumeRun"),
        lambda story: story.do(ResumeRun()),
    ),
    "pause by the parent": Case(
        lambda: told(chained(), lambda story: story.do(PauseRun("", PARENT, 1))),
        "s",
        Waiting("pause", "the run to be resumed", "ResumeRun of the parent run"),
        lambda story: story.do(ResumeRun(PARENT, 2)),
    ),
    "preparation": Case(
        lambda: alone(agent("s")),
        "s",
        Waiting("preparation", "its objective to be created", "the agents and objectives services answer"),
        lambda story: story.link("s", "obj_1"),
    ),
    "objective": Case(
        lambda: told(alone(agent("s", config={"heartbeat_seconds": 30})), lambda story: story.link("s", "obj_1")),
        "s",
        Waiting("objective", "objective obj_1 of agent agent_1", "it ends, or TransitionStep", later(30), AGENT),
        lambda story: story.objective("s", "COMPLETED", "1", done=True),
    ),
    "result": Case(
        lambda: told(alone(agent("s")), completed_without_result),
        "s",
        Waiting("result", "the result of a completed objective", "a report of it", later(10)),
        lambda story: story.objective("s", "COMPLETED", "1", done=True),
    ),
    "child to be started": Case(
        lambda: alone(agent("s", **CALLING)),
        "s",
        Waiting("preparation", "its child run to be started", "the definition of the child run can be started"),
        child,
    ),
    "run": Case(
        lambda: told(alone(agent("s", **CALLING)), child),
        "s",
        Waiting("run", "run wfr_2", "that run ends", details={"run_id": "wfr_2"}),
        child_ended,
    ),
    "governance": Case(
        lambda: one(StepType.GOVERNANCE_CHECK, action_type="send"),
        "s",
        Waiting("governance", "governance to decide", "the governance service answers"),
        lambda story: story.answer("s/1/EvaluateAction", ActionEvaluated("ALLOW")),
    ),
    "approval to be requested": Case(
        lambda: one(StepType.APPROVAL_GATE, action_type="send"),
        "s",
        Waiting("preparation", "its approval to be requested", "the approvals service answers"),
        lambda story: story.answer("s/1/RequestApproval", ApprovalRequested("apr_1")),
    ),
    "approval": Case(
        asked,
        "s",
        Waiting("approval", "approval apr_1 by mia", "a decision", details=DECISION),
        lambda story: story.complete("s", decided_by="mia"),
    ),
    "event": Case(
        lambda: one(StepType.WAIT_FOR_EVENT, **EVENT),
        "s",
        Waiting("event", "an event mail.* where stars > 3.0", "such an event, or TransitionStep",
                details={"type": "mail.*", "filter": "stars > 3.0"}),
        lambda story: story.hear(event("e1", "mail.opened", payload={"stars": 5.0})),
    ),
    "one event among many": Case(
        lambda: one(StepType.WAIT_FOR_EVENT, event_type_pattern="deals.>", config={"correlate": CORRELATE}),
        "s",
        Waiting("event", 'an event deals.> with deal.id = 5.0', "such an event, or TransitionStep",
                details={"type": "deals.>", "correlate": {**CORRELATE, "value": 5.0}}),
        lambda story: story.hear(event("e1", "deals.won", payload={"deal": {"id": 5}})),
    ),
    "delay": Case(
        lambda: one(StepType.WAIT_FOR_EVENT, timeout_seconds=60, config={"timeout_action": "go on"}),
        "s",
        Waiting("delay", "the time to pass", "the clock", later(60)),
        lambda story: story.wait(61),
    ),
    "person": Case(
        lambda: one(config={"title": "Sign", "group": "sales", "due_seconds": 60}),
        "s",
        Waiting("person", "somebody of sales to do 'Sign'", "CompleteTask, RejectTask or TransitionStep",
                later(60), PERSON),
        lambda story: story.do(CompleteTask("s", 0, "mia", {})),
    ),
    "notification": Case(
        lambda: one(StepType.NOTIFICATION, config={"recipient": "team"}),
        "s",
        Waiting("notification", "the notification to be sent", "the notifications service answers"),
        lambda story: story.answer("s/1/SendNotification", NotificationSent("n1")),
    ),
    "children": Case(
        lambda: told(forked(), lambda story: story.complete("a")),
        "s",
        Waiting("children", "b", "they end", details={"steps": ["b"]}),
        lambda story: story.complete("b"),
    ),
    "timeout": Case(
        lambda: one(timeout_seconds=60),
        "s",
        Waiting("timeout", "the attempt's timeout", "the clock: then the attempt is over", later(60)),
        lambda story: story.wait(61),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_to_unblock_a_step_does(name: str) -> None:
    case = CASES[name]
    story = case.story()
    wait = the(story, case.step_id, case.wait.kind)
    if case.wait.kind == "retry":
        assert wait.until == story[case.step_id].retry_at
        wait = Waiting(wait.kind, wait.what, wait.unblock, None, wait.details)
    assert wait == case.wait
    case.unblock(story)
    assert wait.kind not in kinds(story, case.step_id) or wait != the(story, case.step_id, wait.kind)


def test_a_claimed_task_waits_for_who_claimed_it() -> None:
    story = one(config={"title": "Sign", "group": "sales"})
    story.do(ClaimTask("s", 0, "bob"))
    assert the(story, "s", "person").what == "bob to do 'Sign'"
    assert the(one(), "s", "person").what == "anybody to do 'S'"


def test_an_escalated_approval_says_so() -> None:
    story = one(StepType.APPROVAL_GATE, action_type="send")
    story.answer("s/1/RequestApproval", ApprovalRequested("apr_1", auto_approved=True))
    story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", "ESCALATED", "", "ask the boss"))
    details = the(story, "s", "approval").details
    assert (details["decision"], details["comment"]) == ("ESCALATED", "ask the boss")


def test_since_is_when_the_step_first_began() -> None:
    story = flaky()
    story.wait(70)
    assert of(story, "s").since == NOW
    assert of(chained(), "s").since is None


# --- items -----------------------------------------------------------------------------------------------------------


def test_items_are_told_of_together() -> None:
    each = agent("s", retry_policy=RetryPolicy(1, 60), config={"items": "input.values", "concurrency": 3})
    story = Story(version([each]), {"values": [1, 2, 3, 4, 5]})
    story.link("s[0]", "obj_0")
    story.objective("s[0]", "COMPLETED", "1", done=True)
    story.link("s[1]", "obj_1")
    story.fault("s[2]/1/PrepareObjective", NO)
    wait = the(story, "s", "items")
    assert wait.what == "4 of 5 items"
    assert wait.until == story["s[2]"].retry_at
    assert wait.details == {
        "items": 5,
        "ended": 1,
        "failed": 0,
        "waits": {"objective": 1, "retry": 1, "preparation": 2},
    }
    story.do(PauseRun(""))
    assert the(story, "s", "items").details["waits"]["pause"] == 1


def test_items_wait_for_their_turn() -> None:
    each = agent("s", config={"items": "input.values", "concurrency": 1})
    story = Story(version([each]), {"values": [1, 2, 3]})
    assert the(story, "s", "items").details["waits"] == {"preparation": 1, "turn": 2}


# --- calls that do not get through -----------------------------------------------------------------------------------


def owing(step_id: str, tries: int, error: str = "unavailable: nobody there", kind: str = "PrepareObjective") -> Tried:
    return Tried(step_id, kind, tries, error, later(tries))


def test_a_sibling_that_does_not_answer_is_named_with_its_error() -> None:
    story = alone(agent("s"))
    wait = the(story, "s", "sibling", owing("s", 4))
    assert wait.what == "PrepareObjective to get through, tried 4 times (unavailable: nobody there)"
    assert (wait.until, wait.details["calls"]) == (later(4), 1)
    assert summary(story, owing("s", 4)) == f"s waits for {wait.what}"


def test_an_open_breaker_has_a_kind_of_its_own() -> None:
    error = "breaker_open: agents has not been answering"
    assert the(alone(agent("s")), "s", "breaker", owing("s", 1, error)).details["error"] == error


def test_a_call_that_was_not_tried_yet_is_no_trouble() -> None:
    assert [wait.kind for wait in of(alone(agent("s")), "s", owing("s", 0)).waits] == ["preparation"]


def test_nobody_waits_for_what_is_only_cleared_up() -> None:
    waits = of(alone(agent("s")), "s", owing("s", 3, kind="CancelObjective"), owing("other", 3)).waits
    assert [wait.kind for wait in waits] == ["preparation"]


def test_items_that_meet_the_same_error_are_one_trouble() -> None:
    each = agent("s", config={"items": "input.values"})
    story = Story(version([each]), {"values": [1, 2, 3]})
    wait = the(story, "s", "sibling", owing("s[0]", 3), owing("s[1]", 5))
    assert (wait.details["calls"], wait.details["tries"], wait.until) == (2, 5, later(3))


# --- undoing ---------------------------------------------------------------------------------------------------------


def test_a_compensation_says_what_is_undone_and_what_comes_later() -> None:
    steps = [
        step("a", compensation_step_id="undo_a"),
        step("b", compensation_step_id="undo_b"),
        step("c"),
        step("undo_a"),
        step("undo_b"),
    ]
    story = Story(version(steps, edges("a>b", "b>c")))
    told(story, lambda story: story.complete("a"), lambda story: story.complete("b"))
    story.report("c", FAILED)
    story.do(CompensateRun("why"))
    assert [found.step_id for found in explained(story).steps] == ["a", "b", "undo_b"]
    assert the(story, "a", "later_steps").details == {"steps": ["b"]}
    assert the(story, "b", "compensation").details == {"step_id": "undo_b"}
    assert summary(story) == "undoing: undo_b waits for anybody to do 'Undo_B'"
    story.complete("undo_b")
    assert the(story, "a", "compensation").details == {"step_id": "undo_a"}
    story.complete("undo_a")
    assert (story.state, explained(story).steps) == ("FAILED", ())


def test_a_child_run_that_undoes_itself_is_waited_for() -> None:
    story = Story(version([agent("s", **CALLING), step("last")], edges("s>last")))
    told(story, child, child_ended)
    story.report("last", FAILED)
    story.do(CompensateRun("why"))
    assert summary(story) == "undoing: s waits for run wfr_2 to undo itself"


# --- the run as a whole ----------------------------------------------------------------------------------------------


def test_the_summary_names_the_first_three() -> None:
    story = Story(version([step(name) for name in "abcde"]))
    assert summary(story) == (
        "a waits for anybody to do 'A'; b waits for anybody to do 'B'; c waits for anybody to do 'C'; and 2 more"
    )


def test_the_summary_leaves_out_steps_that_only_follow() -> None:
    assert summary(chained()) == "a waits for anybody to do 'A'; b waits for anybody to do 'B'"


def test_a_step_in_backoff_is_in_the_summary() -> None:
    assert summary(flaky()) == "s waits for retry 1 after not_found: no such thing"


def test_a_paused_run_says_who_paused_it_and_whether_it_is_drained() -> None:
    story = alone(agent("s"))
    story.do(PauseRun("lunch"), actor="user:ann")
    story.do(PauseRun("", PARENT, 1), actor="service:workflows")
    assert summary(story) == "paused by user:ann (lunch), service:workflows; what is in flight goes on"
    story.link("s", "obj_1")
    story.objective("s", "COMPLETED", "1", done=True)
    assert summary(story) == "paused by user:ann (lunch), service:workflows; nothing is in flight"


def test_a_failing_run_tells_of_what_is_in_flight_alone() -> None:
    story = Story(version([agent("a"), step("b"), step("c")], edges("a>c", "b>c")))
    story.report("b", FAILED, error_message="no")
    assert summary(story) == "failing (step b: no); what is in flight comes home first"
    assert [found.step_id for found in explained(story).steps] == ["a"]


def test_an_ended_run_waits_for_nothing() -> None:
    story = chained()
    story.do(CancelRun("no more"))
    assert explained(story) == Explained("the run is CANCELLED: no more", ())
    story = one()
    story.report("s", FAILED, error_message="no")
    assert summary(story) == "the run is FAILED: step s: no"


# --- words -----------------------------------------------------------------------------------------------------------


def test_every_kind_is_on_the_wire_and_in_the_guide() -> None:
    """The kinds of the cases above, those of items, of trouble and of undoing."""
    root = Path(__file__).parents[2]
    met = {case.wait.kind for case in CASES.values()}
    met |= {"items", "turn", "sibling", "breaker", "later_steps", "compensation"}
    guide = re.findall(r"^\| `(\w+)` \|", (root / "docs/operating.md").read_text(), re.MULTILINE)
    assert sorted(guide) == sorted(met)
    wire = (root / "proto/workflows/ops/v1/runs.proto").read_text().partition("message StepWait {")[2]
    words = set(re.findall(r"\w+", wire.partition("string kind")[0]))
    assert met <= words
