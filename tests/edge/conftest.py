from collections.abc import AsyncIterator

import pytest

from tests.edge.edge import Edge, serving


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with serving() as made:
        yield made
