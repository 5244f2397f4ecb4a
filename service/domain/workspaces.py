"""What can be a workspace's id, whichever door it comes in by: a request, a token, a bus event.

Ids are shown in logs, on terminals and in one line of a table, so a character that moves the cursor or breaks the line
would let one workspace pass for another. Called by those who read requests, tokens and events.
"""

import re

from service.domain.limits import MAX_ID

EVERY_WORKSPACE = "*"
"""Where the store and a policy name a workspace, all of them; so none can be called that."""

_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


def has_control(text: str) -> bool:
    """Whether it holds a control character or a line break, of ASCII or of Unicode."""
    return _CONTROL.search(text) is not None


def can_be_one(text: str) -> bool:
    """Whether a request could name it."""
    return bool(text.strip()) and text != EVERY_WORKSPACE and len(text) <= MAX_ID and not has_control(text)
