"""Reads a dead letter once more: what was poison may be readable for a later release. Called when one is replayed."""

import logging
from collections.abc import Mapping

from service.bus.incoming import parse
from service.bus.poison import Poison
from service.domain.bus_event import BusEvent

log = logging.getLogger(__name__)


def reread(bus_subject: str, headers: Mapping[str, str], body: bytes) -> BusEvent | str:
    """The event, or the stable word for why it still is none, as the listener would give it."""
    try:
        return parse(bus_subject, headers, body)
    except Poison as poison:
        return poison.reason
    except Exception:  # a fault of ours, which the letter is there to show
        log.exception("a dead letter on %s broke the reader", bus_subject)
        return "unreadable"
