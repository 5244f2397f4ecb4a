"""All that has to be known before an objective is created, as one errand of several look-ups.

The agent first: the given one, or the least loaded with the capability, for whom the registry is asked before the
agents service. Then the skill, which only has to exist. Then the prompt, under the label that the agent's config binds
to its name. The first fault ends it; asking again is always harmless, because nothing is changed.
"""

from dataclasses import asdict

import orjson

from service.domain.answers import Fault, ObjectivePrepared, Prompt
from service.domain.calls import PrepareObjective
from service.siblings import agents, prompts, registry, skills
from service.siblings.connections import Line
from service.siblings.faults import most_telling
from service.siblings.method import json_bytes

_HALF = 0.5


def request(call: PrepareObjective) -> bytes:
    return json_bytes(asdict(call))


async def prepare(line: Line, stored: bytes) -> ObjectivePrepared | Fault:
    call = PrepareObjective(**orjson.loads(stored))
    agent_id = await _agent(line, call)
    if isinstance(agent_id, Fault):
        return agent_id
    skill = await _skill(line, call.skill_id)
    if isinstance(skill, Fault):
        return skill
    prompt = await _prompt(line, agent_id, call.prompt_name)
    return prompt if isinstance(prompt, Fault) else ObjectivePrepared(agent_id, prompt)


async def _agent(line: Line, call: PrepareObjective) -> str | Fault:
    if call.agent_id:
        return await line.look_up(agents.getting(call.agent_id, line.workspace_id), agents.get_request(call.agent_id))
    return await _able_agent(line, call.capability)


async def _able_agent(line: Line, capability: str) -> str | Fault:
    """A registry that does not answer leaves the agents service half of the time."""
    live = registry.discovery(capability, line.workspace_id)
    found = await line.look_up(live, registry.discover_request(capability), _HALF)
    if not isinstance(found, Fault):
        return found
    known = agents.listing(capability, line.workspace_id)
    listed = await line.look_up(known, agents.list_request(capability, line.workspace_id))
    return most_telling((found, listed)) if isinstance(listed, Fault) else listed


async def _skill(line: Line, skill_id: str) -> str | Fault:
    if not skill_id:
        return ""
    return await line.look_up(skills.getting(skill_id, line.workspace_id), skills.get_request(skill_id))


async def _prompt(line: Line, agent_id: str, name: str) -> Prompt | Fault | None:
    if not name:
        return None
    label = await line.look_up(agents.binding(name), agents.config_request(agent_id))
    if isinstance(label, Fault):
        return label
    return await line.look_up(prompts.resolving(name, label), prompts.resolve_request(name, label))
