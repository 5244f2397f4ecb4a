"""The RPCs for operators of definitions: parse, call the application, render.

Methods are named like the RPCs of `DefinitionService`. Errors and the shield as in `servicer`.
"""

from workflows.ops.v1 import definitions_pb2 as ops

from service.edge import idempotency, parse_control
from service.edge.app import Definitions
from service.edge.caller import current
from service.edge.errors import Context
from service.edge.shield import Shield


class DefinitionService:
    def __init__(self, definitions: Definitions, shield: Shield) -> None:
        self._definitions = definitions
        self._shield = shield

    async def SetMaxRunDuration(self, request: ops.SetMaxRunDurationRequest, context: Context) -> bytes:
        caller = current()
        definition_id, seconds = parse_control.max_run_duration(request)
        idem = idempotency.read(context, caller, request.DESCRIPTOR.full_name, request)
        bound = await self._shield.run(self._definitions.bound(definition_id, seconds, caller.workspace, idem))
        await idempotency.tell(context, bound.replay)
        return ops.SetMaxRunDurationResponse(seconds=bound.value).SerializeToString()

    async def SetEnabled(self, request: ops.SetEnabledRequest, context: Context) -> bytes:
        caller = current()
        definition_id, enabled = parse_control.enabling(request)
        idem = idempotency.read(context, caller, request.DESCRIPTOR.full_name, request)
        stands = await self._shield.run(self._definitions.enable(definition_id, enabled, caller.workspace, idem))
        await idempotency.tell(context, stands.replay)
        return ops.SetEnabledResponse(enabled=stands.value).SerializeToString()
