"""AGENT_ACTION before its objective: who works on it, with which skill, and what the prompt says.

Each case names a way to be found or a reason to fail; nothing is created for a step whose look-up failed.
"""

from typing import Any

import orjson
import pytest
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Fault, Work
from tests.journey.acting import asked, at_work, begin, found
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain
from tests.world import World

FOUND: dict[str, tuple[dict[str, Any], str]] = {
    "given": ({"agent_id": "agent_research"}, "agent_research"),
    "able": ({"required_capability": "lead.qualification"}, "agent_qualifier"),
    "least loaded": ({"required_capability": "mail.writing"}, "agent_idle"),
    "not in the registry": ({"required_capability": "law.review"}, "agent_unlisted"),
    "given before able": ({"agent_id": "agent_research", "required_capability": "mail.writing"}, "agent_research"),
}

NOT_FOUND: dict[str, tuple[dict[str, Any], str]] = {
    "unknown agent": ({"agent_id": "agent_ghost"}, "there is no agent agent_ghost"),
    "suspended agent": ({"agent_id": "agent_suspended"}, "agent agent_suspended is suspended"),
    "nobody able": ({"required_capability": "chainsaws"}, "no active agent has the capability chainsaws"),
    "nobody active": ({"required_capability": "tax.evasion"}, "no active agent has the capability tax.evasion"),
    "unknown skill": ({"skill_id": "skill_ghost"}, "there is no skill skill_ghost"),
    "unknown prompt": ({"prompt_name": "prompt_ghost"}, "there is no prompt prompt_ghost"),
}


def context(shared: World, objective_id: str) -> dict[str, Any]:
    """What an objective's description says to machines: all of its line before the marker."""
    *_, told, _ = shared.siblings.objectives[objective_id].description.splitlines()
    read: dict[str, Any] = orjson.loads(told)
    return read


@pytest.mark.parametrize(("fields", "agent_id"), FOUND.values(), ids=FOUND)
async def test_who_works_on_it(shared: World, fields: dict[str, Any], agent_id: str) -> None:
    shared.siblings.script.work["looked-up"] = Work(held=True)
    run = await begin(shared, chain(agent("looked-up", **fields)))
    objective_id = await at_work(shared, run.id, "looked-up")
    assert shared.siblings.objectives[objective_id].agent_id == agent_id
    assert found(await shared.run(run.id), "looked-up").agent_id == agent_id


@pytest.mark.parametrize(("fields", "message"), NOT_FOUND.values(), ids=NOT_FOUND)
async def test_nothing_is_created_when_something_is_not_there(
    shared: World, fields: dict[str, Any], message: str
) -> None:
    run = await begin(shared, chain(agent("lost", **fields)))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert found(ended, "lost").error_message == message
    assert "objectives.Create" not in [call.method for call in asked(shared, run.id)]


async def test_the_prompt_is_resolved_with_the_agents_own_label(shared: World) -> None:
    run = await begin(shared, chain(agent("write", prompt_name="outreach", skill_id="skill_crm")), {"to": "dana"})
    told = context(shared, found(await shared.until_ended(run.id), "write").objective_id)
    assert told["prompt"] == {
        "name": "outreach",
        "label": "stable",
        "version": 7,
        "model": "small",
        "content": "Write a line!",
    }
    assert (told["run_id"], told["step_id"], told["attempt"]) == (run.id, "write", 1)
    assert (told["skill_id"], told["input"]) == ("skill_crm", {"to": "dana"})


async def test_a_prompt_that_the_agent_does_not_bind_has_its_default_label(shared: World) -> None:
    busy = agent("plain", agent_id="agent_idle", prompt_name="outreach")
    run = await begin(shared, chain(busy))
    told = context(shared, found(await shared.until_ended(run.id), "plain").objective_id)
    assert (told["prompt"]["label"], told["prompt"]["version"], told["prompt"]["content"]) == ("", 1, "Write.")


async def test_what_is_not_there_may_be_there_at_the_next_attempt(shared: World) -> None:
    shared.siblings.add_fault(Fault("skills.Get", "NOT_FOUND"))
    run = await begin(shared, chain(agent("patient", skill_id="skill_new", retry_policy=ONCE_MORE_SOON)))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_COMPLETED
    assert (found(ended, "patient").retry_count, found(ended, "patient").cost_usd) == (1, 0)
