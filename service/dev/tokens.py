"""Tokens that are good at the simulated identity, and channels that show one.

`workflows dev --tokens` prints them; tests show them. They are names, not secrets: nothing but the simulated identity
takes them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import grpc

from service.dev.siblings.script import Script, Token
from service.edge.gate.access import Scope

WORKSPACE = "ws_acme"
EVERYTHING = tuple(scope.value for scope in Scope)

DEV_TOKENS: Mapping[str, Token] = {
    "dev-ann": Token("user:ann", WORKSPACE, EVERYTHING),
    "dev-reader": Token("user:bob", WORKSPACE, (Scope.READ.value,)),
    "dev-agent": Token(
        "agent:sdr", WORKSPACE, (Scope.READ.value, Scope.TRANSITION.value), "agent", agent_type="WORKER"
    ),
    "dev-service": Token("service:console", WORKSPACE, EVERYTHING, "service", service="console"),
    "dev-operator": Token("user:olga", "", EVERYTHING),
}
"""A person who may do everything in one workspace, one who may read, an agent, a service, an operator of all
workspaces."""


def with_dev_tokens(script: Script) -> Script:
    """The same simulation, in which the tokens above are good, too."""
    return replace(script, tokens={**DEV_TOKENS, **script.tokens})


def bearing(address: str, token: str) -> grpc.aio.Channel:
    """A channel whose every call shows the token; an empty one shows none."""
    shown: Sequence[Any] = (_Unary(token), _Stream(token)) if token else ()
    return grpc.aio.insecure_channel(address, interceptors=shown)


class _Bearer:
    def __init__(self, token: str) -> None:
        self._token = token

    def _shown(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        metadata.add("authorization", f"Bearer {self._token}")
        kept = (details.method, details.timeout, metadata, details.credentials, details.wait_for_ready)
        return grpc.aio.ClientCallDetails(*kept)


class _Unary(_Bearer, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._shown(client_call_details), request)


class _Stream(_Bearer, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._shown(client_call_details), request)
