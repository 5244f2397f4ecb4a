"""The bytecode of the service, for the many processes of it that tests and benchmarks start, and that of the tests.

An installed service has it. Where Python is told to keep none, each process would compile everything anew, a quarter of
the time until it is ready; so it is made beforehand. What is up to date is left as it is.

Processes that share all the tests would each compile every one of them, which takes longer than to import them; so each
begins with a part of its own and then finds what the others have made.
"""

import compileall
import os
import sys
from importlib import import_module
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def make() -> None:
    for name in ("service", "generated"):
        compileall.compile_dir(_ROOT / name, quiet=2)


def make_part_of_tests() -> None:
    """In a process of many: imports its part of the tests, as pytest does, which writes down what it has compiled."""
    number, many = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")), os.environ["PYTEST_XDIST_WORKER_COUNT"]
    sys.dont_write_bytecode = False
    for file in sorted(_ROOT.glob("tests/**/test_*.py"))[number :: int(many)]:
        import_module(".".join(file.relative_to(_ROOT).with_suffix("").parts))
