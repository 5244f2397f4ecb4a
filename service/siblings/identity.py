"""Whose a token is, asked of the identity service.

Not an effect: nothing is owed when it is asked. It shares connections and breakers with the calls that are. The token
is in the request alone: what identity answers, a message of its own among it, is never told to anybody.
"""

from datetime import UTC, datetime

from identity.v1.identity_pb2 import IntrospectRequest, IntrospectResponse

from service.domain.answers import Fault, FaultKind
from service.domain.identity import TokenHolder
from service.siblings.connections import Connections
from service.siblings.method import Garbled, Method, demand

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
    return TokenHolder(
        subject=demand(reply.subject or reply.service, "subject"),
        organization_id=reply.organization_id,
        scopes=tuple(reply.scopes),
        token_type=reply.token_type,
        service=reply.service,
        agent_type=reply.agent_type,
        user_subject=reply.user_subject,
        expires_at=_expiry(reply),
    )


def _expiry(reply: IntrospectResponse) -> datetime | None:
    if not reply.HasField("expires_at"):
        return None
    try:
        return reply.expires_at.ToDatetime(UTC)
    except ValueError as error:
        raise Garbled("the token ends at no moment") from error


_INTROSPECT = Method("identity", "/identity.v1.TokenService/Introspect", IntrospectResponse, _read, absent=_INACTIVE)
