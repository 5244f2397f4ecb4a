"""The port for triggers in a world whose definitions have none: nothing is ever routed to a definition."""

from service.domain.bus_event import BusEvent
from service.engine.ports.triggers import TriggerDelivery


class Untriggered:
    async def claim_starts(self, limit: int, lease_seconds: float) -> list[TriggerDelivery]:
        return []

    async def starts_of(self, event: BusEvent) -> list[TriggerDelivery]:
        return []

    async def moved_by(self, event: BusEvent) -> list[tuple[str, int]]:
        return []

    async def scheduled(self, workspace_id: str, address: str) -> list[str]:
        return []

    async def end_start(self, delivery: TriggerDelivery) -> None:
        raise AssertionError("there was nothing to start")

    async def drop_start(self, delivery: TriggerDelivery) -> None:
        raise AssertionError("there was nothing to start")

    async def postpone_start(self, delivery: TriggerDelivery) -> None:
        raise AssertionError("there was nothing to start")

    async def is_owed(self, event: BusEvent) -> bool:
        return False
