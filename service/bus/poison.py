"""A message that can never be understood, whoever tries and however often."""


class Poison(Exception):
    """`reason` is a stable word for the dead letters and their counters; it never quotes the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
