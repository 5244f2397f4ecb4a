"""A pool that counts what crosses to the database, and how much of it writes; every write is one commit."""

from collections.abc import Sequence

from service.store.pool import Pool, Row


class CountingPool(Pool):
    trips = 0
    writes = 0

    async def read(self, query: bytes, params: Sequence[object] = ()) -> list[Row]:
        self.trips += 1
        return await super().read(query, params)

    async def write(self, query: bytes, params: Sequence[object] = ()) -> list[Row]:
        self.trips += 1
        self.writes += 1
        return await super().write(query, params)

    def count(self) -> tuple[int, int]:
        """Trips and writes since the last count."""
        counted = self.trips, self.writes
        self.trips = self.writes = 0
        return counted
