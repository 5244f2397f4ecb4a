"""WAIT_FOR_EVENT: what matches, what a wait is correlated by, from when events count, and the time running out."""

from datetime import timedelta
from typing import Any

import pytest

from service.domain.answers import Fault, FaultKind
from service.domain.bus_event import BusEvent, ObjectiveReport
from service.domain.calls import Deliver
from service.domain.commands import EffectFailed, Envelope, EventArrived
from service.domain.correlations import Correlate, correlations
from service.domain.decide import decide
from service.domain.decision import Ignored, Repeated, Seen
from service.domain.definition import RetryPolicy, StepType
from service.domain.effects import Owed
from service.domain.state import StepState
from service.domain.waits import correlation
from tests.builders import NOW, Story, alone, edges, event, step, version


def waiting(payload: dict[str, Any] | None = None, pattern: str = "mail.*.received", **fields: Any) -> Story:
    return alone(step("w", StepType.WAIT_FOR_EVENT, event_type_pattern=pattern, **fields), payload)


def mail(event_id: str, kind: str = "mail.in.received", **payload: Any) -> BusEvent:
    return event(event_id, kind, payload=payload)


# --- matching --------------------------------------------------------------------------------------------------------


def test_a_wait_takes_the_event_that_matches_once() -> None:
    story = waiting(config={"filter_expr": "score > 3.0"})
    assert [(opened.step_id, opened.address) for opened in story.last.opened] == [("w", "event:mail.*.received")]
    assert story.hear(mail("e1", "mail.in.sent", score=9)) == Ignored("not_awaited")
    assert story.hear(mail("e2", score=1)) == Ignored("no_match")
    assert story.hear(mail("e3")) == Ignored("filter_error")
    story.hear(mail("e4", score=4))
    assert (story["w"].event_id, story["w"].output_payload) == ("e4", {"score": 4})
    assert [(closed.step_id, closed.address) for closed in story.last.closed] == [("w", "event:mail.*.received")]


def test_a_subject_narrows_a_wait_down() -> None:
    story = waiting(event_subject_pattern="deal.*.won")
    assert story.hear(mail("e1")) == Ignored("no_match")
    story.hear(event("e2", "mail.in.received", subject="deal.7.won"))
    assert story.state == "COMPLETED"


def test_a_wait_for_a_subject_alone_hears_every_type() -> None:
    story = waiting(pattern="", event_subject_pattern="deal.*.won")
    assert [opened.address for opened in story.last.opened] == ["event:>"]
    story.hear(event("e1", "anything", subject="deal.7.won"))
    assert story.state == "COMPLETED"


def test_a_filter_sees_the_event_the_run_and_the_steps() -> None:
    config = {"filter_expr": "event.type == 'mail.in.received' && deal == input.deal && run.id == 'wfr_1'"}
    story = waiting(config=config)
    story.hear(mail("e1", deal=5))
    assert story.state == "COMPLETED"


def test_the_event_that_started_a_run_does_not_answer_its_waits() -> None:
    story = Story(version([step("w", StepType.WAIT_FOR_EVENT, event_type_pattern=">")]), trigger_event_id="e1")
    assert story.hear(event("e1", "anything")) == Ignored("own_trigger")


def test_an_event_counts_once_even_when_it_is_delivered_twice() -> None:
    story = waiting(pattern=">")
    before = story.run
    story.hear(event("e1", "x"))
    assert [guard.cause for guard in story.last.guards] == ["event:tests/e1"]
    again = EventArrived(Owed("deliver/2", "", 0, Deliver.__name__, 1), event("e1", "x"), story.now)
    envelope = Envelope(again, "event:tests", "event:tests/e1", guarded=True)
    repeated = decide(story.plan, before, [envelope], story.now, {"event:tests/e1": Seen(b"", 3)})
    assert repeated.verdicts == (Repeated(3),)
    assert [effect.id for effect in repeated.settled] == ["deliver/2"]


def test_an_event_satisfies_every_wait_that_is_open_and_no_later_one() -> None:
    waits = [step(name, StepType.WAIT_FOR_EVENT, event_type_pattern="x.>") for name in ("a", "b", "later")]
    story = Story(version(waits, edges("a>later", "b>later")))
    story.hear(event("e1", "x.y", payload={"n": 1}))
    assert story.states() == {"a": "COMPLETED", "b": "COMPLETED", "later": "WAITING"}
    assert (story["a"].event_id, story["b"].event_id) == ("e1", "e1")
    assert [guard.cause for guard in story.last.guards] == ["event:tests/e1"]


def test_a_delivery_whose_event_is_gone_is_settled_and_audited() -> None:
    story = waiting()
    gone = Fault(FaultKind.FAILED, "event_expired", "no longer kept")
    story.do(EffectFailed(Owed("deliver/1", "", 0, Deliver.__name__, 1), gone))
    assert [effect.id for effect in story.last.settled] == ["deliver/1"]
    assert story.last.audits[0].reason == "event_expired"
    assert story.states() == {"w": "WAITING"}


def test_a_wait_that_was_reported_completed_hears_nothing_more() -> None:
    story = waiting(pattern=">")
    story.report("w", StepState.COMPLETED, objective_id="obj_1", output_payload={"by": "hand"})
    about = ObjectiveReport("obj_1", "COMPLETED", {"by": "bus"})
    assert story.hear(event("e1", about=about)) == Ignored("not_awaited")
    assert story["w"].output_payload == {"by": "hand"}


# --- correlation -----------------------------------------------------------------------------------------------------


def correlated(deal: Any, **config: Any) -> Story:
    config = {"correlate": {"event": "deal", "run": "input.deal"}, **config}
    return waiting({"deal": deal}, config=config)


def key(story: Story) -> str:
    return str(story["w"].evidence["correlation"])


def test_the_value_is_part_of_the_address() -> None:
    story = correlated(5)
    assert [opened.address for opened in story.last.opened] == [f"event:mail.*.received#{key(story)}"]
    assert key(story) != key(correlated(6))
    assert key(story) == correlation("deal", 5)


def test_only_an_event_with_the_value_completes_the_wait() -> None:
    story = correlated(5)
    assert story.hear(mail("e1", deal=6)) == Ignored("no_match")
    assert story.hear(mail("e2")) == Ignored("no_match")
    story.hear(mail("e3", deal=5, by="ann"))
    assert story["w"].output_payload == {"deal": 5, "by": "ann"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(5, 5.0), (5.0, 5), (0.0, -0.0), ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}), ("5", "5"), (2.0**70, 2.0**70)],
)
def test_what_is_the_same_in_json_is_the_same_value(ours: Any, theirs: Any) -> None:
    story = correlated(ours)
    event = mail("e1", deal=theirs)
    assert correlations(event, [Correlate("mail.>", "deal")]) == {Correlate("mail.>", "deal"): key(story)}
    story.hear(event)
    assert story.state == "COMPLETED"


@pytest.mark.parametrize("theirs", ["5", True, None, [5], 1e300])
def test_what_is_another_value_completes_nothing(theirs: Any) -> None:
    assert correlated(5).hear(mail("e1", deal=theirs)) == Ignored("no_match")


@pytest.mark.parametrize("missing", [None, "no_such_field"])
def test_a_wait_without_a_value_of_its_own_fails(missing: Any) -> None:
    run = "input.deal" if missing is None else "input.no_such_field"
    story = waiting({"deal": None}, config={"correlate": {"event": "deal", "run": run}})
    assert (story.state, story["w"].error_reason) == ("FAILED", "condition_error")


def test_an_event_that_the_expression_cannot_read_harms_nobody() -> None:
    config = {"correlate": {"event": "deal.id", "run": "input.deal"}}
    story = waiting({"deal": 5}, config=config)
    assert story.hear(mail("e1", deal="text")) == Ignored("filter_error")
    assert story.states() == {"w": "WAITING"}


def test_a_filter_still_has_its_say() -> None:
    story = correlated(5, filter_expr="by == 'ann'")
    assert story.hear(mail("e1", deal=5, by="bob")) == Ignored("no_match")
    story.hear(mail("e2", deal=5, by="ann"))
    assert story.state == "COMPLETED"


# --- from when events count ------------------------------------------------------------------------------------------


def later_wait(**config: Any) -> Story:
    wait = step("w", StepType.WAIT_FOR_EVENT, event_type_pattern="x", config=config)
    story = Story(version([step("a"), wait], edges("a>w")))
    story.wait(60)
    story.complete("a")
    return story


def test_an_event_that_came_before_the_step_counts_from_the_start_of_the_run() -> None:
    story = later_wait()
    story.hear(event("e1", "x"), received_at=NOW + timedelta(seconds=30))
    assert story.state == "COMPLETED"


def test_an_event_may_be_wanted_only_from_the_start_of_the_step() -> None:
    story = later_wait(accept_after="step_start")
    assert story.hear(event("e1", "x"), received_at=NOW + timedelta(seconds=30)) == Ignored("too_early")
    story.hear(event("e2", "x"), received_at=NOW + timedelta(seconds=60))
    assert story["w"].event_id == "e2"


# --- the time running out --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["", "mail.>"])
def test_a_wait_that_times_out_goes_on_as_configured(pattern: str) -> None:
    story = waiting(pattern=pattern, timeout_seconds=60, config={"timeout_action": "follow_up"})
    story.wait(59)
    assert story.states() == {"w": "WAITING"}
    story.wait(1)
    assert story["w"].output_payload == {"timed_out": True, "timeout_action": "follow_up"}
    assert story.state == "COMPLETED"


def test_a_wait_without_an_action_fails_for_good() -> None:
    story = waiting(timeout_seconds=60, retry_policy=RetryPolicy(3, 1, 1.0))
    story.wait(60)
    assert (story.state, story["w"].error_reason) == ("FAILED", "timed_out")
    assert [closed.address for closed in story.last.closed] == ["event:mail.*.received"]


def test_a_delay_waits_for_nothing_but_time() -> None:
    story = waiting(pattern="", timeout_seconds=60, config={"timeout_action": "go_on"})
    assert story.last.opened == ()
    assert story.run.wake_at == NOW + timedelta(seconds=60)


def test_a_reported_failure_is_final() -> None:
    story = waiting(retry_policy=RetryPolicy(3, 1, 1.0))
    story.report("w", StepState.FAILED, error_message="will never come")
    assert (story.state, story["w"].error_reason) == ("FAILED", "reported_failure")
