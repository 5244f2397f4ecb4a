"""The one place that knows everyone: connects, builds the service from its configuration, runs it, takes it down."""

from service.wiring.running import Running, running
from service.wiring.start_error import StartError

__all__ = ["Running", "StartError", "running"]
