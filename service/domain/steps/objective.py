"""What an agent is given to read: the objective's title and description, and the delegation's context.

The description ends with a line for machines: the run, the step, the attempt, the input, and the prompt as it was
resolved. Its marker lets a creation whose outcome is unknown be found again.
"""

import orjson

from service.domain.answers import Prompt
from service.domain.calls import CreateObjective, Delegate
from service.domain.definition import Json
from service.domain.state import StepRun
from service.domain.turn import Turn


def objective_for(turn: Turn, step: StepRun, prompt: Prompt | None) -> CreateObjective:
    planned = turn.planned(step.step_id)
    title = planned.config.get("title") or step.step_name or step.step_id
    lead = planned.config.get("description") or f"Step {step.step_id} of a workflow."
    marker = f"{turn.run.id}/{step.step_id}/{step.attempt}"
    context = {"marker": marker, **_context(turn, step), "prompt": _shown(prompt)}
    body = orjson.dumps(context, option=orjson.OPT_SORT_KEYS).decode()
    return CreateObjective(step.agent_id, title, f"{lead}\n{body}", marker)


def delegation_of(turn: Turn, step: StepRun) -> Delegate:
    return Delegate(
        from_agent_id=turn.run.initiator_agent_id,
        to_agent_id=step.agent_id,
        required_capability=turn.planned(step.step_id).definition.required_capability,
        objective_id=step.objective_id,
        step_id=step.step_id,
        context=step.input_payload,
    )


def _context(turn: Turn, step: StepRun) -> dict[str, Json]:
    definition = turn.planned(step.step_id).definition
    return {
        "run_id": turn.run.id,
        "step_id": step.step_id,
        "attempt": step.attempt,
        "action_type": definition.action_type,
        "skill_id": definition.skill_id,
        "entity_id": turn.run.entity_id,
        "entity_type": turn.run.entity_type,
        "input": dict(step.input_payload),
    }


def _shown(prompt: Prompt | None) -> Json:
    if prompt is None:
        return None
    return {
        "name": prompt.name,
        "label": prompt.label,
        "version": prompt.version,
        "model": prompt.model,
        "content": prompt.content,
    }
