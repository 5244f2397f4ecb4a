"""The embedded NATS server: what its store survives, and what a wipe loses."""

from collections.abc import Callable
from pathlib import Path

import nats
import pytest
from nats.js.errors import NotFoundError

from service.dev.nats import EmbeddedNats
from service.dev.process import LauncherError


async def publish(server: EmbeddedNats) -> None:
    async with await nats.connect(server.url) as client:
        await client.jetstream().add_stream(name="kept", subjects=["kept.>"])
        await client.jetstream().publish("kept.word", b"word")


async def kept(server: EmbeddedNats) -> int:
    async with await nats.connect(server.url) as client:
        return (await client.jetstream().stream_info("kept")).state.messages


@pytest.mark.parametrize("end", [EmbeddedNats.stop, EmbeddedNats.kill])
async def test_messages_and_address_survive_a_restart(
    own_nats: EmbeddedNats, end: Callable[[EmbeddedNats], None]
) -> None:
    before = own_nats.url
    await publish(own_nats)
    end(own_nats)
    own_nats.start()
    assert own_nats.url == before
    assert await kept(own_nats) == 1


async def test_a_wipe_loses_everything(own_nats: EmbeddedNats) -> None:
    await publish(own_nats)
    own_nats.wipe()
    with pytest.raises(NotFoundError):
        await kept(own_nats)


async def test_a_named_folder_keeps_the_messages(tmp_path: Path) -> None:
    with EmbeddedNats(tmp_path / "named") as first:
        await publish(first)
    with EmbeddedNats(tmp_path / "named") as second:
        assert await kept(second) == 1


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LauncherError, match="cannot use"), EmbeddedNats(tmp_path / "file" / "store"):
        pytest.fail("it started")


def test_a_taken_port_is_said(own_nats: EmbeddedNats) -> None:
    second = EmbeddedNats()
    second.port = own_nats.port
    with pytest.raises(LauncherError, match="address already in use"), second:
        pytest.fail("it started")
