"""Shakes the tests' loop when a seed is given."""

import asyncio

import pytest_asyncio

from tests.shaken import SEED, shake


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=SEED is not None)
async def shaken_loop() -> None:
    shake(asyncio.get_running_loop())
