"""The one error table: what a refusal, an outage or a fault of ours looks like to a caller.

Every error carries an `ErrorInfo` with a stable reason and the domain `workflows`; bad input adds a `BadRequest` with
one violation per field, what may succeed later a `RetryInfo`. What nobody expected is INTERNAL with an incident id,
which is in the log with the traceback; the caller sees nothing else of it. Clients refuse trailers over 8 KiB, so the
details are cut to fit and say how many violations there were. Called by the outermost layer only.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Never

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode
from uuid_utils.compat import uuid7

from service.domain.errors import Kind, Refusal, Violation
from service.edge.context import Context
from service.engine.ports.failures import BusUnavailable, StoreUnavailable

DOMAIN = "workflows"

STATUS = {
    Kind.INVALID: StatusCode.INVALID_ARGUMENT,
    Kind.NOT_FOUND: StatusCode.NOT_FOUND,
    Kind.CONFLICT: StatusCode.FAILED_PRECONDITION,
    Kind.EXISTS: StatusCode.ALREADY_EXISTS,
    Kind.UNKNOWN_CALLER: StatusCode.UNAUTHENTICATED,
    Kind.DENIED: StatusCode.PERMISSION_DENIED,
    Kind.ABORTED: StatusCode.ABORTED,
    Kind.EXHAUSTED: StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: StatusCode.UNAVAILABLE,
}

RETRY_AFTER_MS = {StatusCode.ABORTED: 50, StatusCode.RESOURCE_EXHAUSTED: 1_000, StatusCode.UNAVAILABLE: 1_000}

_MAX_MESSAGE = 400  # bytes; it travels twice, percent-encoded (three times as long) and in base64 (a third longer)
_MAX_DETAILS = 4_000  # bytes, a third more in base64
_log = logging.getLogger(__name__)


async def answer(context: Context, error: Exception) -> Never:
    """Ends the call with the status this exception stands for."""
    match error:
        case Refusal():
            await abort(context, STATUS[error.kind], error.reason, error.message, error.violations)
        case StoreUnavailable():
            await abort(context, StatusCode.UNAVAILABLE, "database_unavailable", "the database does not answer")
        case BusUnavailable():
            await abort(context, StatusCode.UNAVAILABLE, "bus_unavailable", "the bus does not answer")
        case _:
            await _unexpected(context, error)


async def abort(
    context: Context, code: StatusCode, reason: str, message: str, violations: Sequence[Violation] = (), **about: str
) -> Never:
    """`about` goes into the ErrorInfo's metadata."""
    details = _details(code, reason, violations, about)
    status = status_pb2.Status(code=code.value[0], message=_cut(message))
    for detail in details:
        status.details.add().Pack(detail)
    trailer = ("grpc-status-details-bin", status.SerializeToString())
    await context.abort(code, status.message, (trailer,))


async def _unexpected(context: Context, error: Exception) -> Never:
    incident = str(uuid7())
    _log.error("unexpected error, incident %s", incident, exc_info=error)
    message = f"internal error, incident {incident}"
    await abort(context, StatusCode.INTERNAL, "internal", message, incident=incident)


def _details(
    code: StatusCode, reason: str, violations: Sequence[Violation], about: dict[str, str]
) -> Iterable[Message]:
    shown = _field_violations(violations)
    if len(shown) < len(violations):
        about = {**about, "violations": str(len(violations))}
    yield error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=about)
    if shown:
        yield error_details_pb2.BadRequest(field_violations=shown)
    if milliseconds := RETRY_AFTER_MS.get(code):
        yield error_details_pb2.RetryInfo(retry_delay=Duration(nanos=milliseconds * 1_000_000))


def _field_violations(violations: Sequence[Violation]) -> list[Message]:
    """As many as fit, in order."""
    shown, room = [], _MAX_DETAILS
    for each in violations:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=each.path, description=_cut(each.message), reason=each.reason
        )
        room -= violation.ByteSize() + 3
        if room < 0:
            break
        shown.append(violation)
    return shown


def _cut(text: str) -> str:
    return text.encode()[:_MAX_MESSAGE].decode(errors="ignore")
