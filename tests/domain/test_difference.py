"""What differs between two versions: nothing of itself, everything once, and the same read backwards."""

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.domain.definition import RetryPolicy, StepType, Trigger, TriggerType, Version
from service.domain.difference import Difference, DifferenceKind, FieldChange, OpenRuns, difference
from tests.domain.drafts import draft, edges, pipeline, step
from tests.domain.drawn import graphs

BRANCH, TASK, AGENT = StepType.BRANCH, StepType.HUMAN_TASK, StepType.AGENT_ACTION
BACK = {
    DifferenceKind.ADDED: DifferenceKind.REMOVED,
    DifferenceKind.REMOVED: DifferenceKind.ADDED,
    DifferenceKind.CHANGED: DifferenceKind.CHANGED,
}


def backwards(found: Difference) -> Any:
    """The difference as the other direction should have it, without the order in which it is told."""
    return (
        {change.step_id: (BACK[change.kind], turned(change.fields)) for change in found.steps},
        {change.ends: (BACK[change.kind], turned(change.fields)) for change in found.edges},
        turned(found.version),
    )


def forwards(found: Difference) -> Any:
    return (
        {change.step_id: (change.kind, told(change.fields)) for change in found.steps},
        {change.ends: (change.kind, told(change.fields)) for change in found.edges},
        told(found.version),
    )


def turned(fields: tuple[FieldChange, ...]) -> dict[str, Any]:
    return {".".join(f.path): (f.after, f.before, f.expression) for f in fields}


def told(fields: tuple[FieldChange, ...]) -> dict[str, Any]:
    return {".".join(f.path): (f.before, f.after, f.expression) for f in fields}


def changed(before: Any, after: Any) -> dict[str, Any]:
    """The fields of the one step that differs between two versions of one step each."""
    (change,) = difference(draft(before), draft(after)).steps
    return told(change.fields)


# --- properties ------------------------------------------------------------------------------------------------------


@given(graphs())
def test_a_version_does_not_differ_from_itself(version: Version) -> None:
    assert difference(version, replace(version, id="other", version=7, author="bob")).empty


@given(graphs(), graphs())
def test_read_backwards_it_is_the_difference_the_other_way(one: Version, other: Version) -> None:
    assert backwards(difference(one, other)) == forwards(difference(other, one))


@given(graphs(), graphs())
def test_every_step_and_edge_is_accounted_for(one: Version, other: Version) -> None:
    found = difference(one, other)
    kinds = {change.step_id: change.kind for change in found.steps}
    old, new = ({step.id: step for step in version.steps} for version in (one, other))
    for step_id in old.keys() | new.keys():
        if step_id not in new:
            assert kinds[step_id] is DifferenceKind.REMOVED
        elif step_id not in old:
            assert kinds[step_id] is DifferenceKind.ADDED
        elif step_id not in kinds:
            assert old[step_id] == new[step_id]
    assert Counter(change.ends for change in found.edges).keys() >= {
        (edge.from_step_id, edge.to_step_id) for edge in set(one.edges) ^ set(other.edges)
    }


@given(graphs(), st.data())
def test_only_what_was_changed_is_told(version: Version, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(version.steps) - 1))
    renamed = replace(version.steps[place], name="something else")
    after = replace(version, steps=(*version.steps[:place], renamed, *version.steps[place + 1 :]))
    found = difference(version, after)
    assert [(c.step_id, c.kind, [f.path for f in c.fields]) for c in found.steps] == [
        (renamed.id, DifferenceKind.CHANGED, [("name",)])
    ]
    assert not (*found.edges, *found.version)


# --- stories ---------------------------------------------------------------------------------------------------------


def test_against_nothing_everything_is_added() -> None:
    found, version = difference(None, pipeline()), pipeline()
    assert [change.step_id for change in found.steps] == [step.id for step in version.steps]
    assert {change.kind for change in found.steps} | {change.kind for change in found.edges} == {DifferenceKind.ADDED}
    assert all(field.before is None for change in found.steps for field in change.fields)
    assert ("trigger", "trigger_type") in [field.path for field in found.version]


def test_an_expression_is_told_as_one() -> None:
    before = step("a", AGENT, agent_id="x", config={"title": "Mail", "input": {"to": "input.email"}})
    after = step("a", AGENT, agent_id="y", config={"title": "Call", "input": {"to": "input.phone", "at": "now"}})
    assert changed(before, after) == {
        "agent_id": ("x", "y", False),
        "config.title": ("Mail", "Call", False),
        "config.input.to": ("input.email", "input.phone", True),
        "config.input.at": (None, "now", True),
    }


def test_of_an_edge_and_of_the_trigger() -> None:
    trigger = Trigger(TriggerType.EVENT, event_type="a.b")
    before = draft("a", "b", edges=edges("a>b"), trigger=trigger)
    after = draft("a", "b", edges=edges("a>b if error == null"), trigger=replace(trigger, filter_expr="event.id != ''"))
    found = difference(before, after)
    assert told(found.edges[0].fields) == {"condition_expr": (None, "error == null", True)}
    assert told(found.version) == {"trigger.filter_expr": (None, "event.id != ''", True)}


def test_an_edge_that_says_nothing_is_told_all_the_same() -> None:
    (change,) = difference(draft("a", "b", edges=edges("a>b")), draft("a", "b")).edges
    assert (change.ends, change.kind, change.fields) == (("a", "b"), DifferenceKind.REMOVED, ())


def test_of_the_version_itself() -> None:
    before = draft("a", default_retry_policy=RetryPolicy(2, 5, 1.5), timeout_seconds=60)
    after = draft("a", default_retry_policy=RetryPolicy(3, 5, 1.5))
    assert told(difference(before, after).version) == {
        "default_retry_policy.max_retries": (2, 3, False),
        "timeout_seconds": (60, None, False),
    }
    none = told(difference(before, draft("a")).version)
    assert none["default_retry_policy.backoff_seconds"] == (5, None, False)


def test_true_is_not_one_and_lists_are_compared_as_a_whole() -> None:
    def config(**said: Any) -> Any:
        return step("a", TASK, config={"form_schema": said})

    assert changed(config(minimum=1.0), config(minimum=True)) == {"config.form_schema.minimum": (1.0, True, False)}
    assert changed(config(enum=[1.0, {"a": 1.0}]), config(enum=[1.0, {"a": True}])) == {
        "config.form_schema.enum": ([1.0, {"a": 1.0}], [1.0, {"a": True}], False)
    }
    assert difference(draft(config(enum=[1, 2])), draft(config(enum=[1.0, 2.0]))).empty


def test_a_branch_tries_its_edges_in_another_order() -> None:
    steps = (step("pick", BRANCH), "a", "b", "c")
    before = edges("pick>a if input.x", "pick>b if input.y", "pick>c")
    after = (before[1], before[0], before[2])
    (change,) = difference(draft(*steps, edges=before), draft(*steps, edges=after)).steps
    assert told(change.fields) == {"order_of_edges": (["a", "b", "c"], ["b", "a", "c"], False)}
    fewer = difference(draft(*steps[:3], edges=before[:2]), draft(*steps, edges=before))
    assert [change.step_id for change in fewer.steps] == ["c"]


def test_which_steps_of_open_runs_a_fork_could_not_keep() -> None:
    going = OpenRuns(1, 4, {"a": TASK, "b": TASK, "c": AGENT})
    after = draft(step("a", TASK), step("c", TASK))
    assert going.gone(after) == ("b", "c")
