"""Every `tests/fix_*.py` is a plugin of fixtures. Drawn examples have no deadline: machines are shared."""

from pathlib import Path

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

pytest_plugins = [f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("fix_*.py"))]
