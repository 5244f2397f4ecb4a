"""What `workflows doctor` finds: one line per thing that was looked at.

Checks live where what they look at may be imported (store, bus, siblings, console); `doctor` puts them together. None
of them raises for what it looks at: whatever is wrong is a finding.
"""

from dataclasses import dataclass
from enum import StrEnum


class CheckResult(StrEnum):
    OK = "OK"
    WARNING = "WARNING"  # it works, with something missing that may be missed
    FAILED = "FAILED"  # the service cannot work like this


@dataclass(frozen=True, slots=True)
class Check:
    """`area` is what it belongs to (database, bus, ...), `what` the thing, `found` what was seen of it, `advice` what
    to do about it (empty when it is OK)."""

    area: str
    what: str
    health: CheckResult
    found: str
    advice: str = ""


def ok(area: str, what: str, found: str) -> Check:
    return Check(area, what, CheckResult.OK, found)


def warning(area: str, what: str, found: str, advice: str) -> Check:
    return Check(area, what, CheckResult.WARNING, found, advice)


def failed(area: str, what: str, found: str, advice: str) -> Check:
    return Check(area, what, CheckResult.FAILED, found, advice)
