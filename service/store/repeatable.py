"""A call that its caller may repeat: the answer is kept under the caller's key, with what it changed.

The key is looked up and the answer recorded in the transaction that does the work, so a call counts once or not at all,
and another call under the same key is refused; one that comes at the same moment waits for the first. Used by the
stores that write in transactions; runs have causes instead.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from service.domain.errors import key_reused
from service.domain.idempotency import Idem
from service.store.codec import dumps
from service.store.pool import Connection, Row
from service.store.queries import query


class RepeatableCall:
    """One call that may be repeated under the caller's key."""

    def __init__(self, method: str, workspace_id: str, idem: Idem | None) -> None:
        self._method = method
        self._workspace_id = workspace_id
        self._idem = idem

    async def answered(self, connection: Connection) -> Any:
        """What was answered before, as JSON; None when this is new. Raises Refusal when it was another request."""
        if self._idem is None:
            return None
        key = (self._workspace_id, self._idem.scope, self._idem.key)
        await connection.execute(query("answer_lock"), key)
        row = await one(connection, "answer_get", key)
        if row is None:
            return None
        method, digest, response = row
        if (method, digest) != (self._method, self._idem.digest):
            raise key_reused()
        return orjson.loads(response)

    async def answer(self, connection: Connection, value: object) -> None:
        if self._idem is not None:
            key = (self._workspace_id, self._idem.scope, self._idem.key)
            await connection.execute(query("answer_put"), (*key, self._method, self._idem.digest, dumps(value)))


async def one(connection: Connection, name: str, params: Sequence[object]) -> Row | None:
    cursor = await connection.execute(query(name), params)
    return await cursor.fetchone()
