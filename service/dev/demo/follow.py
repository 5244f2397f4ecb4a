"""One run, from its start until its last event was heard, shown all the while.

Polls GetRun as a client would, and answers as the contact once the run waits for a reply.
"""

import asyncio
import time
from collections.abc import Callable

from rich.console import Console
from workflows.v1 import workflows_pb2 as pb
from workflows.v1 import workflows_pb2_grpc as rpc

from service.dev.demo import leads
from service.dev.demo.board import Board, board
from service.dev.demo.bus import REPLY, Bus
from service.dev.demo.leads import Lead
from service.dev.demo.picture import state_name
from service.dev.demo.verdict import DemoError
from service.dev.siblings import SimulatedSiblings

POLL_SECONDS = 0.1
READING_SECONDS = 1.2
RUN_SECONDS = 30.0
CALL_SECONDS = 10.0

_ENDED = (pb.WORKFLOW_STATE_COMPLETED, pb.WORKFLOW_STATE_FAILED, pb.WORKFLOW_STATE_CANCELLED)


class Follower:
    def __init__(
        self, console: Console, service: rpc.WorkflowServiceStub, bus: Bus, siblings: SimulatedSiblings
    ) -> None:
        self._console = console
        self._service = service
        self._bus = bus
        self._siblings = siblings

    async def follow(self, version: pb.WorkflowVersion, lead: Lead) -> pb.WorkflowRun:
        """Start a run for the lead and give it as it ended. Raises DemoError when that takes too long."""
        self._siblings.script.work.update(lead.work)
        request = pb.StartRunRequest(definition_id=version.definition_id)
        request.MergeFrom(lead.start)
        started = (await self._service.StartRun(request, timeout=CALL_SECONDS)).run
        try:
            async with asyncio.timeout(RUN_SECONDS):
                with board(self._console) as shown:
                    ended = await self._accompany(started.id, shown)
                await self._bus.until_told(ended.id, f"run.{_short(ended)}")
        except TimeoutError:
            raise DemoError(await self._where_it_stands(started.id)) from None
        self._console.print(f"  {_short(ended).upper()}, ${ended.total_cost_usd:.3f}")
        return ended

    async def _accompany(self, run_id: str, shown: Board) -> pb.WorkflowRun:
        waiting = await self._watch(run_id, shown, lambda run: _ended(run) or _waits_for_reply(run))
        if _ended(waiting):
            return waiting
        replies_at = time.monotonic() + READING_SECONDS
        await self._watch(run_id, shown, lambda run: _ended(run) or time.monotonic() > replies_at)
        sender = leads.contact(waiting)
        self._console.print(f"  {sender} replies: {REPLY} on NATS", markup=False)
        await self._bus.send_reply(waiting.workspace_id, sender)
        return await self._watch(run_id, shown, _ended)

    async def _watch(self, run_id: str, shown: Board, enough: Callable[[pb.WorkflowRun], bool]) -> pb.WorkflowRun:
        while True:
            run = await self._run(run_id)
            shown.show(run)
            if enough(run):
                return run
            await asyncio.sleep(POLL_SECONDS)

    async def _run(self, run_id: str) -> pb.WorkflowRun:
        return (await self._service.GetRun(pb.GetRunRequest(id=run_id), timeout=CALL_SECONDS)).run

    async def _where_it_stands(self, run_id: str) -> str:
        steps = (await self._run(run_id)).steps
        stands = ", ".join(f"{step.step_id} {state_name(step)}" for step in steps)
        last = [event.sequence for event in self._bus.heard(run_id)][-1:]
        return f"run {run_id} did not end within {RUN_SECONDS:.0f} s: {stands}; last event heard: {last}"


def _ended(run: pb.WorkflowRun) -> bool:
    return run.state in _ENDED


def _waits_for_reply(run: pb.WorkflowRun) -> bool:
    waiting = (step.step_type for step in run.steps if step.state == pb.STEP_RUN_STATE_WAITING)
    return pb.STEP_TYPE_WAIT_FOR_EVENT in waiting


def _short(run: pb.WorkflowRun) -> str:
    return pb.WorkflowState.Name(run.state).removeprefix("WORKFLOW_STATE_").lower()
