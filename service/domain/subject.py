"""What a run is about: as somebody says it, and as the entities service knows it.

`engine.subjects` makes the second of the first before a run starts.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run is about, as somebody says it."""

    entity_id: str = ""
    entity_type: str = ""


@dataclass(frozen=True, slots=True)
class CanonicalEntity:
    """A record as the entities service knows it; `entity_type` is the sibling's enum name."""

    id: str
    entity_type: str
    name: str
