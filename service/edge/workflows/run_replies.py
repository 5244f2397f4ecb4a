"""Runs as responses that fit into one message.

A run above the limit loses step payloads, largest first, then its own; a list gives fewer rows. What is missing is
named, as `wire.answers` says. Called by the servicers of workflows and of runs.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from service.domain.paging import Page
from service.domain.start_requests import Triggered
from service.domain.state import Run, StepRun
from service.edge.wire import framing, payloads
from service.edge.wire.answers import MAX_ANSWER_BYTES, Answer, Rows
from service.edge.workflows.run_messages import Renderer

RunOrStep = TypeVar("RunOrStep", Run, StepRun)


class _Payload(NamedTuple):
    size: int
    step_id: str  # "" for the run's own
    field: str

    @property
    def path(self) -> str:
        return f"steps.{self.step_id}.{self.field}" if self.step_id else self.field


class RunReplies:
    """`max_bytes` bounds each response."""

    def __init__(self, renderer: Renderer, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._renderer = renderer
        self._max_bytes = max_bytes

    def run(self, run: Run) -> Answer:
        """Get, start and control: `run` is field 1."""
        data, left_out = self._fitted(run, self._max_bytes)
        return Answer(framing.field(1, data), left_out)

    def step(self, run: Run, step_id: str) -> Answer:
        """TransitionStep: `step` is field 1, `run` field 2."""
        step = self._renderer.step(run.steps[step_id])
        data, left_out = self._fitted(run, self._max_bytes - len(step))
        return Answer(framing.field(1, step) + framing.field(2, data), left_out)

    def triggered(self, found: Triggered) -> Answer:
        """HandleTrigger: `started_runs` is field 1, `updated_runs` field 2. Runs for which there is no room are left
        out, the last ones first."""
        data, room = b"", self._max_bytes
        left_out: list[str] = []
        for number, name, runs in ((1, "started_runs", found.started), (2, "updated_runs", found.updated)):
            for place, run in enumerate(runs):
                row, dropped = self._fitted(run, room - framing.FRAME)
                if len(row) > room - framing.FRAME:
                    return Answer(data, (*left_out, f"{name}[{place}:{len(runs)}]"))
                left_out += [f"{name}[{place}].{path}" for path in dropped]
                data, room = data + framing.field(number, row), room - framing.FRAME - len(row)
        return Answer(data, tuple(left_out))

    async def runs(self, page: Page[Run]) -> Answer:
        """Runs without their steps' payloads; other calls are let in between two runs."""
        rows = Rows(self._max_bytes)
        for run in page.rows:
            if not rows.add(self._renderer.run_without_step_payloads(run)):
                break
            await asyncio.sleep(0)
        return rows.answer(len(page.rows), page.total)

    def _fitted(self, run: Run, max_bytes: int) -> tuple[bytes, tuple[str, ...]]:
        """The run's bytes, and the paths of what they are without."""
        data = self._renderer.run(run)
        excess = len(data) - max_bytes
        if excess <= 0:
            return data, ()
        dropped = tuple(_enough(_payloads(run), excess))
        return self._renderer.run(_without(run, dropped)), tuple(each.path for each in dropped)


def _payloads(run: Run) -> list[_Payload]:
    """In the order in which they go: of the steps, largest first, then the run's own."""
    of_steps = [payload for step in run.steps.values() for payload in _sized(step, step.step_id)]
    return sorted(of_steps, reverse=True) + sorted(_sized(run, ""), reverse=True)


def _sized(value: Run | StepRun, step_id: str) -> Iterator[_Payload]:
    for field, payload in (("input_payload", value.input_payload), ("output_payload", value.output_payload)):
        if payload:
            yield _Payload(len(payloads.write(payload)), step_id, field)


def _enough(candidates: Iterable[_Payload], excess: int) -> Iterator[_Payload]:
    for candidate in candidates:
        if excess <= 0:
            return
        excess -= candidate.size
        yield candidate


def _without(run: Run, dropped: Iterable[_Payload]) -> Run:
    steps = dict(run.steps)
    for each in dropped:
        if each.step_id:
            steps[each.step_id] = _emptied(steps[each.step_id], each.field)
        else:
            run = _emptied(run, each.field)
    return replace(run, steps=steps)


def _emptied(value: RunOrStep, field: str) -> RunOrStep:
    changes: dict[str, Any] = {field: {}}
    return replace(value, **changes)
