"""Who may come in: by a token, by a client's certificate, by both, or everybody.

Where tokens are asked for, they say who calls and what they may, and a certificate only lets the connection in. Where
they are not, a certificate is a service that may do everything. Asked by the interceptor for every call of ours.
"""

import re
from collections.abc import Collection

from service.domain.errors import Kind, Refusal
from service.edge.context import Context
from service.edge.gate import access, certificates
from service.edge.gate.caller import OPEN, Caller
from service.edge.gate.tokens import Tokens

HEADER = "authorization"

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]{1,8192}=*)")


class Gate:
    """Without `tokens` none are asked for. `names` are those of the certificates that may come in, all of the
    authority's when it is empty; None where no certificates are asked for."""

    def __init__(self, tokens: Tokens | None = None, names: Collection[str] | None = None) -> None:
        self._tokens = tokens
        self._names = names

    async def admit(self, context: Context, scope: str) -> Caller:
        """The caller, who has the scope. Raises Refusal."""
        name = "" if self._names is None else certificates.certified(context, self._names)
        if self._tokens is None:
            return certificates.caller_of(name) if name else OPEN
        told = _authorization(context)
        found = self._tokens.remembered(told[7:]) if told[:7].lower() == "bearer " else None
        if found is None:
            found = await self._tokens.caller(_bearer(told))
        access.check(found.scopes, scope)
        return found


def _authorization(context: Context) -> str:
    told = [value for name, value in context.invocation_metadata() or () if name == HEADER]
    if not told:
        raise Refusal(Kind.UNKNOWN_CALLER, "no_token", "this call needs a bearer token")
    return told[0] if len(told) == 1 and isinstance(told[0], str) else ""


def _bearer(told: str) -> str:
    """Looked at closely only when it is new: that costs more than all the rest."""
    found = _BEARER.fullmatch(told)
    if found is None:
        raise Refusal(Kind.UNKNOWN_CALLER, "malformed_token", "the authorization is not one bearer token")
    return found[1]
