"""A connection that does not wait for ever.

A database that is alive ends by its own timeouts what takes too long. One that is frozen, or whose machine vanished
without a word, says nothing at all, and TCP goes on believing in it for a quarter of an hour, also when another machine
has long taken its place. So whatever is sent waits for an answer so long and no longer, which is well above the
database's own timeouts; then the connection is closed. What became of a write is then unknown, as with any lost
connection. Made by `pool`.
"""

from typing import Any, ClassVar

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

ANSWER_SECONDS = 20.0
_INTERVAL = 0.1


class Unanswered(psycopg.OperationalError):
    """Nothing was heard for so long that nothing will be."""


class BoundedConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    answer_seconds: ClassVar[float] = ANSWER_SECONDS

    async def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:  # noqa: ASYNC109
        """Raises Unanswered; then the connection is closed."""
        try:
            return await super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # it would otherwise be asked to roll back, and waited for again
                raise Unanswered("no answer in time") from error
            raise
