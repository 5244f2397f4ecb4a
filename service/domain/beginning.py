"""A run that does not exist yet: started with an input, or forked from what another run did.

Every step of the main graph is there from the first moment, PENDING, and the roots are started in the same decision. A
fork keeps what the other run completed, as far as it does not depend on the chosen step; the other run never changes.
"""

from datetime import datetime, timedelta

from service.domain.commands import Envelope, ForkRun, StartRun
from service.domain.conclusion import conclude
from service.domain.decision import Accepted, Decision
from service.domain.definition import Definition, StepType, TriggerType
from service.domain.errors import conflict, not_found
from service.domain.flow import settle
from service.domain.plan import Plan
from service.domain.schemas import check_forked_input, check_input
from service.domain.state import Run, RunState, StepRun, StepState, changed
from service.domain.turn import Turn

MAX_DEPTH = 16


def check_enabled(definition: Definition) -> None:
    """Raises Refusal when no runs of it start."""
    if not definition.enabled:
        raise conflict("definition_disabled", "the definition is disabled, no runs of it start")


def begin(plan: Plan, envelope: Envelope, now: datetime) -> Decision:
    """Raises Refusal."""
    command = envelope.command
    assert isinstance(command, StartRun)
    _check_parent(plan, command)
    check_input(plan.version.schemas, command.input_payload)
    return _first(Turn(plan, _new_run(plan, command, now), now), envelope)


def fork(plan: Plan, source: Run, envelope: Envelope, now: datetime) -> Decision:
    """`plan` is of the same version or another of the same definition. Raises Refusal."""
    command = envelope.command
    assert isinstance(command, ForkRun)
    if command.step_id not in plan.graph.order:
        raise not_found("step", command.step_id)
    check_forked_input(plan.version.schemas, source.input_payload)
    like = StartRun(
        run_id=command.run_id,
        trigger_type=source.trigger_type,
        input_payload=source.input_payload,
        trigger_event_id=source.trigger_event_id,
        initiator_agent_id=source.initiator_agent_id,
        initiator_user_id=source.initiator_user_id,
        chain=source.chain,
        entity_id=source.entity_id,
        entity_type=source.entity_type,
        max_seconds=command.max_seconds,
    )
    run = changed(_new_run(plan, like, now), forked_from=source.id, forked_step=command.step_id)
    return _first(Turn(plan, changed(run, steps=_kept(plan, source, run, command)), now), envelope)


def _first(turn: Turn, envelope: Envelope) -> Decision:
    turn.begin(envelope)
    turn.tell_started()
    settle(turn)
    turn.show_in_first_event()
    return conclude(None, turn, (Accepted(turn.run.sequence),))


def _new_run(plan: Plan, command: StartRun, now: datetime) -> Run:
    version = plan.version
    steps = (plan.steps[step_id].definition for step_id in plan.graph.order)
    bounds = [seconds for seconds in (version.timeout_seconds, command.max_seconds) if seconds]
    return Run(
        id=command.run_id,
        workspace_id=version.workspace_id,
        definition_id=version.definition_id,
        definition_version=version.version,
        state=RunState.RUNNING,
        trigger_type=command.trigger_type,
        steps={step.id: StepRun(step.id, step.name, step.step_type) for step in steps},
        trigger_event_id=command.trigger_event_id,
        initiator_agent_id=command.initiator_agent_id,
        initiator_user_id=command.initiator_user_id,
        parent_run_id=command.parent_run_id,
        parent_step_id=command.parent_step_id,
        parent_attempt=command.parent_attempt,
        depth=command.depth,
        chain=command.chain,
        entity_id=command.entity_id,
        entity_type=command.entity_type,
        input_payload=command.input_payload,
        started_at=now,
        deadline_at=now + timedelta(seconds=min(bounds)) if bounds else None,
        max_seconds=min(bounds, default=0),
        schema_revision=version.schemas.revision,
    )


def _check_parent(plan: Plan, command: StartRun) -> None:
    """A line of parents is bounded, and a version may be there for the runs of one definition only."""
    if command.depth > MAX_DEPTH:
        raise conflict("run_too_deep", f"a line of parents and children is at most {MAX_DEPTH} runs long")
    trigger = plan.version.trigger
    wanted = trigger.parent_workflow_id if trigger and trigger.trigger_type is TriggerType.WORKFLOW else ""
    if wanted and command.chain[-1:] != (wanted,):
        raise conflict("wrong_parent", f"this version is started by runs of {wanted} only")


# --- what a fork keeps -----------------------------------------------------------------------------------------------


def _kept(plan: Plan, source: Run, fresh: Run, command: ForkRun) -> dict[str, StepRun]:
    steps, from_step = dict(fresh.steps), command.step_id
    steps[from_step] = changed(steps[from_step], evidence={"fork_reason": command.reason})
    for step_id in plan.graph.order:
        after = step_id == from_step or from_step in plan.graph.upstream[step_id]
        if not after and _is_kept(plan, source, steps, step_id):
            steps[step_id] = _copy(source.steps[step_id])
    return steps


def _is_kept(plan: Plan, source: Run, steps: dict[str, StepRun], step_id: str) -> bool:
    """It has ended well, the same way on, and rests on nothing that begins anew. A PARALLEL only opens again."""
    old, planned = source.steps.get(step_id), plan.steps[step_id].definition
    if old is None or old.step_type is not planned.step_type or planned.step_type is StepType.PARALLEL:
        return False
    if old.state not in (StepState.COMPLETED, StepState.SKIPPED):
        return False
    before = [steps[edge.from_step_id] for edge in plan.graph.incoming[step_id]]
    return all(step.state.terminal or step.step_type is StepType.PARALLEL for step in before)


def _copy(old: StepRun) -> StepRun:
    """Its input, output and ways on. What it cost was paid by the other run."""
    return StepRun(
        step_id=old.step_id,
        step_name=old.step_name,
        step_type=old.step_type,
        state=old.state,
        attempt=old.attempt,
        agent_id=old.agent_id,
        governance_decision=old.governance_decision,
        event_id=old.event_id,
        input_payload=old.input_payload,
        output_payload=old.output_payload,
        evidence={"dead": old.evidence.get("dead", []), "kept": True},
        started_at=old.started_at,
        completed_at=old.completed_at,
    )
