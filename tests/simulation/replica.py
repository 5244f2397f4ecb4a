"""One process of the service in the simulation: the real engine over simulated ports, in a context of its own.

Its monotonic clock begins anywhere, as that of a real machine does, and everything it does carries its name, so that
the loop can pause or kill it. `ids` numbers the runs it makes.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextvars import Context
from typing import Any, TypeVar
from unittest.mock import patch

from service.domain.bus_event import BusEvent
from service.domain.commands import Envelope
from service.domain.decision import Verdict
from service.domain.errors import Refusal
from service.domain.ids import Ids
from service.domain.plan import Patience
from service.engine import engine as engine_module
from service.engine.clock import DatabaseClock
from service.engine.engine import Engine, Ports
from service.engine.lease import Lease
from service.engine.ports.failures import BusUnavailable, StoreUnavailable
from tests.simulation.bus import Bus, SimulatedPublisher
from tests.simulation.faults import Dice, Line
from tests.simulation.inbox import InboxTables
from tests.simulation.loop import OWNER
from tests.simulation.siblings import Office, SimulatedSiblings, Unreachable
from tests.simulation.store import SimulatedStore
from tests.simulation.tables import Tables
from tests.simulation.untriggered import Untriggered

LEASE = Lease(6.0)
PATIENCE = Patience(10)

T = TypeVar("T")


class Replica:
    def __init__(
        self,
        name: str,
        dice: Dice,
        tables: Tables,
        inbox: InboxTables,
        office: Office,
        bus: Bus,
        ids: Ids,
        patience: Patience,
    ) -> None:
        self.name = name
        self.loop = dice.loop
        store = SimulatedStore(tables, inbox, Line(dice, "store", dice.faults.store, StoreUnavailable))
        siblings = SimulatedSiblings(office, Line(dice, "siblings", dice.faults.siblings, Unreachable), dice.loop.time)
        publisher = SimulatedPublisher(bus, Line(dice, "publisher", dice.faults.publisher, BusUnavailable))
        ports = Ports(store, store, store, store, store, siblings, publisher, Untriggered())
        began = dice.between(0, 1e6)
        with patch.object(engine_module, "DatabaseClock", lambda: DatabaseClock(lambda: began + self.loop.time())):
            self.engine = Engine(ports, name, ids, LEASE, patience)
        self._context = Context()
        self._context.run(OWNER.set, name)

    def do(self, deed: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begins something in this process; what it raises ends the play."""
        return self.loop.begin(deed, self._context)

    async def open(self) -> None:
        """Returns when something can be decided here."""
        while True:
            try:
                return await self.engine.open()
            except StoreUnavailable:
                await asyncio.sleep(0.5)

    async def live(self) -> None:
        """The whole process, for ever."""
        await self.open()
        await self.engine.run()

    async def submit(self, run_id: str, envelope: Envelope) -> Verdict | StoreUnavailable:
        try:
            return (await self.engine.advance.submit(run_id, envelope)).verdict
        except (Refusal, StoreUnavailable) as error:
            return error

    async def accept(self, events: Sequence[BusEvent]) -> bool:
        """Whether the bus has heard that they were taken."""
        try:
            poison = await self.engine.router.accept(events)
        except StoreUnavailable:
            return False
        assert not poison, "what siblings say is no poison"
        return True
