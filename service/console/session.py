"""One command's conversation with the server: calls by name, with a deadline, a token, and patience.

`call` finds the RPC in the contract by its name (they are unique), fills the request from plain values (None is left
out) and repeats the call while the server is UNAVAILABLE or too busy; a change carries an idempotency key, so a
repetition that arrives after all changes nothing twice. Every failure comes as `Failed`, decoded.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from service.console.exits import NOT_FOUND, USAGE, Failed
from service.console.settings import Settings

TRIES = 4
FIRST_PAUSE_SECONDS = 0.2
_PAGE = 500
_MOST_NAMES = 20


class Session:
    def __init__(self, settings: Settings, tries: int = TRIES) -> None:
        self.settings = settings
        self._tries = tries
        self._channel: Any = None
        self.trailers: dict[str, str] = {}
        """The trailing metadata of the last call."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._channel is not None:
            self._channel.close()

    @property
    def workspace(self) -> str | None:
        return self.settings.workspace or None

    @property
    def channel(self) -> Any:
        if self._channel is None:
            from service.console.channel import channel

            self._channel = channel(self.settings)
        return self._channel

    # --- calls --------------------------------------------------------------------------------------------------------

    def ask(self, rpc: str, *, anonymous: bool = False, **fields: Any) -> Any:
        """An RPC that changes nothing; `anonymous` leaves the token out. Raises Failed."""
        return self._persistently(lambda: self._once(rpc, fields, () if anonymous else self._token()))

    def change(self, rpc: str, key: str | None = None, **fields: Any) -> Any:
        """An RPC that changes something, under this key or a fresh one. Raises Failed."""
        metadata = (*self._token(), ("idempotency-key", _sendable(key or str(uuid4()), "the idempotency key")))
        return self._persistently(lambda: self._once(rpc, fields, metadata))

    def stream(self, rpc: str, timeout_seconds: float | None, **fields: Any) -> Iterator[Any]:
        """The messages of a stream. Raises Failed."""
        import grpc

        from service.console import contract, failures

        method = contract.method(rpc)
        send = self.channel.unary_stream(method.path, method.request.SerializeToString, method.response.FromString)
        call = send(contract.request(method, fields), timeout=timeout_seconds, metadata=self._token())
        try:
            yield from call
        except grpc.RpcError as error:
            raise failures.decoded(error, self.settings, rpc) from None
        finally:
            call.cancel()

    def _once(self, rpc: str, fields: dict[str, Any], metadata: tuple[tuple[str, str], ...]) -> Any:
        import grpc

        from service.console import contract, failures

        method = contract.method(rpc)
        call = self.channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
        request = contract.request(method, fields)
        try:
            answer, told = call.with_call(request, timeout=self.settings.timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise failures.decoded(error, self.settings, rpc) from None
        self.trailers = {key: value for key, value in told.trailing_metadata() or () if isinstance(value, str)}
        return answer

    def _persistently(self, call: Callable[[], Any]) -> Any:
        for tried in range(1, self._tries):
            try:
                return call()
            except Failed as failed:
                if not failed.about.get("try_again"):
                    raise
                pause = FIRST_PAUSE_SECONDS * 2 ** (tried - 1)
                time.sleep(max(pause * random.uniform(0.5, 1.0), failed.about.get("retry_after_seconds", 0.0)))
        return call()

    def _token(self) -> tuple[tuple[str, str], ...]:
        token = self.settings.bearer()
        return (("authorization", f"Bearer {_sendable(token, 'the token')}"),) if token else ()

    def answer(self, found: Any, draw: Callable[[], None]) -> None:
        """As JSON where that was asked for, else as `draw` shows it."""
        if self.settings.json:
            from service.console import json_answers

            json_answers.document(found)
        else:
            draw()

    # --- definitions by name ------------------------------------------------------------------------------------------

    def definition_id(self, name: str | None) -> str | None:
        """The id of what may be a name or an id; None stays None. Raises Failed when there is none."""
        if name is None or name.startswith("wf_"):
            return name
        return str(self.definition(name).id)

    def definition(self, name: str) -> Any:
        """Raises Failed when there is none."""
        if name.startswith("wf_"):
            return self.ask("GetDefinition", id=name).definition
        found = self.find_definition(name, self.workspace)
        if found is None:
            where = f"workspace {self.workspace}" if self.workspace else "any workspace"
            about = {"status": "NOT_FOUND", "reason": "definition_not_found", "try_again": False}  # as of an id
            raise Failed(f"there is no definition {name!r} in {where}", NOT_FOUND, about=about)
        return found

    def names(self, definition_ids: Iterable[str]) -> dict[str, str]:
        """The names of definitions by their ids, for tables; without those that cannot be told."""
        found: dict[str, str] = {}
        for each in sorted(set(definition_ids))[:_MOST_NAMES]:
            with suppress(Failed):
                found[each] = self.ask("GetDefinition", id=each).definition.name
        return found

    def find_definition(self, name: str, workspace: str | None) -> Any:
        """The one of this name, or None. Raises Failed when several workspaces have one."""
        found = [each for each in self.definitions(workspace) if each.name == name]
        if len(found) > 1:
            places = ", ".join(sorted(each.workspace_id for each in found))
            raise Failed(f"several workspaces have a definition {name!r} ({places}): name one with --workspace")
        return found[0] if found else None

    def definitions(self, workspace: str | None, tag: str | None = None) -> Iterator[Any]:
        """All of them, page by page."""
        offset = 0
        while True:
            page = self.ask("ListDefinitions", workspace_id=workspace, tag=tag, limit=_PAGE, offset=offset)
            yield from page.definitions
            offset += len(page.definitions)
            if not page.definitions or offset >= page.total:
                return


def _sendable(value: str, what: str) -> str:
    """gRPC takes nothing else as metadata. The value is not repeated: it may be a secret."""
    if not (value.isascii() and value.isprintable()):
        raise Failed(f"{what} has to be printable ASCII on one line", USAGE)
    return value
