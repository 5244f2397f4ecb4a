"""Whole histories: under all faults the invariants hold, and when the world has healed everything ends.

`history` asserts both; what is asserted here is that the faults were real and that one seed is one history.
"""

import os
import subprocess
import sys
from collections import Counter
from time import perf_counter

import pytest

from tests.simulation.faults import CALM
from tests.simulation.history import Plot, history
from tests.simulation.seeds import each_seed

FAULTS = {
    *(f"store_{kind}" for kind in ("before", "after", "slow")),
    *(f"siblings_{kind}" for kind in ("before", "after", "slow", "hang")),
    *(f"publisher_{kind}" for kind in ("before", "after", "slow")),
    "event_lost",
    "event_doubled",
    "event_late",
    "crash",
    "pause",
}
ENGINE = {"advance.fence_missed", "dispatcher.claimed", "dispatcher.fault_transport", "dispatcher.lease_too_low"}
RUN = ("started", "pause", "resume", "cancel", "compensate", "compensated", "completed", "failed")
STEP = ("started", "waiting", "completed", "retrying", "failed", "skipped", "cancelled", "compensated")
LIFE = {f"run.{word}" for word in RUN} | {f"step.{word}" for word in STEP}
INBOX = {"router.fresh", "router.done", "router.swept", "relay.published", "relay.failed"}


def test_everything_that_can_go_wrong_does_and_every_run_ends(capsys: pytest.CaptureFixture[str]) -> None:
    began = perf_counter()
    worlds = each_seed(150, _summary)
    seconds = perf_counter() - began
    fired, runs = sum((found for found, _ in worlds), Counter[str]()), sum(runs for _, runs in worlds)
    if len(worlds) > 1:
        assert fired.keys() >= FAULTS | ENGINE | INBOX | LIFE, "what never happened shows nothing"
    with capsys.disabled():
        print(f"\n{len(worlds)} histories of {runs} runs, {len(worlds) / seconds:.0f} a second; {dict(fired)}")


def _summary(seed: int) -> tuple[Counter[str], int]:
    world = history(seed)
    return world.dice.fired + world.counters() + world.operations(), len(world.tables.runs)


def test_a_calm_world_has_no_faults() -> None:
    plot = Plot(faults=CALM, ill_seconds=5.0)
    assert not any(history(seed, plot).dice.fired for seed in range(20))


def test_one_seed_is_one_trace() -> None:
    first, again, *others = (history(seed) for seed in (7, 7, 8, 9, 10, 11))
    assert first.trace == again.trace
    assert first.digest != others[0].digest
    kinds = {line.split()[1] for played in (first, *others) for line in played.trace}
    assert kinds >= {"commit", "call", "published", "deliver", "killed", "paused", "healed"}


def test_one_seed_is_one_trace_in_another_process() -> None:
    """Where strings hash otherwise, so no order may hang on a set."""
    program = "from tests.simulation.history import history; print(history(7).digest)"
    seeded = {**os.environ, "PYTHONHASHSEED": "4711"}
    found = subprocess.run([sys.executable, "-c", program], env=seeded, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == history(7).digest
