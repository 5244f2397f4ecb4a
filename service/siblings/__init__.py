"""Calls to the sibling services; the only outgoing gRPC.

`SiblingClients` satisfies the `Siblings` port of the engine: `encode` turns a domain call into the bytes that
are stored with its effect, `perform` sends exactly those bytes and turns the reply, or its absence, into an
`Answer` or a `Fault`. One small module per sibling knows its messages; `table` lists them; `preparing` is the one
errand of several look-ups, `search` finds what a call of unknown outcome has made; `connections` shares one
deadline among an errand's calls, `sibling` owns a connection, `credentials` what it shows, `breaker` its breaker,
`faults` the meaning of status codes. Addresses come from configuration alone, never from a payload.
"""

from service.siblings.clients import SiblingClients
from service.siblings.credentials import Credentials, CredentialsError
from service.siblings.entities import Entities
from service.siblings.identity import Identity

__all__ = ["Credentials", "CredentialsError", "Entities", "Identity", "SiblingClients"]
