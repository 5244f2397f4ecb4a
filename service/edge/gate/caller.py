"""Who is calling, which workspace they may see, and for whom they may act.

The interceptor asks the gate for one `Caller` per call and keeps it in a context variable; everything below asks
`current()`. `workspace` is None where every workspace is visible: in open mode, and for operators of all of them.
What a caller says about themselves in metadata is never believed; what is behind their token is.

Invariant: a request that names a foreign workspace, or a person or an agent whom its caller may not act for, is refused
here; foreign ids are for the store, which is told what is `visible` and does not find the rest.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

from service.domain.errors import Kind, Refusal
from service.domain.workspaces import EVERY_WORKSPACE


@dataclass(frozen=True, slots=True)
class Caller:
    """`workspace` None means every workspace. `agent_id` or `user_id` is set when an agent or a person calls in their
    own name; `acts_for` is the person an agent works for; `for_others` is the right to act in the name of any person or
    agent. `scopes` are the rights that `access` asks for. Raises ValueError for a workspace that is none."""

    workspace: str | None
    actor: str
    agent_id: str = ""
    user_id: str = ""
    for_others: bool = False
    acts_for: str = ""
    scopes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.workspace in ("", EVERY_WORKSPACE):  # the store would take either for every workspace
            raise ValueError("a caller has a workspace, or None for all of them")

    def may_see(self, workspace_id: str) -> bool:
        return self.workspace is None or self.workspace == workspace_id

    def meant(self, workspace_id: str) -> str:
        """The workspace a request is about: the one it names, else the caller's own, else "" (every workspace).

        Raises Refusal (DENIED) for a foreign one.
        """
        if workspace_id and not self.may_see(workspace_id):
            raise Refusal(Kind.DENIED, "foreign_workspace", "the caller may not act in this workspace")
        return workspace_id or self.workspace or ""

    def acts_as(self, user_id: str) -> str:
        """The person a request is made by: the one it names, else the caller, else "" (not a person). An agent is no
        person, not even the one it works for.

        Raises Refusal (DENIED) for a person the caller may not act for.
        """
        if user_id and user_id != self.user_id and not self.for_others:
            raise Refusal(Kind.DENIED, "foreign_user", "the caller may not act for this person")
        return user_id or self.user_id

    def begins_for(self, user_id: str) -> str:
        """The person for whom something is begun: as `acts_as`, but an agent begins for the person it works for.

        Raises Refusal (DENIED).
        """
        return self.acts_for if self.acts_for and user_id in ("", self.acts_for) else self.acts_as(user_id)

    def speaks_as(self, agent_id: str) -> str:
        """The agent a request speaks of: the one it names, else the calling agent, else "". An agent has only its own
        name, because what is begun or done in another's could be approved by itself.

        Raises Refusal (DENIED).
        """
        if agent_id and self.agent_id and agent_id not in (self.agent_id, self.actor):
            raise Refusal(Kind.DENIED, "foreign_agent", "an agent may not act in the name of another")
        return agent_id or self.agent_id


OPEN = Caller(workspace=None, actor="anonymous", for_others=True)

Confirm: TypeAlias = Callable[[], Awaitable[None]]

_current: ContextVar[Caller] = ContextVar("caller")
_confirm: ContextVar[Confirm] = ContextVar("confirm")


def current() -> Caller:
    """The caller of the RPC that is being handled. Raises LookupError outside of one."""
    return _current.get()


async def confirm() -> None:
    """Looks again whether the caller may still call; for what lasts. Raises Refusal when not."""
    await _confirm.get()()


def enter(caller: Caller, confirm: Confirm | None = None) -> None:
    """Holds for the rest of this call: each RPC has a context of its own."""
    _current.set(caller)
    if confirm is not None:
        _confirm.set(confirm)
