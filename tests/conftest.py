"""Every `tests/fix_*.py` is a plugin of fixtures. Drawn examples have no deadline: machines are shared."""

import os
from pathlib import Path

from hypothesis import settings

from tests import bytecode

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

if "PYTEST_XDIST_WORKER" not in os.environ:  # whoever starts the workers has done it for them
    bytecode.make()

pytest_plugins = [f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("fix_*.py"))]
