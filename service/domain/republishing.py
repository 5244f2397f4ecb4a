"""Which of the changes that the bus has taken are to be published again.

Asked for by operators when a consumer has lost some; the store puts them back into the outbox.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Republishing:
    """Which of our published changes: of those given, all must match."""

    since: datetime
    workspace_id: str | None = None
    definition_id: str = ""
    run_id: str = ""
