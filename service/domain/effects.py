"""What a run owes the world: effects, each with the call it carries.

`decide` asks for an effect; the apply that stores the decision stores its row; the dispatcher performs it under a lease
and comes back with a command. The row is deleted by the apply that records the answer, so its presence is the guard
against answering twice. An effect's id is unique within its run and never used again: step, attempt and kind (and a
discriminator where one attempt may ask twice), and with the run's id it is the idempotency key that siblings see.
"""

from dataclasses import asdict, dataclass

import orjson

from service.domain.calls import Call, OwnCall


def encode_own(call: OwnCall) -> bytes:
    """The bytes that are stored with the effect: the call's fields as JSON. Raises TypeError for what has no form."""
    return orjson.dumps(asdict(call), default=dict, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that a run owes, due `delay_seconds` from the apply. The kind is the call's class name.

    `step_id` is the step's id, or an item's key (`each[3]`), or empty for what the run itself owes.
    `trace` is the trace of what made the run owe it, and goes out with the call.
    """

    id: str
    step_id: str
    attempt: int
    call: Call
    delay_seconds: float = 0.0
    trace: str = ""

    @property
    def kind(self) -> str:
        return type(self.call).__name__


@dataclass(frozen=True, slots=True)
class Owed:
    """An effect's row as its holder knows it: the fencing token, and how often it was tried before."""

    id: str
    step_id: str
    attempt: int
    kind: str
    token: int
    tries: int = 0

    @property
    def repeated(self) -> bool:
        """Somebody may have made this call before, with an outcome that nobody knows."""
        return self.token > 1 or self.tries > 0
