"""In which order files are run, and which of them one after the other, when several processes share the work.

Those that take longest come first, so that short ones are left to fill the end. The promises load a machine on purpose
and run beside other tests, but never beside each other.
"""

from typing import Any

import pytest

PROMISES = "tests/promises/"
SIMULATION, JOURNEYS = "tests/simulation/", "tests/journey/"
LONGEST_FIRST = (PROMISES, SIMULATION, JOURNEYS, "tests/dev/", "tests/docs/", "tests/observing/", "tests/console/")


def place(item: pytest.Item) -> int:
    """Of the test's room in the order."""
    return next((place for place, room in enumerate(LONGEST_FIRST) if item.nodeid.startswith(room)), len(LONGEST_FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    class Order(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return PROMISES if nodeid.startswith(PROMISES) else str(super()._split_scope(nodeid))

    config.option.loadscopereorder = False  # as we have ordered them, not those with most tests first
    return Order(config, log)
