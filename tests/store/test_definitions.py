"""Definitions and versions: names are unique, versions serial, answers repeatable."""

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from service.domain.definition import Describing, RetryPolicy, StepType, Trigger, TriggerType, Version
from service.domain.difference import OpenRuns
from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Idem, Replayable
from service.store.definitions import Definitions
from service.store.runs import Runs
from tests.builders import NOW, edges, step, version

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


def key(scope: str = "user:ann", digest: bytes = b"body") -> Idem:
    return Idem(scope, "k1", digest)


async def create(definitions: Definitions, name: str = "Outbound", tags: tuple[str, ...] = ()) -> str:
    made = await definitions.create("ws_1", name, "text", tags, "user:ann", None)
    return made.value.id


def draft(definition_id: str) -> Version:
    wait = step("wait", StepType.WAIT_FOR_EVENT, event_type_pattern="gmail.*.received", config={"n": 1.5, "x": [None]})
    drawn = version([step("a", retry_policy=RetryPolicy(1, 2, 1.5)), wait], edges("a>wait if x > 1"))
    return replace(drawn, definition_id=definition_id, trigger=Trigger(TriggerType.WEBHOOK, tap_provider="hubspot"))


async def test_a_definition_is_read_as_it_was_created(definitions: Definitions) -> None:
    made = await definitions.create("ws_1", "Ünï", "text", ["b", "a"], "user:ann", None)
    assert not made.replay
    assert made.value.id.startswith("wf_")
    assert (made.value.tags, made.value.latest_version) == (("b", "a"), 0)
    assert await definitions.get(made.value.id, "ws_1") == made.value
    assert await definitions.get(made.value.id, "ws_2") is None


async def test_a_name_is_unique_in_its_workspace(definitions: Definitions) -> None:
    await create(definitions)
    with pytest.raises(Refusal) as refused:
        await create(definitions)
    assert refused.value.kind is Kind.EXISTS
    assert (await definitions.create("ws_2", "Outbound", "", [], "user:ann", None)).value.workspace_id == "ws_2"


async def test_a_definition_is_found_by_id_or_name_in_its_workspace(definitions: Definitions) -> None:
    made = (await definitions.create("ws_1", "Outbound", "text", ["b"], "user:ann", None)).value
    assert await definitions.find("ws_1", made.id, "") == made
    assert await definitions.find("ws_1", "", "Outbound") == made
    assert await definitions.find("ws_1", "wf_none", "Outbound") is None
    assert await definitions.find("ws_1", "", "") is None
    assert await definitions.find("ws_2", made.id, "") is None
    assert await definitions.find("ws_2", "", "Outbound") is None


async def test_a_definition_is_described_anew(definitions: Definitions, owner: Owner) -> None:
    made = (await definitions.create("ws_1", "Outbound", "text", ["b"], "user:ann", None)).value
    other = Describing(made.id, "other", None)
    told = (await definitions.describe(other, "ws_1", "user:bob", key())).value
    assert (told.description, told.tags, told.name) == ("other", ("b",), "Outbound")
    assert await definitions.get(made.id, "ws_1") == told
    assert (await definitions.describe(other, "ws_1", "user:bob", None)).value == told
    assert (await definitions.describe(Describing(made.id, None, ()), None, "user:bob", None)).value.tags == ()
    assert await definitions.describe(other, "ws_1", "user:bob", key()) == Replayable(told, replay=True)
    await definitions.publish(draft(made.id), "ws_1", "user:ann", None)
    changes = await owner.execute(
        "select sequence, aggregate, operation, actor, data->>'description', data->'tags' from changes"
        " where stream_id = %s order by sequence",
        (made.id,),
    )
    assert await changes.fetchall() == [
        (1, "definition", "create", "user:ann", "text", ["b"]),
        (2, "definition", "update", "user:bob", "other", ["b"]),
        (3, "definition", "update", "user:bob", "other", []),
        (4, "version", "publish", "user:ann", None, None),
    ]
    with pytest.raises(Refusal):
        await definitions.describe(other, "ws_2", "user:eve", None)


async def test_a_version_is_read_as_it_was_published(definitions: Definitions, runs: Runs) -> None:
    definition_id = await create(definitions)
    published = (await definitions.publish(draft(definition_id), "ws_1", "user:ann", None)).value
    expected = draft(definition_id)
    assert replace(published.version, id=expected.id, created_at=expected.created_at) == expected
    assert published.definition.latest_version == 1
    assert published.definition.updated_at >= published.definition.created_at
    assert await runs.version(definition_id, 1) == published.version
    assert await runs.version(definition_id, 2) is None


async def test_versions_are_serial_also_at_once(definitions: Definitions, owner: Owner) -> None:
    definition_id = await create(definitions)
    await asyncio.gather(*(definitions.publish(draft(definition_id), None, "user:ann", None) for _ in range(12)))
    listed = await definitions.versions(definition_id, "ws_1")
    assert listed is not None
    assert [found.version for found in listed] == list(range(12, 0, -1))
    cursor = await owner.execute("select sequence, aggregate, operation from changes order by sequence")
    changes = await cursor.fetchall()
    assert changes[0] == (1, "definition", "create")
    assert changes[1:] == [(number, "version", "publish") for number in range(2, 14)]


async def test_versions_of_a_definition(definitions: Definitions) -> None:
    definition_id = await create(definitions)
    assert await definitions.versions(definition_id, "ws_1") == []
    assert await definitions.versions(definition_id, "ws_2") is None
    assert await definitions.versions("wf_none", None) is None


@pytest.mark.parametrize(("definition", "visible"), [("own", "ws_2"), ("wf_none", None)])
async def test_what_is_not_there_cannot_be_published(
    definitions: Definitions, definition: str, visible: str | None
) -> None:
    own = await create(definitions)
    with pytest.raises(Refusal) as refused:
        await definitions.publish(draft(own if definition == "own" else definition), visible, "user:ann", None)
    assert refused.value.kind is Kind.NOT_FOUND


async def test_publishing_says_which_types_are_awaited(definitions: Definitions, owner: Owner) -> None:
    definition_id = await create(definitions)
    await definitions.publish(draft(definition_id), None, "user:ann", None)
    cursor = await owner.execute("select workspace_id, pattern, definition_id, version from awaited_types")
    assert await cursor.fetchall() == [("ws_1", "gmail.*.received", definition_id, 1)]


# --- repeated calls ------------------------------------------------------------------------------------------------


async def test_a_repeated_create_answers_the_same(definitions: Definitions) -> None:
    first = await definitions.create("ws_1", "One", "text", ["a"], "user:ann", key())
    again = await definitions.create("ws_1", "One", "text", ["a"], "user:ann", key())
    assert (first.replay, again.replay) == (False, True)
    assert again.value == first.value


async def test_a_create_sent_twice_at_once_is_one(definitions: Definitions) -> None:
    answers = await asyncio.gather(
        *(definitions.create("ws_1", "One", "text", [], "user:ann", key()) for _ in range(4))
    )
    assert len({answer.value.id for answer in answers}) == 1
    assert [answer.replay for answer in answers].count(False) == 1


async def test_a_repeated_publish_answers_the_same(definitions: Definitions) -> None:
    definition_id = await create(definitions)
    answers = await asyncio.gather(
        *(definitions.publish(draft(definition_id), None, "user:ann", key()) for _ in range(4))
    )
    assert [answer.replay for answer in answers].count(False) == 1
    assert len({answer.value.version.id for answer in answers}) == 1
    assert all(answer.value == answers[0].value for answer in answers)


async def test_a_key_with_another_request_is_refused(definitions: Definitions) -> None:
    await definitions.create("ws_1", "One", "", [], "user:ann", key())
    with pytest.raises(Refusal) as refused:
        await definitions.create("ws_1", "Two", "", [], "user:ann", key(digest=b"other"))
    assert (refused.value.kind, refused.value.reason) == (Kind.EXISTS, "idempotency_conflict")
    assert (await definitions.create("ws_1", "Two", "", [], "user:bob", key("user:bob"))).replay is False


# --- lists ---------------------------------------------------------------------------------------------------------


async def test_definitions_are_listed_newest_first(definitions: Definitions) -> None:
    made = [await create(definitions, f"n{number}", ("even",) if number % 2 == 0 else ("odd",)) for number in range(5)]
    everything = await definitions.list("ws_1", "", 50, 0)
    assert ([found.id for found in everything.rows], everything.total) == (made[::-1], 5)
    even = await definitions.list("ws_1", "even", 2, 1)
    assert ([found.id for found in even.rows], even.total) == ([made[2], made[0]], 3)
    beyond = await definitions.list("ws_1", "even", 2, 9)
    assert (beyond.rows, beyond.total) == ([], 3)
    assert (await definitions.list("ws_2", "", 50, 0)).total == 0
    assert (await definitions.list(None, "", 50, 0)).total == 5


# --- versions side by side -------------------------------------------------------------------------------------------


async def test_one_version_is_read_by_those_who_may_see_it(definitions: Definitions) -> None:
    definition_id = await create(definitions)
    published = (await definitions.publish(draft(definition_id), None, "user:ann", None)).value.version
    assert await definitions.version(definition_id, 1, "ws_1") == published
    assert await definitions.version(definition_id, 1, None) == published
    assert await definitions.version(definition_id, 1, "ws_2") is None
    assert await definitions.version(definition_id, 2, "ws_1") is None


async def test_open_runs_are_counted_by_version(definitions: Definitions, runs: Runs, owner: Owner) -> None:
    definition_id = await create(definitions)
    for _ in range(3):
        await definitions.publish(draft(definition_id), None, "user:ann", None)
    rows = [("r1", 1, "RUNNING"), ("r2", 1, "PAUSED"), ("r3", 3, "COMPENSATING"), ("r4", 2, "FAILED")]
    for run_id, number, state in rows:
        await owner.execute(
            "insert into workflow_runs (id, sequence, state, completed_at, workspace_id, definition_id, trigger_type,"
            " definition_version) values (%s, 1, %s, %s, 'ws_1', %s, 'MANUAL', %s)",
            (run_id, state, NOW if state == "FAILED" else None, definition_id, number),
        )
    steps = {"a": StepType.HUMAN_TASK, "wait": StepType.WAIT_FOR_EVENT}
    assert await definitions.open_runs(definition_id, "ws_1") == [OpenRuns(3, 1, steps), OpenRuns(1, 2, steps)]
    assert await definitions.open_runs(definition_id, "ws_2") == []
