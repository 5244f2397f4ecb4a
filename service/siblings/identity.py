"""Whose a token is, asked of the identity service.

Not an effect: nothing is owed when it is asked. It shares connections and breakers with the calls that are. The token
is in the request alone: what identity answers, a message of its own among it, is never told to anybody.

A holder that cannot be taken as it is (no name, a NUL, an end at no moment) makes its token no good. It is no fault of
identity's: else whoever has such a token could open the breaker for everybody.
"""

from datetime import UTC

from identity.v1.identity_pb2 import IntrospectRequest, IntrospectResponse

from service.domain.answers import Fault, FaultKind
from service.domain.identity import TokenHolder
from service.siblings.connections import Connections
from service.siblings.method import SiblingMethod, storable

_INACTIVE = Fault(FaultKind.FAILED, "token_inactive", "the token is not good")


class Identity:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def introspect(self, token: str, timeout_seconds: float) -> TokenHolder | Fault | None:
        """Whose it is; None when identity says that it is not good. Never raises for what the sibling does."""
        found = await self._connections.line("", timeout_seconds).look_up(_INTROSPECT, IntrospectRequest(token=token))
        unreadable = isinstance(found, Fault) and found.reason == "invalid_argument"
        return None if found == _INACTIVE or unreadable else found


def _read(reply: IntrospectResponse) -> TokenHolder | Fault:
    if not reply.active:
        return _INACTIVE
    try:
        holder = _holder(reply)
    except ValueError:  # the moment at which it ends is none
        return _INACTIVE
    return holder if holder.subject and storable(holder) else _INACTIVE


def _holder(reply: IntrospectResponse) -> TokenHolder:
    return TokenHolder(
        subject=reply.subject or reply.service,
        organization_id=reply.organization_id,
        scopes=tuple(reply.scopes),
        token_type=reply.token_type,
        service=reply.service,
        agent_type=reply.agent_type,
        user_subject=reply.user_subject,
        expires_at=reply.expires_at.ToDatetime(UTC) if reply.HasField("expires_at") else None,
    )


_INTROSPECT = SiblingMethod(
    "identity", "/identity.v1.TokenService/Introspect", IntrospectResponse, _read, absent=_INACTIVE
)
