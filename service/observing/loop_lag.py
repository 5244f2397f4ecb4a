"""How late the event loop comes to what is due: what a busy or blocked process feels like to everything in it."""

import asyncio

from service.instruments import Durations

EVERY_SECONDS = 0.25


class LoopLag:
    def __init__(self) -> None:
        self.late = Durations()

    async def watch(self) -> None:
        """Measures until it is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self.late.note(max(0.0, clock() - due))
