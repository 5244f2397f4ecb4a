"""The whole stack: up with one command, gone without a trace, and the service killed and started within it."""

import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from workflows.v1 import workflows_pb2 as pb
from workflows.v1.workflows_pb2_grpc import WorkflowServiceStub

from service.dev.process import LauncherError
from service.dev.service_process import ServiceProcess
from service.dev.siblings import Script
from service.dev.stack import stack, surroundings
from service.dev.tokens import DEV_TOKENS, bearing, with_dev_tokens
from tests.dev.test_parent import handle

ENDS_WITHIN = 60.0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def create(address: str, name: str, token: str = "") -> str:
    async with bearing(address, token) as channel:
        request = pb.CreateDefinitionRequest(workspace_id="ws_acme", name=name)
        return (await WorkflowServiceStub(channel).CreateDefinition(request)).definition.id


async def name_of(address: str, definition_id: str, token: str = "") -> str:
    async with bearing(address, token) as channel:
        request = pb.GetDefinitionRequest(id=definition_id)
        return (await WorkflowServiceStub(channel).GetDefinition(request)).definition.name


def test_dev_prints_its_addresses_and_ends_with_its_servers() -> None:
    command = [sys.executable, "-m", "service.cli", "dev", "--json", "--tokens"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as dev,
        ExitStack() as handles,
    ):
        assert dev.stdout is not None
        addresses = json.loads(dev.stdout.readline())
        assert list(addresses) == ["grpc", "http", "postgres", "nats", "tokens"]
        with urllib.request.urlopen(f"http://{addresses['http']}/readyz", timeout=30) as ready:
            assert ready.status == 200
        servers = [handles.enter_context(handle(pid)) for pid in children(dev.pid)]
        assert len(servers) == 2
        dev.send_signal(signal.SIGINT)
        assert dev.stdout.read() == ""
        assert dev.wait(ENDS_WITHIN) == 0
        for server in servers:
            assert select.select([server], [], [], 0)[0], "a server outlived the command"


async def test_a_stack_with_tokens_takes_those_it_prints() -> None:
    async with stack(with_dev_tokens(Script()), tokens=True) as up:
        assert up.tokens == DEV_TOKENS
        with pytest.raises(grpc.aio.AioRpcError, match="bearer token"):
            await create(up.grpc, "mine")
        definition_id = await create(up.grpc, "mine", "dev-ann")
        assert await name_of(up.grpc, definition_id, "dev-reader") == "mine"


async def test_a_named_folder_keeps_what_was_stored(reachable: Path) -> None:
    async with stack(Script(), reachable / "data") as first:
        definition_id = await create(first.grpc, "kept")
    async with stack(Script(), reachable / "data") as second:
        assert await name_of(second.grpc, definition_id) == "kept"


async def test_a_service_process_is_killed_and_comes_back_at_its_address() -> None:
    async with surroundings(Script()) as around, ServiceProcess(around.environment()) as service:
        definition_id = await create(service.grpc, "killed")
        before = service.pid
        service.kill()
        with pytest.raises(LauncherError, match="not running"):
            _ = service.pid
        await service.start()
        assert service.pid != before
        assert await name_of(service.grpc, definition_id) == "killed"
        await service.stop()
        assert "Traceback" not in service.log.read_text()


async def test_a_service_process_that_cannot_start_says_why() -> None:
    service = ServiceProcess({**os.environ, "DATABASE_URL": "", "NATS_URL": ""})
    with pytest.raises(LauncherError, match="DATABASE_URL is not set"):
        async with service:
            pytest.fail("it started")
