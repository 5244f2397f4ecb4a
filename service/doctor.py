"""Looks at everything that the service needs, as it is configured, without starting it.

Knows everyone, as wiring does. What needs no setting that cannot be read is still looked at. Called by the command
line, which looks at the running server itself.
"""

import asyncio
import logging
import os
from collections.abc import Collection, Sequence

from service.bus import checks as bus
from service.config import Config, readable
from service.domain.calls import SIBLINGS
from service.domain.checkup import Check, failed, ok, warning
from service.protection import ProtectionError, exposed, protection
from service.siblings import checks as siblings
from service.store import checks as store

AREAS = ("configuration", "database", "bus", "siblings")
SETTINGS = {
    "database": ("DATABASE_",),
    "bus": ("NATS_",),
    "siblings": ("SIBLINGS_", *(f"{name.upper()}_ADDRESS" for name in SIBLINGS)),
}  # how the names of an area's settings begin


async def examine(areas: Collection[str]) -> list[Check]:
    """Everything of these areas, in their order. Never raises for what it looks at."""
    config, wrong = readable(os.environ)
    looks = {
        "configuration": lambda: _configuration(config, wrong),
        "database": lambda: _database(config),
        "bus": lambda: _bus(config),
        "siblings": lambda: _siblings(config),
    }
    looked = [area for area in AREAS if area in areas]
    found = await asyncio.gather(*(looks[area]() for area in looked))
    if "configuration" not in looked:
        found = [[*_unread(area, wrong), *checks] for area, checks in zip(looked, found, strict=True)]
    return [check for checks in found for check in checks]


def _unread(area: str, wrong: Sequence[str]) -> list[Check]:
    """What the configuration would tell of this area, for those who do not look at that."""
    return [_setting(area, each) for each in wrong if each.startswith(SETTINGS[area])]


def _setting(area: str, said: str) -> Check:
    return failed(area, "settings", said, "`workflows config` lists the settings")


async def _configuration(config: Config, wrong: Sequence[str]) -> list[Check]:
    if wrong:
        return [_setting("configuration", each) for each in wrong]
    return [ok("configuration", "settings", "every setting can be read"), *_protected(config)]


def _protected(config: Config) -> list[Check]:
    """What is unprotected matters where others can reach it."""
    try:
        lines = list(protection(config).lines())
    except ProtectionError as error:
        return [failed("configuration", "protection", str(error), "docs/security.md tells how to protect the service")]
    open_ends = [line for level, line in lines if level >= logging.WARNING]
    if open_ends and exposed(config.grpc_address):
        advice = "set IDENTITY_ADDRESS and TLS_CERT, or keep it to a private network"
        return [warning("configuration", "protection", line, advice) for line in open_ends]
    reach = "reached from outside" if exposed(config.grpc_address) else "only reached from this machine"
    return [ok("configuration", "protection", reach)]


async def _siblings(config: Config) -> list[Check]:
    try:
        return await siblings.check(config.siblings, protection(config).outgoing)
    except ProtectionError:  # told of the configuration
        return await siblings.check(config.siblings)


async def _database(config: Config) -> list[Check]:
    return await store.check(config.database_url, config.database_reader_url) if config.database_url else []


async def _bus(config: Config) -> list[Check]:
    return await bus.check(config.nats_url, config.stream, config.streams) if config.nats_url else []
