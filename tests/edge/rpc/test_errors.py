"""What callers see when something goes wrong, and what they must never see."""

import logging
import re
from collections.abc import Iterator

import grpc
import pytest
from workflows.v1 import workflows_pb2 as pb

from service.domain.errors import Kind, Refusal, Violation
from service.edge.rpc.errors import STATUS
from service.engine.ports.failures import BusUnavailable, StoreUnavailable
from tests.edge.edge import Edge, refused

GET = pb.GetRunRequest(id="wfr_1")


class SecretError(Exception):
    pass


@pytest.fixture
def quiet() -> Iterator[None]:
    """The error is expected here; keep its traceback out of the test's output."""
    logger = logging.getLogger("service.edge.rpc.errors")
    logger.disabled = True
    yield
    logger.disabled = False


async def test_an_unexpected_error_leaks_nothing(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    edge.runs.error = SecretError("postgres://user:hunter2@db/x payload={'iban': 'DE89'}")
    error = await refused(edge.stub.GetRun(GET))
    assert (error.code, error.reason) == (grpc.StatusCode.INTERNAL, "internal")
    for secret in ("SecretError", "hunter2", "postgres", "DE89", "Traceback", ".py"):
        assert secret not in error.text
    incident = error.metadata["incident"]
    assert error.message == f"internal error, incident {incident}"
    assert incident in caplog.text
    assert "SecretError" in caplog.text


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("rpc", ["CreateDefinition", "ListDefinitions", "StartRun", "ListRuns", "TransitionStep"])
async def test_every_rpc_is_covered(edge: Edge, rpc: str) -> None:
    edge.runs.error = edge.definitions.error = SecretError()
    requests = {
        "CreateDefinition": pb.CreateDefinitionRequest(workspace_id="acme", name="x"),
        "ListDefinitions": pb.ListDefinitionsRequest(),
        "StartRun": pb.StartRunRequest(definition_id="wf_1"),
        "ListRuns": pb.ListRunsRequest(),
        "TransitionStep": pb.TransitionStepRequest(run_id="r", step_id="one", state=pb.STEP_RUN_STATE_COMPLETED),
    }
    error = await refused(getattr(edge.stub, rpc)(requests[rpc]))
    assert error.reason == "internal"


@pytest.mark.parametrize("kind", Kind)
async def test_the_table_of_kinds(edge: Edge, kind: Kind) -> None:
    edge.runs.error = Refusal(kind, "some_reason", "some sentence")
    error = await refused(edge.stub.GetRun(GET))
    assert (error.code, error.reason, error.message) == (STATUS[kind], "some_reason", "some sentence")
    assert (error.retry_ms > 0) == (kind in {Kind.ABORTED, Kind.EXHAUSTED, Kind.UNAVAILABLE})


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(StoreUnavailable("dsn"), "database_unavailable"), (BusUnavailable("url"), "bus_unavailable")],
)
async def test_an_outage_may_be_retried(edge: Edge, fault: Exception, reason: str) -> None:
    edge.runs.error = fault
    error = await refused(edge.stub.GetRun(GET))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, reason)
    assert error.retry_ms > 0


async def test_more_violations_than_a_trailer_holds(edge: Edge) -> None:
    """The client gets an answer it can read, with the first ones and the number of all."""
    found = tuple(Violation(f"steps[{i}].condition_expr", "unknown_name", "é" * 100) for i in range(2_000))
    edge.runs.error = Refusal(Kind.INVALID, "unknown_name", "\N{GRINNING FACE}" * 5_000, found)
    call = edge.stub.GetRun(GET)
    error = await refused(call)
    assert sum(len(key) + len(value) for key, value in await call.trailing_metadata()) < 6_000
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.metadata["violations"] == "2000"
    assert "steps[0].condition_expr" in error.fields
    assert 10 < len(error.fields) < 100


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("GetRun", GET),
        ("GetDefinition", pb.GetDefinitionRequest(id="wf_9")),
        ("ListVersions", pb.ListVersionsRequest(definition_id="wf_9")),
    ],
)
async def test_what_is_not_there(edge: Edge, rpc: str, request_: pb.GetRunRequest) -> None:
    edge.runs.found = edge.definitions.found = None
    error = await refused(getattr(edge.stub, rpc)(request_))
    assert error.code is grpc.StatusCode.NOT_FOUND
    assert re.fullmatch("(run|definition)_not_found", error.reason)
