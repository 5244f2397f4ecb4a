"""A plain subscription that hears everything from the moment it is there.

The client's own `flush` writes its ping ahead of words that still wait to be written, such as the subscription: what
others publish right after it may be missed. An answered request came after the subscription, so it is there by then.
"""

from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg


async def hear(client: Client, subject: str, hearing: Callable[[Msg], Awaitable[None]]) -> None:
    """Needs a server with JetStream. Raises nats' errors."""
    await client.subscribe(subject, cb=hearing)
    await client.jetstream().account_info()
