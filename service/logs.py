"""Logs on stderr: one JSON object per line in production, plain lines for people.

Called once per process by the command line, before anything else runs.
"""

import json
import logging
from datetime import UTC, datetime

_PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """Time in UTC, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_json(level: str) -> None:
    """Raises ValueError for a level that does not exist."""
    _log(JsonFormatter(), level)


def log_plain(level: str) -> None:
    _log(logging.Formatter(_PLAIN, "%H:%M:%S"), level)


def _log(formatter: logging.Formatter, level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # The pool tells of every failed attempt in several lines; our own loops and health say it once.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
