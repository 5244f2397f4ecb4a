"""Who may come in: by a token, by a client's certificate, by both, or everybody.

A certificate has been verified by TLS before a call gets here; what is left is whether its name is on the list. Where
tokens are asked for, they say who calls and what they may, and a certificate only lets the connection in. Where they
are not, a certificate is a service that may do everything. Asked by the interceptor for every call of ours.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from service.domain.errors import Kind, Refusal
from service.edge.context import Context
from service.edge.gate import access
from service.edge.gate.caller import OPEN, Caller
from service.edge.gate.tokens import Tokens

HEADER = "authorization"

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]{1,8192}=*)")
_SUBJECT, _COMMON_NAME, _NAMES = "x509_subject", "x509_common_name", "x509_subject_alternative_name"
_NUL = rb"\00"  # as a subject is written


class Gate:
    """Without `tokens` none are asked for. `names` are those of the certificates that may come in, all of the
    authority's when it is empty; None where no certificates are asked for."""

    def __init__(self, tokens: Tokens | None = None, names: Collection[str] | None = None) -> None:
        self._tokens = tokens
        self._names = names

    async def admit(self, context: Context, scope: str) -> Caller:
        """The caller, who has the scope. Raises Refusal."""
        name = "" if self._names is None else _certified(context, self._names)
        if self._tokens is None:
            return by_certificate(name) if name else OPEN
        told = _authorization(context)
        found = self._tokens.remembered(told[7:]) if told[:7].lower() == "bearer " else None
        if found is None:
            found = await self._tokens.caller(_bearer(told))
        access.check(found.scopes, scope)
        return found


def by_certificate(name: str) -> Caller:
    return Caller(None, f"service:{name}", for_others=True, scopes=access.EVERY_SCOPE)


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


def _certified(context: Context, allowed: Collection[str]) -> str:
    """The name by which the client's certificate may come in."""
    names = [raw.decode(errors="replace") for raw in _shown(context.auth_context())]
    found = next((name for name in names if _readable(name) and (not allowed or name in allowed)), "")
    if not found:
        raise Refusal(Kind.DENIED, "foreign_certificate", "the client's certificate is not on the list")
    return found


def _shown(certificate: Mapping[str, Iterable[bytes]]) -> Iterator[bytes]:
    """All its names. gRPC cuts a common name at a NUL: of `crm`, NUL, `.example.com` it would show `crm`."""
    yield from certificate.get(_NAMES, ())
    if not any(_NUL in subject for subject in certificate.get(_SUBJECT, ())):
        yield from certificate.get(_COMMON_NAME, ())


def _readable(name: str) -> bool:
    """It is the actor of all that is done by it, so people and the database have to be able to read it."""
    return bool(name.strip()) and name.isprintable()
