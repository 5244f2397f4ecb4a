"""SetEnabled on the wire, and that no run of a disabled definition starts."""

from typing import Any

import pytest
from workflows.ops.v1 import definitions_pb2

from service.domain.definition import Definition, TriggerType
from service.domain.errors import Kind, Refusal
from service.domain.ids import Ids
from service.domain.start_keys import StartKey
from service.domain.start_requests import StartRequest
from service.edge.workflows.run_calls import EngineRuns
from service.engine.mailbox import Reply
from service.engine.subjects import Subjects
from tests.edge import fakes
from tests.edge.edge import Edge, refused

ENABLE = definitions_pb2.SetEnabledRequest(definition_id="wf_1", enabled=False)


async def test_setting_whether_runs_start(edge: Edge) -> None:
    assert (await edge.definition_stub.SetEnabled(ENABLE)).enabled is False
    assert edge.definitions.committed == [("wf_1", False, None, None)]
    error = await refused(edge.definition_stub.SetEnabled(definitions_pb2.SetEnabledRequest()))
    assert error.fields == {"definition_id": ["required"]}


class NothingBegun:
    """The engine of a service in which no key was ever used."""

    async def begun_before(self, key: StartKey, refusal: Refusal) -> Reply:
        raise refusal


async def test_no_run_of_a_disabled_definition_starts() -> None:
    off: Definition = fakes.definition(enabled=False)
    nobody: Any = None
    nothing_begun: Any = NothingBegun()
    runs = EngineRuns(
        nothing_begun,
        nobody,
        fakes.FakeDefinitions(found=off),
        Subjects(nobody, required=False),
        nobody,
        Ids(lambda: "7"),
    )
    with pytest.raises(Refusal) as caught:
        await runs.start(
            StartRequest("wf_1", 0, "", TriggerType.MANUAL, "", "", "", "", "", "", {}), None, "user:ann", None
        )
    assert (caught.value.kind, caught.value.reason) == (Kind.CONFLICT, "definition_disabled")
