"""Every `tests/fix_*.py` is a plugin of fixtures. Drawn examples have no deadline: machines are shared."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests import bytecode

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

if "PYTEST_XDIST_WORKER" not in os.environ:  # whoever starts the workers has done it for them
    bytecode.make()

pytest_plugins = [f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("fix_*.py"))]


def pytest_sessionstart(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ and session.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        bytecode.make_part_of_tests()


def pytest_collection_finish() -> None:
    """All that was collected stays until the end: the collector of garbage need not look at it again and again."""
    gc.freeze()
