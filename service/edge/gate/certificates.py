"""From a client's certificate to its name, and from the name to the caller.

TLS has verified the certificate before a call gets here; what is left is whether one of its names may come in. Called
by the gate where certificates are asked for.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from service.domain.errors import Kind, Refusal
from service.edge.context import Context
from service.edge.gate import access
from service.edge.gate.caller import Caller

_SUBJECT, _COMMON_NAME, _NAMES = "x509_subject", "x509_common_name", "x509_subject_alternative_name"
_NUL = rb"\00"  # as a subject is written


def caller_of(name: str) -> Caller:
    """A service that may do everything."""
    return Caller(None, f"service:{name}", for_others=True, scopes=access.EVERY_SCOPE)


def certified(context: Context, allowed: Collection[str]) -> str:
    """The name by which the client's certificate may come in; of no names all are allowed. Raises Refusal."""
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
