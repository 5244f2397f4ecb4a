"""Whose a token is, as the identity service says: what callers and their rights are made of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Of a token that is good. `service` is set for a service's token, `agent_type` or the token type for an agent's;
    everybody else is a person. `user_subject` is the person an agent acts for."""

    subject: str
    organization_id: str = ""
    scopes: tuple[str, ...] = ()
    token_type: str = ""
    service: str = ""
    agent_type: str = ""
    user_subject: str = ""
    expires_at: datetime | None = None

    @property
    def is_agent(self) -> bool:
        """An agent stays one, whatever service it runs in."""
        return bool(self.agent_type) or self.token_type.casefold() == "agent"

    @property
    def is_service(self) -> bool:
        return bool(self.service) and not self.is_agent
