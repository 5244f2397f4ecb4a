"""Asking the service for its pages, as a platform does."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from tests.world import PATIENCE_SECONDS

Label: TypeAlias = tuple[str, str]
Series: TypeAlias = tuple[str, *tuple[Label, ...]]
"""A name and some labels."""


async def get(address: str, path: str) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ")[1]), body.decode()


async def readyz(address: str) -> tuple[int, dict[str, Any]]:
    status, body = await get(address, "/readyz")
    return status, json.loads(body)


class Scrape:
    """One scrape, read as Prometheus reads it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, name: str, **labels: str) -> float:
        """The sum of the series of that name that have these labels, whatever others they have."""
        return sum(
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


async def scrape(address: str) -> Scrape:
    status, text = await get(address, "/metrics")
    assert status == 200
    return Scrape(text)


async def until_scraped(address: str, wanted: Callable[[Scrape], bool]) -> Scrape:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not wanted(found := await scrape(address)):  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.05)
    return found


async def until_shown(address: str, expected: Mapping[Series, float]) -> Scrape:
    """Once all these numbers are there: what happened may be counted a moment after others have seen it."""
    shown: dict[Series, float] = {}

    def as_expected(seen: Scrape) -> bool:
        shown.update({(name, *labels): seen.value(name, **dict(labels)) for name, *labels in expected})
        return shown == expected

    try:
        return await until_scraped(address, as_expected)
    except TimeoutError:
        assert shown == expected
        raise


async def until_ready(address: str, ready: bool) -> dict[str, Any]:
    """What /readyz says once it says so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := await readyz(address))[0] != (200 if ready else 503):  # noqa: ASYNC110 - nothing to wait on
            await asyncio.sleep(0.05)
    return found[1]
