"""The demo, phase by phase: what happens, why, and what it looks like from outside.

Talks to the service as any client would, over gRPC and NATS alone; only the siblings are told between two runs what
they will find out. `tell` is called by the command line.
"""

import time

import grpc
import nats.errors
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from workflows.v1 import workflows_pb2 as pb
from workflows.v1 import workflows_pb2_grpc as rpc

from service.dev.demo import leads
from service.dev.demo.bus import Bus, Heard
from service.dev.demo.follow import Follower
from service.dev.demo.leads import Lead
from service.dev.demo.picture import mermaid
from service.dev.demo.verdict import DemoError, judge, judge_order
from service.dev.stack import Stack, stack

CALL_SECONDS = 10.0


async def tell(console: Console) -> None:
    """The whole demo, about fifteen seconds. Raises DemoError, LauncherError and StartError, each with one line."""
    high = leads.high_value_lead()
    _heading(console, "Starting", "PostgreSQL, NATS, the service and the siblings it calls: real servers, all of them.")
    began = time.monotonic()
    async with stack(leads.script(high)) as up, Bus(up.nats_url) as bus:
        console.print(f"  ready after {time.monotonic() - began:.1f} s, gRPC at {up.grpc}")
        async with grpc.aio.insecure_channel(up.grpc) as channel:
            try:
                await Story(console, rpc.WorkflowServiceStub(channel), bus, up).tell(high)
            except grpc.aio.AioRpcError as error:
                raise DemoError(f"the service answered {error.code().name}: {error.details()}") from error
            except nats.errors.Error as error:
                raise DemoError(f"NATS: {error}") from error


class Story:
    def __init__(self, console: Console, service: rpc.WorkflowServiceStub, bus: Bus, up: Stack) -> None:
        self._console = console
        self._service = service
        self._bus = bus
        self._follower = Follower(console, service, bus, up.siblings)

    async def tell(self, high: Lead) -> None:
        version = await self._publish()
        await self._high_value(version, high)
        await self._standard(version, leads.standard_lead(like=high))
        _heading(self._console, "Done", "Both runs are COMPLETED: the first one approved, the second without approval.")

    async def _publish(self) -> pb.WorkflowVersion:
        fixture = leads.pipeline()
        _heading(
            self._console,
            "Publishing the pipeline",
            "A workflow is a graph of steps. Each version is checked as a whole, and from then on never changes.",
        )
        created = await self._service.CreateDefinition(_definition(fixture.definition), timeout=CALL_SECONDS)
        request = _publication(created.definition.id, fixture.version)
        version = (await self._service.PublishVersion(request, timeout=CALL_SECONDS)).version
        counts = f"{len(version.steps)} steps, {len(version.edges)} edges"
        self._console.print(f"  {created.definition.name}, version {version.version}: {counts}")
        await self._bus.until_told(version.definition_id, "version.publish")
        judge_order(self._bus.heard(version.definition_id))
        return version

    async def _high_value(self, version: pb.WorkflowVersion, lead: Lead) -> None:
        _heading(
            self._console,
            f"A lead worth ${lead.deal_usd:,}",
            "Agents research and qualify the lead, policy is asked, and the deal's value chooses the way: from $50,000 "
            "on, a manager approves before anything is sent. Then the run waits for the contact to reply.",
        )
        run = await self._follow(version, lead)
        _heading(
            self._console,
            "What was heard on the bus",
            "Every change is published as one CloudEvent, in the order of the run, numbered without a gap.",
        )
        self._console.print(_events(self._bus.heard(run.id)))
        _heading(self._console, "The path it took", "As Mermaid text: thick edges were taken, dotted edges were not.")
        self._console.print(mermaid(run, version.edges), markup=False, soft_wrap=True)
        judge(run, approved=True)

    async def _standard(self, version: pb.WorkflowVersion, lead: Lead) -> None:
        _heading(
            self._console,
            f"A lead worth ${lead.deal_usd:,}",
            "The same version takes its other way: under $50,000 nobody has to approve.",
        )
        run = await self._follow(version, lead)
        judge(run, approved=False)

    async def _follow(self, version: pb.WorkflowVersion, lead: Lead) -> pb.WorkflowRun:
        run = await self._follower.follow(version, lead)
        judge_order(self._bus.heard(run.id))
        return run


def _heading(console: Console, title: str, why: str) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    console.print(Padding(why, (0, 0, 0, 2), expand=False), style="dim")


def _definition(fixture: pb.WorkflowDefinition) -> pb.CreateDefinitionRequest:
    return pb.CreateDefinitionRequest(
        workspace_id=fixture.workspace_id, name=fixture.name, description=fixture.description, tags=fixture.tags
    )


def _publication(definition_id: str, fixture: pb.WorkflowVersion) -> pb.PublishVersionRequest:
    return pb.PublishVersionRequest(
        definition_id=definition_id,
        steps=fixture.steps,
        edges=fixture.edges,
        trigger=fixture.trigger,
        default_retry_policy=fixture.default_retry_policy,
        timeout_seconds=fixture.timeout_seconds,
        author=fixture.author,
    )


def _events(heard: list[Heard]) -> Table:
    table = Table("#", "type", "step", "time", box=None, padding=(0, 2))
    for event in heard:
        table.add_row(str(event.sequence), event.type, event.step, event.time)
    return table
