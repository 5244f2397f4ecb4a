"""Looks at everything that the service needs, as it is configured, without starting it.

Knows everyone, as wiring does. What needs no setting that cannot be read is still looked at. Called by the command line
that looks at the running server itself.
"""

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence

from service.bus import checks as bus
from service.config import Config, readable
from service.domain.checkup import Check, failed, ok
from service.siblings import checks as siblings
from service.store import checks as store

AREAS = ("configuration", "database", "bus", "siblings")


async def examine(areas: Collection[str], environ: Mapping[str, str] | None = None) -> list[Check]:
    """Everything of these areas, in their order. Never raises for what it looks at."""
    config, wrong = readable(os.environ if environ is None else environ)
    looks = {
        "configuration": lambda: _configuration(wrong),
        "database": lambda: _database(config),
        "bus": lambda: _bus(config),
        "siblings": lambda: siblings.check(config.siblings),
    }
    found = await asyncio.gather(*(looks[area]() for area in AREAS if area in areas))
    return [check for checks in found for check in checks]


async def _configuration(wrong: Sequence[str]) -> list[Check]:
    if not wrong:
        return [ok("configuration", "settings", "every setting can be read")]
    return [failed("configuration", "settings", each, "`workflows config` lists the settings") for each in wrong]


async def _database(config: Config) -> list[Check]:
    return await store.check(config.database_url) if config.database_url else []


async def _bus(config: Config) -> list[Check]:
    return await bus.check(config.nats_url, config.stream, config.streams) if config.nats_url else []
