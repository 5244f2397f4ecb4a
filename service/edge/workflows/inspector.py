"""Looks a draft over before it is published, beside the event loop.

Compiling one expression takes up to some 15 ms and a draft may hold thousands, so the checks run in one thread of their
own, one draft at a time; a caller who gives up while waiting takes its draft out of the queue. Called by the servicers
for PublishVersion, ValidateVersion and DiffVersions, which therefore never differ in what they find.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.domain.errors import Violation
from service.domain.validate import find_problems, find_warnings
from service.edge.workflows.version_requests import Draft


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything about a draft: problems refuse it, warnings do not."""

    problems: tuple[Violation, ...]
    warnings: tuple[Violation, ...]


class Inspector:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inspector")

    async def inspect(self, draft: Draft) -> Findings:
        return await asyncio.get_running_loop().run_in_executor(self._thread, _inspect, draft)

    def close(self) -> None:
        """Gives up what is waiting; a draft under way is looked over to its end, for nobody."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _inspect(draft: Draft) -> Findings:
    problems = draft.merged(find_problems(draft.version))
    return Findings(problems, () if problems else draft.told(find_warnings(draft.version)))
