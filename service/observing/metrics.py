"""Every metric there is: its name as it is scraped, what it is, its labels and its meaning.

`sources` binds each of them to what it is read from, docs/monitoring.md shows this list, and the dashboard and the
alerts in ops/ may use nothing else; tests hold all four together. Names say the unit. A gauge of the whole database is
the same in every replica, so it says so, and takes max() where the others take sum().
"""

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    meaning: str


METRICS: dict[str, Metric] = {}
"""By name, in the order in which they are declared."""

EVERYWHERE = "The same in every replica."


def _declared(kind: MetricKind, name: str, meaning: str, *labels: str) -> Metric:
    metric = Metric(f"workflows_{name}", kind, labels, meaning)
    METRICS[metric.name] = metric
    return metric


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return _declared(MetricKind.COUNTER, name, meaning, *labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return _declared(MetricKind.GAUGE, name, meaning, *labels)


def _shared(name: str, meaning: str, *labels: str) -> Metric:
    return _declared(MetricKind.GAUGE, name, f"{meaning} {EVERYWHERE}", *labels)


def _histogram(name: str, meaning: str, *labels: str) -> Metric:
    return _declared(MetricKind.HISTOGRAM, name, meaning, *labels)


# --- runs ------------------------------------------------------------------------------------------------------------

RUNS = _shared("runs", "Runs that have not ended, by state.", "state")
STEPS = _shared("steps", "Steps that have not ended, of runs that have not, by state.", "state")
TASKS = _shared("tasks_open", "Tasks that wait for a person.")
TIMERS_OVERDUE = _shared("timers_overdue_seconds", "How long the first due timer of a run has not been looked at.")
TRANSITIONS = _counter("transitions_total", "Changes of state: of a run or a step, to which state.", "kind", "state")
COMMANDS = _counter("commands_total", "Commands brought to runs: calls, events, answers, the clock.")
FOLDED = _counter("commands_folded_total", "Commands that shared the apply of another command.")
FENCE_MISSES = _counter("fence_misses_total", "Applies that wrote nothing, as somebody else had moved the run.")
ABORTED = _counter("commands_aborted_total", "Folds given up after too many fence misses (run_contended).")
DECIDE = _histogram("decide_seconds", "How long a decision took.")
APPLY = _histogram("apply_seconds", "How long the database took to store a decision.")
REMEMBERED = _gauge("runs_remembered", "Runs whose last state this replica has in memory.")

# --- effects and siblings --------------------------------------------------------------------------------------------

EFFECTS_OWED = _shared("effects_owed", "Calls and deliveries that runs owe, in hand or not.")
EFFECTS_OVERDUE = _shared("effects_overdue_seconds", "How long the first due effect has been in nobody's hands.")
EFFECTS_IN_HAND = _gauge("effects_in_hand", "Effects that this replica is performing.")
EFFECTS = _counter("effects_total", "Effects performed, by kind; outcome is ok or the fault.", "kind", "outcome")
REPEATED = _counter("effects_repeated_total", "Effects performed that may have been performed before.", "kind")
TAKEOVERS = _counter("lease_takeovers_total", "Effects claimed after the lease of their last holder had run out.")
TOO_LOW = _counter("leases_too_low_total", "Effects left for later, as too little of their lease was left.")
CALLS = _histogram("sibling_call_seconds", "How long calls took; outcome is ok or the fault.", "sibling", "outcome")
CONFIGURED = _gauge("sibling_configured", "1 for a sibling that has an address.", "sibling")
BREAKER = _gauge("breaker_state", "The breaker of a sibling: 0 closed, 1 half open, 2 open.", "sibling")
OPENINGS = _counter("breaker_openings_total", "How often the breaker opened.", "sibling")
REFUSALS = _counter("breaker_refusals_total", "Calls not made, as the breaker was open.", "sibling")

# --- events and starts -----------------------------------------------------------------------------------------------

MESSAGES = _counter("messages_total", "Bus messages: accepted, buried as dead letters, returned for later.", "outcome")
EVENTS = _counter("events_total", "Events kept, by fate: fresh, unrouted, done (known) or clash.", "fate")
SWEPT = _counter("events_swept_total", "Deliveries that the sweep made up for.")
LAG = _shared("listener_lag_messages", "Messages of a stream that no replica has acked.", "stream", "filter")
LETTERS = _counter("dead_letters_total", "Dead letters, by reason.", "reason")
LETTERS_WAITING = _shared("dead_letters_waiting", "Dead letters that nobody has replayed or discarded.")
STARTS = _counter("starts_total", "Starts by events: started, repeated, or why not.", "outcome")
STARTS_OVERDUE = _shared("starts_overdue_seconds", "How long the first due start by an event has waited.")
TICKS = _counter("schedule_ticks_total", "Ticks of schedules: started, missed, skipped.", "outcome")
SCHEDULES_OVERDUE = _shared("schedules_overdue_seconds", "How long the first due schedule has waited.")

# --- outbox ----------------------------------------------------------------------------------------------------------

UNPUBLISHED = _shared("outbox_unpublished", "Changes that are not on the bus yet.")
UNPUBLISHED_AGE = _shared("outbox_oldest_seconds", "Age of the oldest change that is not on the bus yet.")
SHARDS = _gauge("outbox_shards", "Shards of the outbox that this replica publishes; 32 in all replicas together.")
PUBLISHED = _counter("changes_published_total", "Changes that the bus has acknowledged.")
PUBLISH_FAILURES = _counter("publish_failures_total", "Changes that the bus did not acknowledge; they are tried again.")
REPUBLISHED = _counter("changes_republished_total", "Changes given out again, as the stream may have lost them.")

# --- database and engine ---------------------------------------------------------------------------------------------

POOL_MOST = _gauge("pool_connections_most", "Connections that a pool may have.", "pool")
POOL_SIZE = _gauge("pool_connections", "Connections that a pool has.", "pool")
POOL_IN_USE = _gauge("pool_connections_in_use", "Connections that work for somebody.", "pool")
POOL_WAITING = _gauge("pool_waiting", "Statements that wait for a connection.", "pool")
POOL_REQUESTS = _counter("pool_requests_total", "Connections asked for.", "pool")
POOL_WAITS = _counter("pool_waits_total", "Connections that had to be waited for.", "pool")
POOL_WAIT = _counter("pool_wait_seconds_total", "Time spent waiting for connections.", "pool")
POOL_REFUSED = _counter("pool_refused_total", "Connections waited for in vain.", "pool")
POOL_LOST = _counter("pool_connections_lost_total", "Connections found broken.", "pool")
CENSUS_AGE = _gauge("census_age_seconds", "Age of the gauges that are the same in every replica.")
CENSUS_TOOK = _gauge("census_seconds", "How long counting them took.")
ROUNDS = _counter("loop_rounds_total", "Rounds of a background loop.", "loop")
LOOP_FAILURES = _counter("loop_failures_total", "Rounds that failed.", "loop")
LOOP_FAILING = _gauge("loop_failing", "Rounds that have failed in a row; 0 is well.", "loop")
EVENT_LOOP_LAG = _histogram("event_loop_lag_seconds", "How late the event loop came to what was due.")

# --- retention -------------------------------------------------------------------------------------------------------

PURGED = _counter("runs_purged_total", "Runs that this replica purged, by policy or as it was asked to.")
LEFT = _counter("purges_left_total", "Families of runs that were old enough and stayed, by reason.", "reason")

# --- RPC -------------------------------------------------------------------------------------------------------------

RPC = _histogram("rpc_seconds", "Calls that were answered, by method and status.", "method", "status")
RPC_OPEN = _gauge("rpc_open", "Calls in progress.")
RPC_STREAMS = _counter("rpc_streams_total", "Streams that have ended, by method and status.", "method", "status")
RPC_STREAMS_OPEN = _gauge("rpc_streams_open", "Streams in progress.")

# --- the process -----------------------------------------------------------------------------------------------------

BUILD = _gauge("build_info", "Always 1; what runs here.", "version", "python")
READY = _gauge("ready", "1 while this replica is ready, as /readyz says.")
UP = _gauge("dependency_up", "1 for a dependency that answers and is what is needed.", "dependency")
LATENCY = _gauge("dependency_latency_seconds", "How long its last answer took.", "dependency")


def markdown() -> str:
    """The list as a table for people."""
    rows = (
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.meaning} |"
        for one in METRICS.values()
    )
    return "\n".join(["| name | type | labels | meaning |", "|---|---|---|---|", *rows])
