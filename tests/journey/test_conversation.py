"""What agents ask and tell people while they work, and what people answer: the run's conversation, in order."""

from typing import Any

import pytest
from workflows.ops.v1 import tasks_pb2 as ops

from service.dev.siblings.script import Work
from tests.journey.acting import Rows, at_work, begin, told_of
from tests.journey.graphs import agent, chain, task
from tests.world import World, struct

SAID: dict[str, tuple[dict[str, Any], tuple[str, str, dict[str, Any]]]] = {
    "question": ({"question": "Which one?"}, ("question", "Which one?", {})),
    "choice": (
        {"question": "Which one?", "choices": ["red", "blue"]},
        ("choice", "Which one?", {"choices": ["red", "blue"]}),
    ),
    "notice": ({"notice": "Half done."}, ("notice", "Half done.", {})),
    "agent_request": ({"agent_request": "Give me access."}, ("agent_request", "Give me access.", {})),
    "interaction": ({"interaction": {"kind": "notice", "text": "So far so good."}}, ("notice", "So far so good.", {})),
}


@pytest.mark.parametrize(("told", "kept"), SAID.values(), ids=SAID)
async def test_what_an_agent_says_is_kept(
    shared: World, rows: Rows, told: dict[str, Any], kept: tuple[str, str, dict[str, Any]]
) -> None:
    shared.siblings.script.work["talks"] = Work(held=True)
    run = await begin(shared, chain(agent("talks", name="Talk")))
    objective_id = await at_work(shared, run.id, "talks")
    await told_of(shared, objective_id, "AWAITING_APPROVAL", cost_usd=0.25, **told)
    await shared.until(run.id, lambda run: run.total_cost_usd == 0.25)
    (entry,) = await rows.of("run_conversation", run.id)
    assert (entry["kind"], entry["text"], entry["body"]) == kept
    assert (entry["author"], entry["step_name"]) == ("agent:agent_research", "Talk")


async def test_a_persons_task_is_a_question_with_comments_and_an_answer(shared: World, rows: Rows) -> None:
    form = {"type": "object", "required": ["signed"]}
    run = await begin(shared, chain(task("sign", config={"instructions": "All pages.", "form_schema": form})))
    task_id = f"{run.id}/sign"
    await shared.tasks.CommentTask(ops.CommentTaskRequest(id=task_id, user_id="user_ann", text="page 3?"))
    done = ops.CompleteTaskRequest(id=task_id, user_id="user_ann", output=struct({"signed": True}))
    await shared.tasks.CompleteTask(done)
    entries = [(each["kind"], each["author"], each["text"]) for each in await rows.of("run_conversation", run.id)]
    assert entries == [
        ("question", "service:workflows", "All pages."),
        ("comment", "user:user_ann", "page 3?"),
        ("answer", "user:user_ann", "completed"),
    ]
