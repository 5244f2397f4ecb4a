"""Patterns over dotted subjects: which events a trigger or a wait means.

A pattern is at most ten tokens separated by dots; `*` stands for exactly one token, a trailing `>` for one or more, and
every other token for itself. The empty pattern matches everything. Matching happens in two ways that must agree:
`matches` compares one pattern with one subject, `generalizations` lists every pattern that would match a subject, so
that an index over patterns can be asked by equality. The publish checks call `malformed`, whoever routes the rest.
"""

from functools import lru_cache
from itertools import product

from service.domain.suggestions import did_you_mean

MAX_TOKENS = 10
MAX_LENGTH = 256

_TAP = ("siphon", "tap")
_WILDCARDS = {"#": ">", "**": ">", "+": "*"}


def matches(pattern: str, subject: str) -> bool:
    if not pattern:
        return True
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


def malformed(pattern: str) -> str | None:
    """Why this is no pattern, as the end of a sentence; None when it is one."""
    if not pattern:
        return None
    if len(pattern) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    tokens = pattern.split(".")
    if len(tokens) > MAX_TOKENS:
        return f"has more than {MAX_TOKENS} tokens"
    if not all(tokens):
        return "has an empty token"
    if "#" in pattern:
        return "has a '#'"
    if ">" in tokens[:-1]:
        return "has '>' before its last token"
    return _malformed_token(tokens)


def mended(pattern: str) -> str:
    """A suggestion for a malformed pattern: the wildcards of other systems, and dots too many; else nothing."""
    tokens = (_WILDCARDS.get(token, token) for token in pattern.split(".") if token)
    tried = ".".join(tokens)
    return did_you_mean(tried) if tried and not malformed(tried) else ""


def _malformed_token(tokens: list[str]) -> str | None:
    for token in tokens:
        if token not in ("*", ">") and ("*" in token or ">" in token):
            return f"mixes a wildcard with text in {token!r}"
        if not token.isprintable() or " " in token:
            return "has a blank or a control character"
    return None


@lru_cache(maxsize=256)
def generalizations(subject: str) -> tuple[str, ...]:
    """Every pattern that matches the subject, the empty one first.

    At most 2,048 for ten tokens. Of a subject of more tokens only the patterns ending in `>` are left, and none that
    would be longer than patterns are. Remembered, since events come in few types.
    """
    tokens = subject.split(".")
    found = [""]
    if len(tokens) <= MAX_TOKENS:
        found += map(".".join, product(*((token, "*") for token in tokens)))
    for kept in range(min(len(tokens), MAX_TOKENS)):
        found += (".".join((*head, ">")) for head in product(*((token, "*") for token in tokens[:kept])))
    return tuple(pattern for pattern in dict.fromkeys(found) if len(pattern) <= MAX_LENGTH)


def subject_matches(pattern: str, bus_subject: str, subject: str) -> bool:
    """Whether either of an event's subjects matches: the bus's, with or without its tenant token, or its own.

    Tap events are published as `siphon.tap.<tenant>.<provider>...` where tenants are kept apart; patterns never name
    the tenant.
    """
    if not pattern:
        return True
    known = (bus_subject, _without_tenant(bus_subject), subject)
    return any(each and matches(pattern, each) for each in known)


def _without_tenant(bus_subject: str) -> str:
    tokens = bus_subject.split(".")
    if tuple(tokens[:2]) != _TAP or len(tokens) < 4:
        return ""
    return ".".join((*_TAP, *tokens[3:]))
