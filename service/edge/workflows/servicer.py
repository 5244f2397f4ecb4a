"""The RPCs of the contract: check, call, render. A few lines each, and no rule of the service.

Methods are named like the RPCs of `WorkflowService`. They get parsed messages and give bytes, raise Refusal, and run
every mutation under the shield, so a caller that goes away does not cut a commit in half.
"""

from collections.abc import Sequence

from workflows.v1 import workflows_pb2 as pb

from service.domain.errors import Violation, not_found
from service.edge.context import Context
from service.edge.gate.caller import current
from service.edge.rpc import idempotency, traces, trailers
from service.edge.rpc.shield import Shield
from service.edge.rpc.trailers import whole
from service.edge.wire.checks import refusal
from service.edge.workflows import control_requests, replies, requests, trigger_requests, version_requests
from service.edge.workflows.controls import Controls
from service.edge.workflows.definition_calls import Definitions
from service.edge.workflows.inspector import Inspector
from service.edge.workflows.run_calls import Runs
from service.edge.workflows.run_replies import RunReplies
from service.edge.workflows.trigger_calls import Triggers


class WorkflowService:
    def __init__(
        self,
        definitions: Definitions,
        runs: Runs,
        triggers: Triggers,
        inspector: Inspector,
        run_replies: RunReplies,
        shield: Shield,
    ) -> None:
        self._definitions = definitions
        self._runs = runs
        self._triggers = triggers
        self._inspector = inspector
        self._run_replies = run_replies
        self._shield = shield
        controls = Controls(control_requests.order, runs, run_replies, shield)
        self.PauseRun = self.ResumeRun = self.CancelRun = self.CompensateRun = controls.make

    # --- definitions -----------------------------------------------------------------------------------------------

    async def CreateDefinition(self, request: pb.CreateDefinitionRequest, context: Context) -> bytes:
        caller = current()
        new = requests.new_definition(request, caller)
        idem = idempotency.read(context, request)
        created = await self._shield.answer(
            context,
            self._definitions.create(
                new.workspace_id, new.name, new.description, new.tags, caller.actor, idem, traces.current()
            ),
        )
        return pb.CreateDefinitionResponse(definition=replies.definition(created)).SerializeToString()

    async def GetDefinition(self, request: pb.GetDefinitionRequest, context: Context) -> bytes:
        definition_id = requests.required_id(request)
        found = await self._definitions.get(definition_id, current().workspace)
        if found is None:
            raise not_found("definition", definition_id)
        return pb.GetDefinitionResponse(definition=replies.definition(found)).SerializeToString()

    async def ListDefinitions(self, request: pb.ListDefinitionsRequest, context: Context) -> bytes:
        workspace_id, tag, window = requests.definition_list(request, current())
        page = await self._definitions.list(workspace_id, tag, window.limit, window.offset)
        return whole(context, replies.definitions(page))

    async def PublishVersion(self, request: pb.PublishVersionRequest, context: Context) -> bytes:
        caller = current()
        draft = version_requests.draft(request)
        idem = idempotency.read(context, request)
        warnings = await self._look_over(draft)
        published = await self._shield.answer(
            context, self._definitions.publish(draft.version, caller.workspace, caller.actor, idem, traces.current())
        )
        if warnings:
            context.set_trailing_metadata((trailers.warnings(warnings),))
        return replies.published(published).SerializeToString()

    async def ListVersions(self, request: pb.ListVersionsRequest, context: Context) -> bytes:
        definition_id = requests.definition_id(request)
        found = await self._definitions.versions(definition_id, current().workspace)
        if found is None:
            raise not_found("definition", definition_id)
        return whole(context, replies.versions(found))

    async def _look_over(self, draft: version_requests.Draft) -> Sequence[Violation]:
        """The warnings about a draft. Raises Refusal with all its problems."""
        findings = await self._inspector.inspect(draft)
        if findings.problems:
            raise refusal(findings.problems)
        return findings.warnings

    # --- runs ------------------------------------------------------------------------------------------------------

    async def StartRun(self, request: pb.StartRunRequest, context: Context) -> bytes:
        caller = current()
        wanted = requests.start_request(request, caller)
        idem = idempotency.read(context, request)
        started = await self._shield.answer(context, self._runs.start(wanted, caller.workspace, caller.actor, idem))
        return whole(context, self._run_replies.run(started))

    async def HandleTrigger(self, request: pb.HandleTriggerRequest, context: Context) -> bytes:
        caller = current()
        wanted = trigger_requests.trigger(request, caller)
        idem = idempotency.read(context, request)
        found = await self._shield.answer(context, self._triggers.handle(wanted, idem))
        return whole(context, self._run_replies.triggered(found))

    async def TransitionStep(self, request: pb.TransitionStepRequest, context: Context) -> bytes:
        caller = current()
        run_id, report = requests.transition(request, caller)
        idem = idempotency.read(context, request)
        envelope = idempotency.envelope(report, caller.actor, idem)
        moved = await self._shield.answer(context, self._runs.change(run_id, envelope, caller.workspace))
        return whole(context, self._run_replies.step(moved, report.step_id))

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> bytes:
        run_id = requests.required_id(request)
        found = await self._runs.get(run_id, current().workspace)
        if found is None:
            raise not_found("run", run_id)
        return whole(context, self._run_replies.run(found))

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> bytes:
        chosen, window = requests.run_list(request, current())
        page = await self._runs.list(chosen, window.limit, window.offset)
        return whole(context, await self._run_replies.runs(page))
