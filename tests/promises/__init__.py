"""The promises, kept under load: many runs at once while replicas, the database, the bus and the siblings misbehave.

What one run does when one thing goes wrong is shown in `tests/journey`, all orders of events in `tests/simulation`.
Here everything is real and there is a lot of it: replicas are processes, and they are killed and frozen by signals.
Every trial counts the faults that struck and what the defences say of themselves, and fails if there were none.

`PROMISES=long`, which `make trial` sets, makes the same trials large enough for the numbers that are promised; without
it they are as small as they can be and still meet every fault.
"""

import os

LONG = os.environ.get("PROMISES") == "long"


def scale(short: int, long: int) -> int:
    """How many of something in this mode."""
    return long if LONG else short
