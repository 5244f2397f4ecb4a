"""Named SQL: every statement of the service lives in `sql/queries/*.sql` under a `-- name:` line.

Parameters are PostgreSQL's own `$1`, so the text can be prepared and explained as it stands. A statement that has
optional parts is joined from named arms; each set of arms is joined once and then kept, because the text is also the
key under which a connection finds its prepared statement. The files are read from the source tree, or from inside the
package when it was installed.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def sql_folder() -> Path:
    """Where migrations/ and queries/ are."""
    package = Path(__file__).parents[1]
    installed = package / "_sql"
    return installed if installed.is_dir() else package.parent / "sql"


@cache
def named() -> Mapping[str, str]:
    """Every named statement and arm."""
    found: dict[str, str] = {}
    for path in sorted((sql_folder() / "queries").glob("*.sql")):
        _, *parts = _NAME.split(path.read_text())
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"{path.name} names {name} a second time")
            found[name] = text.strip()
    return found


@cache
def query(name: str) -> bytes:
    return named()[name].encode()


@cache
def joined(arms: tuple[str, ...], end: str) -> bytes:
    """`with <arms> <end>`: one statement from the named arms."""
    texts = named()
    return ("with " + ",\n".join(texts[arm] for arm in arms) + "\n" + texts[end]).encode()
