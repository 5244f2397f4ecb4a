"""How large things may be, said once for all the doors they come in by: calls, bus events, definitions, answers."""

MAX_ID = 128
"""Characters of an id, ours or somebody else's."""

MAX_NAME = 200
"""Characters of a name."""

MAX_KEY_BYTES = 512
"""Of what strangers tell their events apart by; such texts become keys of indexes."""

MAX_PAYLOAD_BYTES = 256 * 1024
"""Of a payload that somebody hands in, and of what one step hands down to others."""

MAX_DEPTH = 16
"""Levels of objects and lists within each other, in every JSON value that is kept."""
