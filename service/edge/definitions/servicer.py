"""The RPCs for operators of definitions: check, call, render.

Methods are named like the RPCs of `DefinitionService`. Errors and the shield as in `workflows.servicer`.
"""

from workflows.ops.v1 import definitions_pb2 as ops

from service.domain.definition import Definition
from service.domain.errors import not_found
from service.edge.context import Context
from service.edge.definitions import replies, requests
from service.edge.definitions.calls import Definitions, Pictures, VersionSchemas
from service.edge.definitions.comparing import Comparing
from service.edge.gate.caller import current
from service.edge.rpc import idempotency, traces
from service.edge.rpc.shield import Shield
from service.edge.workflows import version_requests
from service.edge.workflows.inspector import Inspector
from service.edge.workflows.replies import definition as definition_reply


class DefinitionService:
    def __init__(
        self,
        definitions: Definitions,
        schemas: VersionSchemas,
        pictures: Pictures,
        inspector: Inspector,
        shield: Shield,
    ) -> None:
        self._definitions = definitions
        self._schemas = schemas
        self._pictures = pictures
        self._inspector = inspector
        self._comparing = Comparing(definitions, inspector)
        self._shield = shield

    async def DescribeDefinition(self, request: ops.DescribeDefinitionRequest, context: Context) -> bytes:
        caller = current()
        wanted = requests.describing(request)
        idem = idempotency.read(context, request)
        told = await self._shield.answer(
            context, self._definitions.describe(wanted, caller.workspace, caller.actor, idem, traces.current())
        )
        return ops.DescribeDefinitionResponse(definition=definition_reply(told)).SerializeToString()

    async def SetMaxRunDuration(self, request: ops.SetMaxRunDurationRequest, context: Context) -> bytes:
        caller = current()
        definition_id, seconds = requests.max_run_duration(request)
        idem = idempotency.read(context, request)
        bound = await self._shield.answer(
            context, self._definitions.bound(definition_id, seconds, caller.workspace, idem)
        )
        return ops.SetMaxRunDurationResponse(seconds=bound).SerializeToString()

    async def SetEnabled(self, request: ops.SetEnabledRequest, context: Context) -> bytes:
        caller = current()
        definition_id, enabled = requests.enabling(request)
        idem = idempotency.read(context, request)
        stands = await self._shield.answer(
            context, self._definitions.enable(definition_id, enabled, caller.workspace, idem)
        )
        return ops.SetEnabledResponse(enabled=stands).SerializeToString()

    async def ValidateVersion(self, request: ops.ValidateVersionRequest, context: Context) -> bytes:
        caller = current()
        draft = version_requests.draft(request.draft, named=False)
        if draft.looked_up:
            await self._definition(draft.looked_up, caller.workspace)
        return replies.report(await self._inspector.inspect(draft)).SerializeToString()

    async def DiffVersions(self, request: ops.DiffVersionsRequest, context: Context) -> bytes:
        compared = await self._comparing.compare(requests.diff(request), current().workspace)
        return replies.comparison(compared).SerializeToString()

    async def GetGraph(self, request: ops.GetGraphRequest, context: Context) -> bytes:
        definition_id, number, wanted = requests.graph(request)
        text = await self._pictures.version_picture(definition_id, number, wanted, current().workspace)
        if text is None:
            raise not_found("definition", definition_id)
        return ops.GetGraphResponse(text=text).SerializeToString()

    async def SetSchemas(self, request: ops.SetSchemasRequest, context: Context) -> bytes:
        caller = current()
        of, wanted = requests.schemas(request)
        idem = idempotency.read(context, request)
        stands = await self._shield.answer(
            context, self._schemas.put(of.definition_id, of.version, wanted, caller.workspace, caller.actor, idem)
        )
        return ops.SetSchemasResponse(schemas=replies.schemas(stands)).SerializeToString()

    async def GetSchemas(self, request: ops.GetSchemasRequest, context: Context) -> bytes:
        caller, of = current(), requests.schemas_asked(request)
        definition = await self._definition(of.definition_id, caller.workspace)
        found = await self._schemas.get(definition.id, definition.numbered(of.version), of.revision, caller.workspace)
        if found is None or of.revision not in (0, found.schemas.revision):
            raise not_found("schemas", f"{definition.id}/{of.version}/{of.revision}")
        return ops.GetSchemasResponse(schemas=replies.schemas(found)).SerializeToString()

    async def _definition(self, definition_id: str, visible: str | None) -> Definition:
        found = await self._definitions.get(definition_id, visible)
        if found is None:
            raise not_found("definition", definition_id)
        return found
