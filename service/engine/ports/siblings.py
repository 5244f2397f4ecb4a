"""Calls to sibling services: encoded once, made until they are answered."""

from dataclasses import dataclass
from typing import Protocol

from service.domain.answers import Answer, Fault
from service.domain.calls import SiblingCall


@dataclass(frozen=True, slots=True)
class Errand:
    """One call to a sibling: the stored bytes, the key that makes it one, whether it may have been made before, and
    the trace that it belongs to."""

    kind: str
    request: bytes
    workspace_id: str
    run_id: str
    key: str
    repeated: bool
    trace: str = ""


class Siblings(Protocol):
    """The outgoing calls. `encode` is pure and deterministic: its bytes are stored and sent unchanged, every time."""

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes: ...

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        """Makes the call. One that may have been made before is looked for first, where the sibling can be searched."""
        ...
