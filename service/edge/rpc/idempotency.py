"""The caller's `idempotency-key`: read, checked, and bound to the body it came with.

A key belongs to its caller; the digest covers the request's name and all of it, so the same key with another body is
a conflict. A replayed answer says so in the header `idempotent-replay: true`. Called by the servicer for every
mutating RPC.
"""

from hashlib import sha256

from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from service.domain.commands import Command, Envelope
from service.domain.errors import invalid
from service.domain.idempotency import Idem
from service.edge.context import Context
from service.edge.gate.caller import current
from service.edge.rpc import traces

KEY_HEADER = "idempotency-key"
REPLAY_HEADER = ("idempotent-replay", "true")
MAX_KEY = 128


def read(context: Context, request: Message) -> Idem | None:
    """None when the caller gave no key. Raises Refusal (INVALID) for an unusable one."""
    keys = _keys(context)
    if not keys:
        return None
    if len(keys) > 1:
        raise invalid(KEY_HEADER, "bad_idempotency_key", "is there more than once")
    [key] = keys
    if not 0 < len(key) <= MAX_KEY or not key.isprintable() or not key.strip():
        raise invalid(KEY_HEADER, "bad_idempotency_key", f"has to be 1 to {MAX_KEY} printable characters")
    return Idem(current().actor, key, _digest(request))


def envelope(command: Command, actor: str, idem: Idem | None, way: str = "rpc") -> Envelope:
    """The command with its cause, which is guarded when the caller gave a key; `way` begins the cause."""
    if idem is None:
        return Envelope(command, actor, f"{way}:{uuid7()}", trace=traces.current())
    cause = f"{way}:{idem.scope}:{idem.key}"
    return Envelope(command, actor, cause, guarded=True, digest=idem.digest, trace=traces.current())


async def tell(context: Context, replay: bool) -> None:
    if replay and not context.done():
        await context.send_initial_metadata((REPLAY_HEADER,))


def _keys(context: Context) -> set[str]:
    found = [value for name, value in context.invocation_metadata() or () if name == KEY_HEADER]
    return {value if isinstance(value, str) else value.decode("latin-1") for value in found}


def _digest(request: Message) -> bytes:
    name = request.DESCRIPTOR.full_name
    return sha256(name.encode() + b"\0" + request.SerializeToString(deterministic=True)).digest()
