"""Which trace something belongs to, as W3C Trace Context writes it: plain data that goes from cause to effect.

A trace is one text: the `traceparent`, and behind a blank its `tracestate` where there is one; empty is no trace. It is
read where something comes in (an RPC, a bus event), kept with what it brings about, and told where something goes out.
What cannot be read is no trace and never an error: nobody's work fails for the sake of watching it.
"""

import re

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
MAX_STATE = 512
"""Characters of a tracestate; a longer one is left behind."""

_MEMBERS = 32
_KNOWN_FLAGS = 0b11  # sampled, random trace id
_LENGTH = 55

_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")


def read(traceparent: object, tracestate: object = "") -> str:
    """The trace that these two name; empty when the first cannot be read. A state that cannot be read is left out."""
    if not isinstance(traceparent, str) or not (found := _PARENT.fullmatch(traceparent.strip())):
        return ""
    version, trace_id, span_id, flags, more = found.groups()
    if version == "00" and more:
        return ""
    parent = f"00-{trace_id}-{span_id}-{int(flags, 16) & _KNOWN_FLAGS:02x}"
    state = _state(tracestate)
    return f"{parent} {state}" if state else parent


def told(trace: str) -> dict[str, str]:
    """The same under the names that it has on every wire; nothing for no trace."""
    if not trace:
        return {}
    parent, state = trace[:_LENGTH], trace[_LENGTH + 1 :]
    return {TRACEPARENT: parent, TRACESTATE: state} if state else {TRACEPARENT: parent}


def _state(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_STATE:
        return ""
    members = [member for part in value.split(",") if (member := part.strip(" \t"))]
    readable = len(members) <= _MEMBERS and all(map(_MEMBER.fullmatch, members))
    return ",".join(members) if readable else ""
