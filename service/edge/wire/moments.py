"""Points in time on their way out. Called by whoever renders one."""

from datetime import datetime
from typing import Any


def moment(at: datetime | None) -> Any:
    """protobuf takes a datetime for a Timestamp and None for nothing; its stubs know only the message."""
    return at
