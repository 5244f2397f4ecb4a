"""Made when missing, left alone when somebody else was first."""

import pytest
from nats.js.api import RetentionPolicy, StorageType
from nats.js.errors import NotFoundError

from service.bus.connection import Connection
from service.bus.streams import CHANGES_STREAM, ensure_changes_stream

pytestmark = pytest.mark.usefixtures("no_changes_stream")


async def test_a_missing_stream_is_made_as_promised(bus: Connection) -> None:
    await ensure_changes_stream(bus)
    await ensure_changes_stream(bus)
    config = (await bus.jetstream.stream_info(CHANGES_STREAM)).config
    assert config.subjects == ["workflows.changes.>"]
    assert (config.retention, config.storage) == (RetentionPolicy.LIMITS, StorageType.FILE)
    assert (config.max_age, config.duplicate_window) == (168 * 3600, 120)


async def test_a_stream_of_that_name_is_not_altered(bus: Connection) -> None:
    await bus.jetstream.add_stream(name=CHANGES_STREAM, subjects=["workflows.>"], max_age=60, duplicate_window=60)
    await ensure_changes_stream(bus)
    config = (await bus.jetstream.stream_info(CHANGES_STREAM)).config
    assert (config.subjects, config.max_age) == (["workflows.>"], 60)


async def test_another_stream_of_these_subjects_will_do(bus: Connection) -> None:
    await bus.jetstream.add_stream(name="audit", subjects=["workflows.>"])
    try:
        assert (await ensure_changes_stream(bus)).config.name == "audit"
        with pytest.raises(NotFoundError):
            await bus.jetstream.stream_info(CHANGES_STREAM)
    finally:
        await bus.jetstream.delete_stream("audit")


async def test_the_name_is_configurable(bus: Connection) -> None:
    await ensure_changes_stream(bus, "renamed")
    assert (await bus.jetstream.stream_info("renamed")).config.subjects == ["workflows.changes.>"]
    await bus.jetstream.delete_stream("renamed")
