"""Who is calling, which workspace they may see, and for whom they may act.

The interceptor builds one `Caller` per call and keeps it in a context variable; everything below asks `current()`.
`workspace` is None in open mode: no tokens are configured, so every workspace is visible and the actor is anonymous.
What a caller says about themselves in metadata is never believed.

Invariant: a request that names a foreign workspace, or a person whom its caller may not act for, is refused here;
foreign ids are for the store, which is told what is `visible` and does not find the rest.
"""

from contextvars import ContextVar
from dataclasses import dataclass

from service.domain.errors import Kind, Refusal


@dataclass(frozen=True, slots=True)
class Caller:
    """`workspace` None means every workspace. `agent_id` or `user_id` is set when an agent or a person calls in their
    own name; `for_others` is the right to act in the name of any person."""

    workspace: str | None
    actor: str
    agent_id: str = ""
    user_id: str = ""
    for_others: bool = False

    def may_see(self, workspace_id: str) -> bool:
        return self.workspace is None or self.workspace == workspace_id

    def meant(self, workspace_id: str) -> str:
        """The workspace a request is about: the one it names, else the caller's own, else "" (open mode).

        Raises Refusal (DENIED) for a foreign one.
        """
        if workspace_id and not self.may_see(workspace_id):
            raise Refusal(Kind.DENIED, "foreign_workspace", "the caller may not act in this workspace")
        return workspace_id or self.workspace or ""

    def acts_as(self, user_id: str) -> str:
        """The person a request is made by: the one it names, else the caller, else "" (not a person).

        Raises Refusal (DENIED) for a person the caller may not act for.
        """
        if user_id and user_id != self.user_id and not self.for_others:
            raise Refusal(Kind.DENIED, "foreign_user", "the caller may not act for this person")
        return user_id or self.user_id


OPEN = Caller(workspace=None, actor="anonymous", for_others=True)

_current: ContextVar[Caller] = ContextVar("caller")


def current() -> Caller:
    """The caller of the RPC that is being handled. Raises LookupError outside of one."""
    return _current.get()


def enter(caller: Caller) -> None:
    """Holds for the rest of this call: each RPC has a context of its own."""
    _current.set(caller)
