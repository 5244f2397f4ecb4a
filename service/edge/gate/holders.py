"""From whom identity knows behind a token to the caller that they are to us.

An organization's tokens see one workspace; without an organization only operators see any, and then all of them.
People, agents and services may act for others, or not, as `caller` says. Called by `tokens`.
"""

from collections.abc import Mapping

from service.domain.errors import Kind, Refusal
from service.domain.identity import TokenHolder
from service.domain.workspaces import can_be_one
from service.edge.gate import access
from service.edge.gate.access import Scope
from service.edge.gate.caller import Caller


def caller_of(holder: TokenHolder, workspaces: Mapping[str, str]) -> Caller | Refusal:
    """`workspaces` says which workspace an organization sees; others see the one of their own id."""
    scopes = access.known(holder.scopes)
    workspace = workspaces.get(holder.organization_id, holder.organization_id) or None
    if workspace is None and Scope.OPERATE not in scopes:
        return Refusal(Kind.DENIED, "no_workspace", "the token belongs to no organization")
    if workspace is not None and not can_be_one(workspace):
        return Refusal(Kind.DENIED, "no_workspace", "the token's organization cannot be a workspace")
    name = holder.subject
    if holder.is_agent:
        acts_for = holder.user_subject.removeprefix("user:")
        return Caller(workspace, _named("agent", name), name.removeprefix("agent:"), acts_for=acts_for, scopes=scopes)
    if holder.is_service:
        return Caller(workspace, _named("service", name), for_others=True, scopes=scopes)
    return Caller(workspace, _named("user", name), user_id=name.removeprefix("user:"), scopes=scopes)


def _named(kind: str, subject: str) -> str:
    """Rules tell people, agents and services apart by what stands before their names."""
    return subject if subject.startswith(f"{kind}:") else f"{kind}:{subject}"
