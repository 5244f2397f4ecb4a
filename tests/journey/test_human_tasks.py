"""HUMAN_TASK through HumanTaskService: found, claimed by one, given on, talked about, completed or declined.

A task's id is its run's and its step's. People act on the version they saw; of two who saw the same one wins.
"""

import asyncio
from typing import Any
from uuid import uuid4

import grpc
import pytest
from grpc import StatusCode
from notifications.v1.notifications_pb2 import Notification
from workflows.ops.v1 import tasks_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from tests.edge.edge import Refused, refused
from tests.journey.acting import Rows, begin, found, plain, report, states, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, chain, graph, task
from tests.journey.refusals import Stored
from tests.world import WORKSPACE, World, struct

FORM = {
    "type": "object",
    "required": ["signed", "pages"],
    "properties": {"signed": {"type": "boolean"}, "pages": {"type": "array", "items": {"type": "integer"}}},
    "additionalProperties": False,
}
FILLED_IN = {"signed": True, "pages": [1, 2]}


@pytest.fixture
def stored(shared: World, shared_database: str) -> Stored:
    return Stored(shared, shared_database)


async def opened(shared: World, **config: Any) -> ops.HumanTask:
    """The task of a fresh run's only step."""
    run = await begin(shared, chain(task("sign", config=config or None), task("after")))
    return await seen(shared, f"{run.id}/sign")


async def seen(shared: World, task_id: str) -> ops.HumanTask:
    return (await shared.tasks.GetTask(ops.GetTaskRequest(id=task_id))).task


async def listed(shared: World, **chosen: Any) -> set[str]:
    answer = await shared.tasks.ListTasks(ops.ListTasksRequest(workspace_id=WORKSPACE, **chosen))
    assert answer.total == len(answer.tasks)
    return {each.id for each in answer.tasks}


async def claim(shared: World, task_id: str, user_id: str, version: int = 0) -> ops.HumanTask:
    request = ops.ClaimTaskRequest(id=task_id, user_id=user_id, expected_version=version)
    return (await shared.tasks.ClaimTask(request)).task


async def complete(shared: World, task_id: str, user_id: str, output: dict[str, Any]) -> ops.HumanTask:
    request = ops.CompleteTaskRequest(id=task_id, user_id=user_id, output=struct(output))
    return (await shared.tasks.CompleteTask(request)).task


# --- found ---------------------------------------------------------------------------------------------------------


async def test_a_task_says_what_is_to_be_done_by_whom_and_when(shared: World) -> None:
    config = {"title": "Sign it", "instructions": "All pages.", "form_schema": FORM, "due_seconds": 3600}
    found = await opened(shared, **config, reminder_seconds=60, assignee="user_ann", group="legal")
    run_id, _, step_id = found.id.partition("/")
    assert (found.run_id, found.step_id, found.attempt, found.version) == (run_id, step_id, 1, 1)
    assert (found.state, found.title, found.instructions) == (ops.HUMAN_TASK_STATE_OPEN, "Sign it", "All pages.")
    assert (found.assignee, found.group, found.claimed_by) == ("user_ann", "legal", "")
    assert plain(found.form_schema) == FORM
    assert found.due_at.seconds - found.opened_at.seconds == 3600
    assert found.remind_at.seconds - found.opened_at.seconds == 60


async def test_tasks_are_listed_by_what_is_known_of_them(shared: World) -> None:
    group = f"group {uuid4()}"
    anns, bobs, nobodys = [
        (await opened(shared, group=group, **config)).id
        for config in ({"assignee": "user_ann"}, {"assignee": "user_bob", "due_seconds": 60}, {"due_seconds": 7200})
    ]
    await claim(shared, bobs, "user_bob")
    await claim(shared, nobodys, "user_cy")
    await complete(shared, nobodys, "user_cy", {})
    soon = (await seen(shared, bobs)).due_at
    soon.seconds += 1
    assert await listed(shared, group=group) == {anns, bobs, nobodys}
    assert await listed(shared, group=group, assignee="user_ann") == {anns}
    assert await listed(shared, group=group, claimed_by="user_bob") == {bobs}
    assert await listed(shared, group=group, due_before=soon) == {bobs}
    for state, ids in (("OPEN", {anns}), ("CLAIMED", {bobs}), ("COMPLETED", {nobodys}), ("REJECTED", set())):
        assert await listed(shared, group=group, state=ops.HumanTaskState.Value(f"HUMAN_TASK_STATE_{state}")) == ids


async def test_a_task_that_is_not_there(shared: World) -> None:
    known = await opened(shared)
    for unknown in ("wfr_nobody/sign", f"{known.run_id}/after", f"{known.run_id}/nothing"):
        error = await refused(shared.tasks.GetTask(ops.GetTaskRequest(id=unknown)))
        assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "task_not_found")


# --- claimed -------------------------------------------------------------------------------------------------------


async def test_of_twenty_who_claim_at_once_exactly_one_wins(shared: World) -> None:
    fresh = await opened(shared)
    claims = (claim(shared, fresh.id, f"user_{n}", fresh.version) for n in range(20))
    answers = await asyncio.gather(*claims, return_exceptions=True)
    (winner,) = [each for each in answers if isinstance(each, ops.HumanTask)]
    losers = [each.code() for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert losers == [StatusCode.FAILED_PRECONDITION] * 19
    assert (winner.version, winner.state) == (2, ops.HUMAN_TASK_STATE_CLAIMED)
    assert (await seen(shared, fresh.id)).claimed_by == winner.claimed_by


async def test_of_two_who_complete_what_they_saw_one_wins(shared: World) -> None:
    fresh = await opened(shared)
    people = ("user_ann", "user_bob")
    answers = await asyncio.gather(
        *(complete(shared, fresh.id, user_id, {"by": user_id}) for user_id in people), return_exceptions=True
    )
    (winner,) = [each for each in answers if isinstance(each, ops.HumanTask)]
    after = found(await shared.run(fresh.run_id), "after")
    assert plain(after.input_payload) == {"by": winner.completed_by}


async def test_a_claim_is_given_back_and_given_to_somebody_else(shared: World) -> None:
    fresh = await opened(shared, group="legal")
    await claim(shared, fresh.id, "user_ann", 1)
    release = ops.ReleaseTaskRequest(id=fresh.id, user_id="user_ann", expected_version=2)
    released = (await shared.tasks.ReleaseTask(release)).task
    assert (released.state, released.claimed_by, released.version) == (ops.HUMAN_TASK_STATE_OPEN, "", 3)
    await claim(shared, fresh.id, "user_bob", 3)
    given = ops.ReassignTaskRequest(id=fresh.id, user_id="user_boss", expected_version=4, assignee="user_cy")
    reassigned = (await shared.tasks.ReassignTask(given)).task
    assert (reassigned.state, reassigned.assignee, reassigned.claimed_by) == (
        ops.HUMAN_TASK_STATE_OPEN,
        "user_cy",
        "",
    )
    assert (await claim(shared, fresh.id, "user_cy", 5)).claimed_by == "user_cy"


MAY_NOT: dict[str, tuple[str, Any, str]] = {
    "an old version": ("ReleaseTask", ops.ReleaseTaskRequest(user_id="user_ann", expected_version=1), "task_version"),
    "claimed by another": ("ClaimTask", ops.ClaimTaskRequest(user_id="user_bob"), "task_claimed"),
    "released by another": ("ReleaseTask", ops.ReleaseTaskRequest(user_id="user_bob"), "task_claimed"),
    "completed by another": ("CompleteTask", ops.CompleteTaskRequest(user_id="user_bob"), "task_claimed"),
    "declined by another": ("RejectTask", ops.RejectTaskRequest(user_id="user_bob"), "task_claimed"),
}


@pytest.mark.parametrize(("method", "asked", "reason"), MAY_NOT.values(), ids=MAY_NOT)
async def test_what_may_not_be_done_with_what_ann_has_claimed(
    shared: World, stored: Stored, method: str, asked: Any, reason: str
) -> None:
    fresh = await opened(shared)
    await claim(shared, fresh.id, "user_ann")
    asked.id = fresh.id
    error = await stored.refuses(getattr(shared.tasks, method), asked)
    assert (error.code, error.reason) == (StatusCode.FAILED_PRECONDITION, reason)


async def test_a_task_for_one_person_is_not_taken_by_another(shared: World, stored: Stored) -> None:
    fresh = await opened(shared, assignee="user_ann")
    error = await stored.refuses(claim, shared, fresh.id, "user_bob")
    assert (error.code, error.reason) == (StatusCode.PERMISSION_DENIED, "task_assigned")


async def test_comments_are_kept_in_order_and_get_in_nobodys_way(shared: World) -> None:
    fresh = await opened(shared)
    for user_id, text in (("user_ann", "page 3?"), ("user_bob", "is missing")):
        said = ops.CommentTaskRequest(id=fresh.id, user_id=user_id, text=text)
        assert (await shared.tasks.CommentTask(said)).task.version == 1
    comments = (await seen(shared, fresh.id)).comments
    assert [(each.author, each.text) for each in comments] == [
        ("user:user_ann", "page 3?"),
        ("user:user_bob", "is missing"),
    ]


# --- ended ---------------------------------------------------------------------------------------------------------


async def test_completing_it_completes_the_step(shared: World, rows: Rows) -> None:
    fresh = await opened(shared, form_schema=FORM)
    await claim(shared, fresh.id, "user_ann")
    done = await complete(shared, fresh.id, "user_ann", FILLED_IN)
    assert (done.state, done.completed_by) == (ops.HUMAN_TASK_STATE_COMPLETED, "user_ann")
    assert done.HasField("closed_at")
    run = await shared.run(fresh.run_id)
    assert plain(found(run, "sign").output_payload) == plain(found(run, "after").input_payload) == FILLED_IN
    told = [(row["kind"], row["author"], row["body"]) for row in await rows.of("interactions", fresh.run_id)]
    assert told[0][0] == "question"
    assert ("answer", "user:user_ann", {"output": FILLED_IN}) in told


async def test_every_field_that_does_not_fit_the_form_is_named(shared: World, stored: Stored) -> None:
    fresh = await opened(shared, form_schema=FORM)
    wrong = {"pages": [1, "two", "three"], "extra": 1}
    error: Refused = await stored.refuses(complete, shared, fresh.id, "user_ann", wrong)
    assert (error.code, error.reason) == (StatusCode.INVALID_ARGUMENT, "form_mismatch")
    assert set(error.fields) == {"output", "output.pages[1]", "output.pages[2]"}
    assert states(await shared.run(fresh.run_id)) == {"sign": "WAITING", "after": "PENDING"}


async def test_declining_it_fails_the_step_for_good(shared: World) -> None:
    like = chain(task("sign", config={"title": "Sign it"}, retry_policy=ONCE_MORE_SOON))
    run = await begin(shared, like)
    request = ops.RejectTaskRequest(id=f"{run.id}/sign", user_id="user_ann", reason="will not")
    assert (await shared.tasks.RejectTask(request)).task.state == ops.HUMAN_TASK_STATE_REJECTED
    ended = await shared.until_ended(run.id)
    assert (ended.state, found(ended, "sign").error_message) == (pb.WORKFLOW_STATE_FAILED, "will not")


async def test_a_task_ends_with_its_step(shared: World) -> None:
    reported = await opened(shared)
    await report(shared, reported.run_id, "sign", "COMPLETED", output={})
    assert (await seen(shared, reported.id)).state == ops.HUMAN_TASK_STATE_COMPLETED
    run = await begin(shared, graph([task("late", timeout_seconds=1), task("doomed")]))
    await shared.until_ended(run.id)
    for step_id in ("late", "doomed"):
        assert (await seen(shared, f"{run.id}/{step_id}")).state == ops.HUMAN_TASK_STATE_CANCELLED
    error = await refused(claim(shared, f"{run.id}/late", "user_ann"))
    assert (error.code, error.reason) == (StatusCode.FAILED_PRECONDITION, "task_closed")


async def test_a_key_repeats_what_was_done_and_does_it_once(shared: World, stored: Stored) -> None:
    fresh = await opened(shared)
    request = ops.CommentTaskRequest(id=fresh.id, user_id="user_ann", text="once")
    key = (("idempotency-key", f"key of {fresh.id}"),)
    await shared.tasks.CommentTask(request, metadata=key)
    async with stored.unchanged():
        call = shared.tasks.CommentTask(request, metadata=key)
        assert dict(await call.initial_metadata())["idempotent-replay"] == "true"
        assert (await call).task.id == fresh.id
    request.text = "twice"
    error = await stored.refuses(shared.tasks.CommentTask, request, metadata=key)
    assert (error.code, error.reason) == (StatusCode.ALREADY_EXISTS, "idempotency_conflict")
    assert [each.text for each in (await seen(shared, fresh.id)).comments] == ["once"]


async def test_whoever_completed_it_may_say_so_again(shared: World, stored: Stored) -> None:
    fresh = await opened(shared)
    await complete(shared, fresh.id, "user_ann", {"n": 1})
    async with stored.unchanged():
        again = await complete(shared, fresh.id, "user_ann", {"n": 1})
    assert again.state == ops.HUMAN_TASK_STATE_COMPLETED
    error = await stored.refuses(complete, shared, fresh.id, "user_bob", {"n": 1})
    assert (error.code, error.reason) == (StatusCode.FAILED_PRECONDITION, "task_closed")


# --- reminded ------------------------------------------------------------------------------------------------------


async def test_its_people_are_reminded_and_told_when_it_is_overdue(shared: World) -> None:
    config = {"title": "Sign it", "assignee": "user_ann", "group": "legal", "reminder_seconds": 1, "due_seconds": 2}
    fresh = await opened(shared, **config)
    before = set(shared.siblings.notifications)

    def ours() -> list[Notification]:
        return [each for key, each in shared.siblings.notifications.items() if key not in before]

    await until_siblings(shared, lambda: len(ours()) == 2)
    remind, overdue = ours()
    assert (remind.recipient_id, remind.subject, remind.template_name) == (
        "user_ann",
        "Sign it: reminder",
        "human_task_reminder",
    )
    assert (overdue.recipient_id, overdue.template_name) == ("user_ann", "human_task_overdue")
    assert (await seen(shared, fresh.id)).state == ops.HUMAN_TASK_STATE_OPEN


async def test_a_task_that_is_done_reminds_nobody(shared: World) -> None:
    done = await opened(shared, assignee="user_done", reminder_seconds=3)
    await complete(shared, done.id, "user_done", {})
    await opened(shared, assignee="user_open", reminder_seconds=4)

    def reminded() -> set[str]:
        return {each.recipient_id for each in shared.siblings.notifications.values()}

    await until_siblings(shared, lambda: "user_open" in reminded())
    assert "user_done" not in reminded()
