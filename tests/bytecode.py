"""The bytecode of the service, for the many processes of it that tests and benchmarks start.

An installed service has it. Where Python is told to keep none, each process would compile everything anew, a quarter of
the time until it is ready; so it is made beforehand. What is up to date is left as it is.
"""

import compileall
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def make() -> None:
    for name in ("service", "generated"):
        compileall.compile_dir(_ROOT / name, quiet=2)
