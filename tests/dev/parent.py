"""A process that starts both servers, prints their process ids and waits to be killed."""

import signal

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres

if __name__ == "__main__":
    with EmbeddedPostgres(durable=False) as postgres, EmbeddedNats() as nats:
        print(postgres.pid, nats.pid, flush=True)
        signal.pause()
