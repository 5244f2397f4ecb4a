"""AGENT_ACTION: look-ups, the objective and its outcome, retries, faults, and what comes too late."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from service.domain.answers import (
    Delegated,
    Fault,
    FaultKind,
    ObjectiveCreated,
    ObjectivePrepared,
    Prompt,
    UsageReported,
)
from service.domain.calls import CancelObjective, CreateObjective, Delegate, PrepareObjective, QueryUsage
from service.domain.commands import EffectSucceeded, TransitionStep
from service.domain.decision import Accepted, Ignored
from service.domain.definition import RetryPolicy, StepType
from service.domain.errors import Refusal
from service.domain.state import StepState
from tests.builders import BAD, DOWN, NO, Story, agent, alone, edges, step, version

ONCE_MORE = RetryPolicy(1, 5, 1.0)


def context_of(story: Story) -> dict[str, Any]:
    """The line for machines in the description of the last objective."""
    _, _, line = story.calls(CreateObjective)[-1].description.rpartition("\n")
    found: dict[str, Any] = orjson.loads(line)
    return found


# --- the main line ---------------------------------------------------------------------------------------------------


def test_an_objective_is_created_linked_and_completed() -> None:
    story = alone(agent("a", action_type="do.it"))
    story.prepare("a")
    (call,) = story.calls(CreateObjective)
    assert (call.agent_id, call.title, call.marker) == ("agent_1", "A", "wfr_1/a/1")
    story.link("a", "obj_1")
    assert story["a"].objective_id == "obj_1"
    story.objective("a", "RUNNING")
    assert story.last.verdicts == (Ignored("progress"),)
    story.objective("a", "COMPLETED", "0.034", score=9)
    assert story["a"].output_payload == {"score": 9}
    assert (story["a"].cost_usd, story.run.total_cost_usd) == (Decimal("0.034"), Decimal("0.034"))
    assert story.state == "COMPLETED"
    assert story.owed == {}


def test_an_agent_is_found_by_capability_and_delegated_to() -> None:
    story = Story(
        version([step("a", StepType.AGENT_ACTION, required_capability="sell")]), {"deal": 5}, initiator_agent_id="boss"
    )
    assert story.owed["a/1/PrepareObjective"].call == PrepareObjective("", "sell", "", "")
    story.link("a", "obj_1", "agent_9")
    assert story.calls(Delegate) == [Delegate("boss", "agent_9", "sell", "obj_1", "a", {"deal": 5})]
    story.answer("a/1/Delegate", Delegated("del_1"))
    assert (story["a"].agent_id, story["a"].objective_id, story["a"].delegation_id) == ("agent_9", "obj_1", "del_1")


def test_an_agent_that_was_named_is_not_delegated_to() -> None:
    story = alone(agent("a", required_capability="sell"))
    assert story.owed["a/1/PrepareObjective"].call == PrepareObjective("agent_1", "", "", "")
    story.link("a", "obj_1")
    assert story.calls(Delegate) == []


# --- look-ups --------------------------------------------------------------------------------------------------------


def test_the_objective_carries_what_machines_need() -> None:
    definition = agent("a", action_type="do.it", skill_id="skl_1", prompt_name="pitch", config={"title": "Sell"})
    story = Story(version([definition]), {"deal": 5}, entity_id="ent_1", entity_type="ENTITY_TYPE_DEAL")
    assert story.calls(PrepareObjective) == [PrepareObjective("agent_1", "", "skl_1", "pitch")]
    prompt = Prompt("pitch", "live", 7, "Sell it.", "large")
    story.answer("a/1/PrepareObjective", ObjectivePrepared("agent_1", prompt))
    assert story.calls(CreateObjective)[0].title == "Sell"
    assert context_of(story) == {
        "marker": "wfr_1/a/1",
        "run_id": "wfr_1",
        "step_id": "a",
        "attempt": 1,
        "action_type": "do.it",
        "skill_id": "skl_1",
        "entity_id": "ent_1",
        "entity_type": "ENTITY_TYPE_DEAL",
        "input": {"deal": 5},
        "prompt": {"name": "pitch", "label": "live", "version": 7, "model": "large", "content": "Sell it."},
    }


def test_an_objective_without_a_prompt_says_so() -> None:
    story = alone(agent("a", config={"description": "Do it well."}))
    story.prepare("a")
    assert story.calls(CreateObjective)[0].description.startswith("Do it well.\n")
    assert context_of(story)["prompt"] is None


@pytest.mark.parametrize("reason", ["no_agent", "unknown_agent", "unknown_skill", "unknown_prompt", "not_configured"])
def test_a_failed_look_up_fails_the_attempt_with_its_reason(reason: str) -> None:
    story = alone(agent("a", retry_policy=ONCE_MORE))
    story.fault("a/1/PrepareObjective", Fault(FaultKind.FAILED, reason, "there is none"))
    assert story.states() == {"a": "PENDING"}
    story.wait(6)
    story.fault("a/2/PrepareObjective", Fault(FaultKind.FAILED, reason, "there is none"))
    assert (story["a"].error_reason, story["a"].error_message) == (reason, "there is none")
    assert (story.state, story.run.failure_reason) == ("FAILED", reason)
    assert story.calls(CreateObjective) == []


def test_a_look_up_that_comes_back_to_a_failing_run_begins_nothing() -> None:
    story = Story(version([agent("a"), step("bad")]))
    story.report("bad", StepState.FAILED)
    assert story.state == "RUNNING"
    story.prepare("a")
    assert story.states() == {"a": "CANCELLED", "bad": "FAILED"}
    assert story.calls(CreateObjective) == []
    assert story.state == "FAILED"


# --- retries ---------------------------------------------------------------------------------------------------------


def test_a_failed_objective_is_tried_again_after_the_backoff() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(2, 30, 2.0)))
    for attempt, delay in ((1, 30), (2, 60)):
        story.link("a", f"obj_{attempt}")
        story.objective("a", "FAILED", "0.01")
        retry_at = story["a"].retry_at
        assert retry_at is not None
        assert timedelta(seconds=delay) <= retry_at - story.now <= timedelta(seconds=delay * 1.1)
        story.wait(delay - 1)
        assert story.states()["a"] == "PENDING"
        story.wait(delay * 0.1 + 1)
        assert story.states()["a"] == "RUNNING"
    assert story["a"].retry_count == 2
    story.link("a", "obj_3")
    story.objective("a", "FAILED", "0.01")
    assert story.state == "FAILED"
    assert story.run.total_cost_usd == Decimal("0.03")


def test_a_step_that_succeeds_at_last_has_no_error() -> None:
    drawn = version([agent("a", retry_policy=ONCE_MORE), step("ok")], edges("a>ok if a.error == null"))
    story = Story(drawn)
    story.fault("a/1/PrepareObjective", NO)
    assert story["a"].error_reason == "not_found"
    story.wait(6)
    story.link("a", "obj_2")
    story.objective("a", "COMPLETED", done=True)
    assert (story["a"].error_reason, story["a"].error_message) == ("", "")
    assert story.states()["ok"] == "WAITING"


def test_a_cap_on_the_delay_holds() -> None:
    config = {"max_backoff_seconds": 20}
    story = alone(agent("a", retry_policy=RetryPolicy(5, 10, 10.0), config=config))
    for attempt, least in ((1, 10), (2, 20), (3, 20)):
        story.fault(f"a/{attempt}/PrepareObjective", NO)
        retry_at = story["a"].retry_at
        assert retry_at is not None
        assert timedelta(seconds=least) <= retry_at - story.now <= timedelta(seconds=least * 1.1)
        story.wait(23)


def test_an_unset_multiplier_repeats_the_same_delay() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(3, 10, 0.0)))
    for attempt in (1, 2):
        story.fault(f"a/{attempt}/PrepareObjective", NO)
        retry_at = story["a"].retry_at
        assert retry_at is not None
        assert retry_at - story.now >= timedelta(seconds=10)
        story.wait(11)


def test_reasons_listed_as_non_retryable_are_final() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(5, 5, 1.0), config={"non_retryable": ["not_found"]}))
    story.fault("a/1/PrepareObjective", NO)
    assert story.state == "FAILED"


def test_a_cancelled_objective_is_final() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(2, 30, 2.0)))
    story.link("a", "obj_1")
    story.objective("a", "CANCELLED")
    assert story["a"].error_reason == "objective_cancelled"
    assert story.state == "FAILED"


def test_a_timed_out_attempt_is_cancelled_and_tried_again() -> None:
    story = alone(agent("a", timeout_seconds=60, retry_policy=ONCE_MORE))
    story.link("a", "obj_1")
    story.wait(59)
    assert story.states()["a"] == "RUNNING"
    story.wait(1)
    assert story.states()["a"] == "PENDING"
    assert story.calls(CancelObjective) == [CancelObjective("obj_1", "the attempt timed out")]


# --- faults of siblings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tries", "delay"), [(0, 0.2), (3, 1.6), (20, 60.0)])
def test_a_transport_fault_is_tried_again_and_uses_no_retry(tries: int, delay: float) -> None:
    story = alone(agent("a"))
    story.fault("a/1/PrepareObjective", DOWN, tries)
    assert story.last.postponed[0].delay_seconds == delay
    assert story["a"].retry_count == 0
    assert story.last.events == ()


def test_a_sibling_that_says_no_fails_the_attempt_and_one_that_rejects_fails_for_good() -> None:
    story = alone(agent("a", retry_policy=ONCE_MORE))
    story.fault("a/1/PrepareObjective", NO)
    assert story.states()["a"] == "PENDING"
    story.wait(6)
    story.fault("a/2/PrepareObjective", BAD)
    assert story["a"].error_message == "malformed"
    assert story.state == "FAILED"


# --- what comes too late, or from elsewhere --------------------------------------------------------------------------


def test_an_objective_created_for_an_abandoned_attempt_is_cancelled() -> None:
    story = alone(agent("a", timeout_seconds=60))
    story.prepare("a")
    late = story.owes("a/1/CreateObjective")
    story.wait(60)
    assert story.state == "FAILED"
    story.do(EffectSucceeded(late, ObjectiveCreated("obj_late", "agent_1")))
    assert story.calls(CancelObjective) == [CancelObjective("obj_late", "the attempt was given up")]
    story.answer(story.owing(QueryUsage), UsageReported("obj_late", Decimal("0.2"), 1))
    assert story["a"].cost_usd == story.run.total_cost_usd == Decimal("0.2")


def test_an_objective_created_for_an_earlier_attempt_has_its_cost_there() -> None:
    story = alone(agent("a", timeout_seconds=60, retry_policy=RetryPolicy(1, 5, 1.0)))
    story.prepare("a")
    late = story.owes("a/1/CreateObjective")
    story.wait(60)
    story.wait(6)
    story.link("a", "obj_2")
    story.do(EffectSucceeded(late, ObjectiveCreated("obj_late", "agent_1")))
    assert story["a"].objective_id == "obj_2"
    story.answer(story.owing(QueryUsage), UsageReported("obj_late", Decimal("0.2"), 1))
    story.objective("a", "COMPLETED", cost="0.3", done=True)
    assert story["a"].cost_usd == Decimal("0.5")


def test_an_objective_that_was_not_reported_does_not_take_the_place_of_one_that_was() -> None:
    story = alone(agent("a"))
    story.prepare("a")
    late = story.owes("a/1/CreateObjective")
    story.report("a", StepState.COMPLETED, objective_id="obj_1")
    story.do(EffectSucceeded(late, ObjectiveCreated("obj_late", "agent_1")))
    assert story["a"].objective_id == "obj_1"


def test_a_creation_that_nobody_wants_any_more_is_still_brought_to_its_end() -> None:
    story = alone(agent("a", timeout_seconds=60))
    story.prepare("a")
    story.wait(60)
    story.fault("a/1/CreateObjective", DOWN, tries=29)
    assert [later.effect.id for later in story.last.postponed] == ["a/1/CreateObjective"]
    story.fault("a/1/CreateObjective", DOWN, tries=30)
    assert [effect.id for effect in story.last.settled] == ["a/1/CreateObjective"]
    assert story.audits[-1].reason == "unavailable"


def test_an_objective_that_was_reported_is_not_created_again() -> None:
    story = alone(agent("a"))
    story.report("a", StepState.RUNNING, objective_id="obj_theirs")
    story.prepare("a")
    assert story.calls(CreateObjective) == []
    story.objective("a", "COMPLETED", done=True)
    assert story.state == "COMPLETED"


def test_of_two_objectives_for_one_attempt_ours_is_cancelled() -> None:
    story = alone(agent("a"))
    story.prepare("a")
    story.report("a", StepState.RUNNING, objective_id="obj_theirs")
    story.link("a", "obj_ours")
    assert story["a"].objective_id == "obj_theirs"
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_ours"]


def test_what_an_earlier_attempt_reports_is_refused() -> None:
    story = alone(agent("a", retry_policy=ONCE_MORE))
    story.link("a", "obj_1")
    story.objective("a", "FAILED")
    story.wait(6)
    assert story.states() == {"a": "RUNNING"}
    verdict = story.report("a", StepState.COMPLETED, objective_id="obj_1")
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "objective_superseded"
    assert isinstance(story.report("a", StepState.COMPLETED, objective_id="obj_2"), Accepted)


def test_the_word_of_an_approval_means_nothing_to_an_agents_step() -> None:
    story = alone(agent("a"))
    story.do(TransitionStep("a", StepState.WAITING, approval_request_id="apr_1"))
    assert story["a"].approval_request_id == "apr_1"
    assert story.last.opened == ()


def test_what_an_agent_says_meanwhile_is_part_of_the_conversation() -> None:
    story = alone(agent("a"))
    story.link("a", "obj_1")
    said = {"kind": "choice", "text": "Which one?", "choices": ["red", "blue"]}
    assert isinstance(story.hear_of("obj_1", "RUNNING", said=said), Accepted)
    (entry,) = story.said
    assert (entry.step_id, entry.kind, entry.author, entry.text) == ("a", "choice", "agent:agent_1", "Which one?")
    assert entry.body == {"choices": ["red", "blue"]}
    assert story.last.events == ()


def test_what_an_agent_said_is_kept_even_when_it_is_heard_after_the_end() -> None:
    story = alone(agent("a"))
    story.link("a", "obj_1")
    story.objective("a", "FAILED")
    assert isinstance(story.hear_of("obj_1", "RUNNING", said={"kind": "notice", "text": "Half done."}), Accepted)
    assert [entry.text for entry in story.said] == ["Half done."]
    assert isinstance(story.hear_of("obj_1", "RUNNING"), Ignored)


def test_a_backoff_beyond_all_numbers_is_capped() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(1000, 1, 1000.0), config={"max_backoff_seconds": 60}))
    for _ in range(120):
        story.fault(f"a/{story['a'].attempt}/PrepareObjective", NO)
        story.wait(67)
    assert story["a"].attempt == 121
