"""The demo: the outbound sales pipeline from publishing to COMPLETED, for somebody who has never seen it.

Everything in it is real: PostgreSQL, NATS, the service and its gRPC API, the siblings' servers. Only what the siblings
decide is scripted. `leads` says who the pipeline is run for and what the siblings do, `story` tells it phase by phase,
`board` shows a run while it moves, `bus` hears what is published, `picture` draws the path, `verdict` judges.
"""

from service.dev.demo.story import tell
from service.dev.demo.verdict import DemoError

__all__ = ["DemoError", "tell"]
