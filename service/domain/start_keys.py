"""Under which key a run starts, so that whoever starts it again, in whichever process, starts no second one.

A key is made of the cause alone. Keys of events, ticks and parents are remembered for ever; those of callers begin with
`rpc:` and are forgotten with all idempotency keys, a day later. Made by whoever starts runs; inserting the key is the
fence of a start.
"""

from dataclasses import dataclass

from service.domain.idempotency import Idem
from service.domain.ids import effect_key

RPC, FORK = "rpc", "rpc:fork"


@dataclass(frozen=True, slots=True)
class StartKey:
    """Who may start: unique per (workspace, scope, key); the digest tells a repetition from a conflict, and is empty
    where a repetition need not be word for word."""

    workspace_id: str
    scope: str
    key: str
    digest: bytes = b""


def by_event(workspace_id: str, definition_id: str, event_id: str, digest: bytes = b"") -> StartKey:
    """The same whether the event is heard, handed in or named by a caller."""
    return StartKey(workspace_id, f"event:{definition_id}", event_id, digest)


def by_tap(workspace_id: str, definition_id: str, change_id: str) -> StartKey:
    """`change_id` is the provider's, else the event's."""
    return StartKey(workspace_id, f"tap:{definition_id}", change_id)


def by_tick(workspace_id: str, definition_id: str, tick: str) -> StartKey:
    """`tick` is its minute, or the id of an event that stands for it."""
    return StartKey(workspace_id, f"tick:{definition_id}", tick)


def by_parent(workspace_id: str, parent_run_id: str, effect_id: str) -> StartKey:
    return StartKey(workspace_id, "child", effect_key(parent_run_id, effect_id))


def by_call(workspace_id: str, run_id: str, idem: Idem | None, rpc: str = RPC) -> StartKey:
    """The caller's key, or one that nobody else has; `rpc` keeps apart what the same key may be used for."""
    if idem is None:
        return StartKey(workspace_id, "once", run_id)
    return StartKey(workspace_id, f"{rpc}:{idem.scope}", idem.key, idem.digest)
