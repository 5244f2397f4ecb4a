"""Looking at the service from outside: health, readiness and metrics.

It reads what the parts keep anyway and writes nothing. `Observing` owns the loops that look (the probes, the census,
the event loop's lag) and the HTTP server that tells; wiring makes it last and runs `watch` beside the engine.
"""

from service.observing.observing import Observing

__all__ = ["Observing"]
