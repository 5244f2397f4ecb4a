"""What it means when a sibling does not answer, or answers no.

One table says for every status code whether the call is tried again (TRANSPORT), can never be right
(REJECTED) or fails the attempt (FAILED). The reason of a fault is a stable word: the status code in lower
case, or one of those below.
"""

from collections.abc import Sequence

import grpc

from service.domain.answers import Fault, FaultKind

_MESSAGE_LIMIT = 500
_NOT_CONFIGURED = "not_configured"

KINDS = {
    grpc.StatusCode.UNAVAILABLE: FaultKind.TRANSPORT,
    grpc.StatusCode.DEADLINE_EXCEEDED: FaultKind.TRANSPORT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: FaultKind.TRANSPORT,
    grpc.StatusCode.ABORTED: FaultKind.TRANSPORT,
    grpc.StatusCode.CANCELLED: FaultKind.TRANSPORT,
    grpc.StatusCode.UNKNOWN: FaultKind.TRANSPORT,
    grpc.StatusCode.INTERNAL: FaultKind.TRANSPORT,
    grpc.StatusCode.DATA_LOSS: FaultKind.TRANSPORT,
    grpc.StatusCode.INVALID_ARGUMENT: FaultKind.REJECTED,
    grpc.StatusCode.UNIMPLEMENTED: FaultKind.REJECTED,
    grpc.StatusCode.NOT_FOUND: FaultKind.FAILED,
    grpc.StatusCode.ALREADY_EXISTS: FaultKind.FAILED,
    grpc.StatusCode.PERMISSION_DENIED: FaultKind.FAILED,
    grpc.StatusCode.UNAUTHENTICATED: FaultKind.FAILED,
    grpc.StatusCode.FAILED_PRECONDITION: FaultKind.FAILED,
    grpc.StatusCode.OUT_OF_RANGE: FaultKind.FAILED,
}


def from_status(code: grpc.StatusCode, details: str | None) -> Fault:
    """The fault that a status other than OK stands for; the sibling's message is cut to 500 characters, and has no
    NUL, which a database would refuse."""
    return Fault(KINDS[code], code.name.lower(), (details or "").replace("\0", "")[:_MESSAGE_LIMIT])


def transport(reason: str, message: str) -> Fault:
    return Fault(FaultKind.TRANSPORT, reason, message[:_MESSAGE_LIMIT])


def not_configured(sibling: str) -> Fault:
    return Fault(FaultKind.FAILED, _NOT_CONFIGURED, f"no address is configured for {sibling}")


def no_agent(capability: str) -> Fault:
    return Fault(FaultKind.FAILED, "no_agent", f"no active agent has the capability {capability}")


def unknown(what: str, name: str) -> Fault:
    """There is no such agent, skill, prompt or entity, or none that this workspace may see."""
    return Fault(FaultKind.FAILED, f"unknown_{what}", f"there is no {what} {name}")


def most_telling(faults: Sequence[Fault]) -> Fault:
    """Of several siblings that were asked the same: one that may yet answer, before one that said no,
    before one that nobody configured."""
    return min(faults, key=lambda fault: (fault.kind is not FaultKind.TRANSPORT, fault.reason == _NOT_CONFIGURED))
