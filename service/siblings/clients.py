"""The engine's `Siblings` port over gRPC.

`encode` is pure: the same call gives the same bytes, which are stored with the effect and later handed to
`perform`, by this replica or another, as often as it takes. `perform` never changes them, and sends the
effect's idempotency key and workspace as metadata, so a sibling can tell a repetition. It never raises for
what a sibling does.
"""

import string
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from google.protobuf.json_format import ParseError

from service.domain.effects import Answer, Delegate, Fault, SiblingCall
from service.siblings.breaker import Breaker
from service.siblings.faults import most_telling, not_configured
from service.siblings.method import Method
from service.siblings.sibling import Metadata, Sibling
from service.siblings.table import SIBLINGS, questions, request_of

_METADATA_SAFE = string.punctuation.replace("%", "") + " "


class SiblingClients:
    """`addresses` maps a sibling's name to `host:port`; names that are not ours are ignored, empty ones
    count as unset. `service_agent` delegates where the run has no initiating agent."""

    def __init__(
        self, addresses: Mapping[str, str], service_agent: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service_agent = service_agent
        self._siblings = {
            name: Sibling(name, addresses[name], Breaker(clock=clock)) for name in SIBLINGS if addresses.get(name)
        }

    @property
    def missing(self) -> tuple[str, ...]:
        """The siblings without an address: what needs them fails with `not_configured`."""
        return tuple(name for name in SIBLINGS if name not in self._siblings)

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes:
        """The request's bytes. Raises ValueError when the call holds values that the sibling's message
        cannot."""
        if isinstance(call, Delegate) and not call.from_agent_id:
            call = replace(call, from_agent_id=self._service_agent)
        try:
            return request_of(call, workspace_id, run_id).SerializeToString(deterministic=True)
        except (ParseError, TypeError, ValueError) as error:
            raise ValueError(f"{type(call).__name__}: {error}") from error

    async def perform(
        self, kind: str, request: bytes, workspace_id: str, idempotency_key: str, timeout_seconds: float
    ) -> Answer | Fault:
        """Sends the bytes and waits for at most `timeout_seconds`. Where two siblings can answer, each
        gets half."""
        metadata = _metadata(idempotency_key, workspace_id)
        asked = questions(kind, request, workspace_id)
        faults = []
        for method, body in asked:
            outcome = await self._ask(method, body, metadata, timeout_seconds / len(asked))
            if not isinstance(outcome, Fault):
                return outcome
            faults.append(outcome)
        return most_telling(faults)

    async def close(self) -> None:
        """Closes every channel; calls in flight come back as transport faults."""
        for sibling in self._siblings.values():
            await sibling.close()

    async def _ask(
        self, method: Method[Any], request: bytes, metadata: Metadata, timeout_seconds: float
    ) -> Answer | Fault:
        sibling = self._siblings.get(method.sibling)
        if sibling is None:
            return not_configured(method.sibling)
        return await sibling.ask(method, request, metadata, timeout_seconds)


def _metadata(idempotency_key: str, workspace_id: str) -> Metadata:
    return (("idempotency-key", _ascii(idempotency_key)), ("x-workspace-id", _ascii(workspace_id)))


def _ascii(value: str) -> str:
    """Metadata is printable ASCII; all else is percent-encoded."""
    return quote(value, safe=_METADATA_SAFE)
