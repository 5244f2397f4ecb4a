"""How long runs of a definition may take: set, told, repeated under a key."""

import pytest

from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Idem
from service.store.definitions import Definitions

KEY = Idem("user:ann", "k1", b"body")


async def created(definitions: Definitions) -> str:
    return (await definitions.create("ws_1", "Outbound", "", (), "user:ann", None)).value.id


async def bound_of(definitions: Definitions, definition_id: str) -> int:
    found = await definitions.get(definition_id, "ws_1")
    assert found is not None
    return found.max_run_seconds


async def test_a_bound_is_set_and_taken_off(definitions: Definitions) -> None:
    definition_id = await created(definitions)
    assert await bound_of(definitions, definition_id) == 0
    for seconds in (90, 0):
        assert (await definitions.bound(definition_id, seconds, "ws_1", None)).value == seconds
        assert await bound_of(definitions, definition_id) == seconds


async def test_repeated_under_its_key_it_answers_as_before_and_sets_nothing(definitions: Definitions) -> None:
    definition_id = await created(definitions)
    await definitions.bound(definition_id, 90, "ws_1", KEY)
    await definitions.bound(definition_id, 60, "ws_1", None)
    again = await definitions.bound(definition_id, 90, "ws_1", KEY)
    assert (again.value, again.replay) == (90, True)
    assert await bound_of(definitions, definition_id) == 60


async def test_a_key_of_another_request(definitions: Definitions) -> None:
    definition_id = await created(definitions)
    await definitions.bound(definition_id, 90, "ws_1", KEY)
    with pytest.raises(Refusal) as refused:
        await definitions.bound(definition_id, 60, "ws_1", Idem(KEY.scope, KEY.key, b"other"))
    assert (refused.value.kind, refused.value.reason) == (Kind.EXISTS, "idempotency_conflict")
    assert await bound_of(definitions, definition_id) == 90


@pytest.mark.parametrize("visible", ["ws_2", "ws_1"])
async def test_a_definition_that_is_foreign_or_not_there(definitions: Definitions, visible: str) -> None:
    definition_id = await created(definitions)
    asked = definition_id if visible == "ws_2" else "wf_none"
    with pytest.raises(Refusal) as refused:
        await definitions.bound(asked, 90, visible, None)
    assert (refused.value.kind, refused.value.reason) == (Kind.NOT_FOUND, "definition_not_found")
    assert await bound_of(definitions, definition_id) == 0
