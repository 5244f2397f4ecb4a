"""The last state that this process has of runs that are under way, so that most commands are decided without a load.

Others may have moved such a run since: whatever is decided on it is stored behind the fence, and what is not stored is
decided again on a fresh load. Runs that have ended are not kept, because little comes for them any more. Owned by
`advance`.
"""

from collections import OrderedDict

from service.domain.state import Run


class Recent:
    def __init__(self, capacity: int) -> None:
        """Keeps so many at most; the one that was moved the longest ago goes first."""
        self._capacity = capacity
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def keep(self, run: Run) -> None:
        if run.state.terminal:
            return self.forget(run.id)
        self._runs[run.id] = run
        self._runs.move_to_end(run.id)
        if len(self._runs) > self._capacity:
            self._runs.popitem(last=False)
        return None

    def forget(self, run_id: str) -> None:
        self._runs.pop(run_id, None)
