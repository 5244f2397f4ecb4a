"""The engine's `Siblings` port over gRPC.

`encode` is pure: the same call gives the same bytes, which are stored with the effect and later handed to
`perform`, by this replica or another, as often as it takes. `perform` never changes them, and sends the
effect's idempotency key and workspace as metadata, so a sibling can tell a repetition. What may have been made
before is looked for first, where the sibling has a list to look in. It never raises for what a sibling does.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from google.protobuf.json_format import ParseError

from service.domain.answers import Answer, Fault
from service.domain.calls import Delegate, PrepareObjective, SiblingCall
from service.engine.ports.siblings import Errand
from service.engine.tracing import UNTRACED, Tracer
from service.siblings.connections import Connections, Line
from service.siblings.credentials import PLAIN, Credentials
from service.siblings.entities import Entities
from service.siblings.identity import Identity
from service.siblings.preparing import prepare
from service.siblings.search import find
from service.siblings.sibling import Sibling
from service.siblings.table import SEARCHES, method_of, request_of


class SiblingClients:
    """`addresses` maps a sibling's name to `host:port`; names that are not ours are ignored, empty ones
    count as unset. `service_agent` delegates where the run has no initiating agent."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        service_agent: str = "",
        clock: Callable[[], float] = time.monotonic,
        credentials: Credentials = PLAIN,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._service_agent = service_agent
        self._connections = Connections(addresses, clock, credentials, tracer)
        self.entities = Entities(self._connections)
        self.identity = Identity(self._connections)

    @property
    def missing(self) -> tuple[str, ...]:
        """The siblings without an address: what needs them fails with `not_configured`."""
        return self._connections.missing

    @property
    def configured(self) -> Mapping[str, Sibling]:
        """Those with an address, for whoever wants to see how they do."""
        return self._connections.siblings

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes:
        """The request's bytes. Raises ValueError when the call holds values that the sibling's message
        cannot."""
        if isinstance(call, Delegate) and not call.from_agent_id:
            call = replace(call, from_agent_id=self._service_agent)
        try:
            request = request_of(call, workspace_id, run_id)
            return request if isinstance(request, bytes) else request.SerializeToString(deterministic=True)
        except (ParseError, TypeError, ValueError) as error:
            raise ValueError(f"{type(call).__name__}: {error}") from error

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        """Does all that the errand takes within `timeout_seconds`."""
        line = self._connections.line(errand.workspace_id, timeout_seconds, errand.trace)
        if errand.kind == PrepareObjective.__name__:
            return await prepare(line, errand.request)
        made = await _made_before(line, errand) if errand.repeated else None
        if made is not None:
            return made
        answer: Answer | Fault = await line.send(method_of(errand.kind, errand.request), errand.request, errand.key)
        return answer

    async def close(self) -> None:
        """Closes every channel; calls in flight come back as transport faults."""
        await self._connections.close()


async def _made_before(line: Line, errand: Errand) -> Answer | Fault | None:
    """What is there already, or a fault while nobody can tell; None when the call has to be made."""
    prepared = SEARCHES.get(errand.kind)
    search = prepared(errand.request, errand.workspace_id) if prepared else None
    return await find(line, search) if search else None
