"""A gRPC error in words: what is wrong, where, what would help, and with which code the command ends."""

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode
from grpc_status import rpc_status  # type: ignore[import-untyped]

from service.console import unreached
from service.console.exits import DENIED, FAILED, NOT_CURRENT, NOT_FOUND, UNAVAILABLE, Failed
from service.console.settings import Settings

CODES = {
    StatusCode.NOT_FOUND: NOT_FOUND,
    StatusCode.ALREADY_EXISTS: NOT_CURRENT,
    StatusCode.UNAVAILABLE: UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED: UNAVAILABLE,
    StatusCode.RESOURCE_EXHAUSTED: UNAVAILABLE,
    StatusCode.PERMISSION_DENIED: DENIED,
    StatusCode.UNAUTHENTICATED: DENIED,
}
_WORDS = {
    StatusCode.INVALID_ARGUMENT: "refused",
    StatusCode.FAILED_PRECONDITION: "not possible now",
    StatusCode.NOT_FOUND: "not found",
    StatusCode.ALREADY_EXISTS: "it exists already",
    StatusCode.PERMISSION_DENIED: "not allowed",
    StatusCode.UNAUTHENTICATED: "not known who asks",
    StatusCode.ABORTED: "somebody else was faster",
    StatusCode.RESOURCE_EXHAUSTED: "too much at once",
    StatusCode.UNAVAILABLE: "not available",
    StatusCode.DEADLINE_EXCEEDED: "no answer in time",
    StatusCode.INTERNAL: "the server failed",
}
_HINTS = {
    StatusCode.UNAUTHENTICATED: "--token, --token-file or WORKFLOWS_TOKEN says who asks",
    StatusCode.ABORTED: "look again, then repeat it",
}


def decoded(error: grpc.RpcError, settings: Settings, rpc: str) -> Failed:
    code = error.code()
    if code is StatusCode.CANCELLED:
        return Failed("the call was cut off", UNAVAILABLE, about={"status": code.name})
    status = _status(error)
    if status is None or not status.details:
        return _bare(error, settings, rpc)
    return _spoken(code, status)


def _spoken(code: StatusCode, status: Any) -> Failed:
    """An error of our server, which explains itself."""
    info = _detail(status, error_details_pb2.ErrorInfo())
    bad = _detail(status, error_details_pb2.BadRequest()).field_violations
    delay = _detail(status, error_details_pb2.RetryInfo()).retry_delay
    seconds = delay.seconds + delay.nanos / 1e9
    about: dict[str, Any] = {"status": code.name, "reason": info.reason}
    lines = [] if _says_it_all(bad, status) else [f"{_said(each)} ({each.reason})" for each in bad]
    if bad:
        about["violations"] = [{"field": e.field, "reason": e.reason, "description": e.description} for e in bad]
        missing = int(info.metadata.get("violations", len(bad))) - len(bad)
        lines += [f"and {missing} more"] if missing else []
    if seconds:
        about["retry_after_seconds"] = seconds
        lines.append(f"it may work again in {seconds:g} s")
    if hint := _HINTS.get(code):
        lines.append(hint)
    about["try_again"] = code in (StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED)
    word = "" if code is StatusCode.NOT_FOUND else f"{_WORDS.get(code, 'failed')}: "  # its messages say so themselves
    return Failed(f"{word}{status.message} ({code.name}, {info.reason})", CODES.get(code, FAILED), lines, about)


def _said(violation: Any) -> str:
    return f"{violation.field or 'request'}: {violation.description}"


def _says_it_all(bad: Any, status: Any) -> bool:
    """Whether the message is that of the only violation, which need not be told twice."""
    return len(bad) == 1 and _said(bad[0]) == status.message


def _bare(error: Any, settings: Settings, rpc: str) -> Failed:
    """An error that gRPC itself made, or a server that is not ours."""
    code, said = error.code(), error.details() or ""
    about: dict[str, Any] = {"status": code.name}
    if code is StatusCode.UNAVAILABLE:
        return Failed(
            f"no answer from {settings.address}: is the server running there?",
            UNAVAILABLE,
            [said, unreached.advice(said, settings)],
            {**about, "try_again": True},
        )
    if code is StatusCode.DEADLINE_EXCEEDED:
        message = f"no answer from {settings.address} within {settings.timeout:g} s; --timeout allows for more"
        return Failed(message, UNAVAILABLE, about=about)
    if code is StatusCode.UNIMPLEMENTED:
        message = f"the server at {settings.address} does not know {rpc}; it is of another release"
        return Failed(message, FAILED, about=about)
    return Failed(f"{_WORDS.get(code, 'failed')}: {said} ({code.name})", CODES.get(code, FAILED), about=about)


def _status(error: grpc.RpcError) -> Any:
    try:
        return rpc_status.from_call(error)
    except ValueError:  # the details contradict the status: not ours
        return None


def _detail(status: status_pb2.Status, kind: Any) -> Any:
    for each in status.details:
        if each.Is(kind.DESCRIPTOR):
            each.Unpack(kind)
    return kind
