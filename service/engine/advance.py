"""The path: the only way into a run. Load, decide, apply; then hand on what the decision owes.

A command for a run whose last state this process still has is decided on that and stored in one round trip. If somebody
else moved the run meanwhile the fence misses, nothing is written, and it is decided again on a fresh load. After the
commit the effects (leased to this process by the apply) are handed to the dispatcher, freshly opened waits to the
router, and the relay gets a hint.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from service.domain.beginning import begin, fork
from service.domain.commands import EffectFailed, EffectSucceeded, Envelope, EventArrived
from service.domain.decide import decide
from service.domain.decision import Accepted, Decision, Ignored, Repeated, Verdict
from service.domain.effects import Owed
from service.domain.errors import Kind, Refusal, RunPurged, key_reused, not_found
from service.domain.plan import Plan
from service.domain.start_keys import StartKey
from service.domain.state import Run, changed
from service.engine.aftermath import Aftermath, hand_on, requests_of
from service.engine.clock import DatabaseClock
from service.engine.lease import Lease
from service.engine.mailbox import Letter, Mailbox, Reply, fail_all
from service.engine.plans import Plans
from service.engine.ports.failures import StaleRun
from service.engine.ports.runs import RunStore, Snapshot, Started
from service.engine.ports.siblings import Siblings
from service.engine.recent import Recent
from service.engine.tally import Tally
from service.engine.tracing import UNTRACED, Span, Tracer

TRIES = 8


@dataclass
class Advance:
    store: RunStore
    siblings: Siblings
    plans: Plans
    clock: DatabaseClock
    aftermath: Aftermath
    lease: Lease = field(default_factory=Lease)
    tracer: Tracer = UNTRACED
    capacity: int = 2000

    def __post_init__(self) -> None:
        self.mailbox = Mailbox(self._fold)
        self.counters: Counter[str] = Counter()
        self.tally = Tally()
        self.recent = Recent(self.capacity)

    # --- callers ---------------------------------------------------------------------------------------------------

    async def submit(self, run_id: str, envelope: Envelope, visible: str | None = None) -> Reply:
        """Brings one command to a run. Raises Refusal (also for runs the sender may not see), StoreUnavailable."""
        reply = await self.mailbox.post(run_id, envelope, visible)
        if isinstance(reply.verdict, Refusal):
            raise reply.verdict
        if isinstance(reply.verdict, Repeated):
            return await self._as_it_was(reply, reply.verdict)
        return reply

    async def start(self, key: StartKey, plan: Plan, envelope: Envelope) -> Reply:
        """Begins a run, once per key. A repetition answers like the first time. Raises Refusal, StoreUnavailable."""
        return await self._begin(key, envelope, lambda: begin(plan, envelope, self.clock.now()))

    async def fork(self, key: StartKey, plan: Plan, source: Run, envelope: Envelope) -> Reply:
        """Begins a run from what `source` did, once per key, and changes `source` in nothing. Raises like `start`."""
        return await self._begin(key, envelope, lambda: fork(plan, source, envelope, self.clock.now()))

    async def _begin(self, key: StartKey, envelope: Envelope, first: Callable[[], Decision]) -> Reply:
        with self._span(envelope) as span:
            reply = await self._begun(key, first)
            span.tell(run_id=reply.run.id, outcomes=_word(reply.verdict))
        return reply

    async def _begun(self, key: StartKey, first: Callable[[], Decision]) -> Reply:
        try:
            decision = first()
        except Refusal as refusal:
            return await self.begun_before(key, refusal)
        requests, leased_at = requests_of(decision, self.siblings), self.clock.monotonic()
        try:
            started = await self.store.start(key, decision, requests, self.lease.seconds)
        except StaleRun as error:
            raise Refusal(Kind.ABORTED, "start_contended", "the start key is just changing hands") from error
        self.clock.sync(started.now)
        if not started.fresh:
            return await self._started_before(key, started)
        run = self._committed(decision, 1, requests, leased_at)
        return Reply(run, Accepted(run.sequence))

    async def begun_before(self, key: StartKey, refusal: Refusal) -> Reply:
        """What would not begin today may have begun under this key while it still could."""
        started = await self.store.started(key)
        if started is None:
            raise refusal
        return await self._started_before(key, started)

    async def _started_before(self, key: StartKey, started: Started) -> Reply:
        if started.digest and key.digest and started.digest != key.digest:
            raise key_reused()
        run = await self.store.run_at(started.run_id, started.sequence)
        if run is None:
            raise RunPurged(started.run_id)
        return Reply(run, Repeated(started.sequence))

    async def _as_it_was(self, reply: Reply, verdict: Repeated) -> Reply:
        run = await self.store.run_at(reply.run.id, verdict.sequence)
        return Reply(run or reply.run, verdict)

    async def look(self, run_id: str) -> Run | None:
        """The run as this process remembers it, else as it is stored. Raises StoreUnavailable."""
        known = self.recent.get(run_id)
        if known is None and (snapshot := await self.store.load(run_id)) is not None:
            return snapshot.run
        return known

    # --- one fold --------------------------------------------------------------------------------------------------

    def _span(self, first: Envelope, *folded: Letter) -> Span:
        """Under the trace of the first command; those folded with it go on with traces of their own."""
        links = (letter.envelope.trace for letter in folded)
        return self.tracer.span(f"apply {type(first.command).__name__}", first.trace, links=links)

    async def _fold(self, run_id: str, letters: list[Letter]) -> None:
        with self._span(letters[0].envelope, *letters[1:]) as span:
            await self._carry_out(run_id, letters, span)
            if span.recording:
                commands = ",".join(type(letter.envelope.command).__name__ for letter in letters)
                span.tell(run_id=run_id, commands=commands, outcomes=",".join(map(_outcome, letters)))

    async def _carry_out(self, run_id: str, letters: list[Letter], span: Span) -> None:
        """What this process remembers first; then fresh loads, a few times."""
        self.tally.took(len(letters))
        recent = self.recent.get(run_id)
        if recent is not None and await self._try(Snapshot(recent, self.clock.now()), letters, span, cached=True):
            return
        for _ in range(TRIES):
            snapshot = await self._load(run_id, letters)
            if snapshot is None:
                return fail_all(letters, not_found("run", run_id))
            if await self._try(snapshot, letters, span):
                return None
        self.counters["aborted"] += 1
        return fail_all(letters, Refusal(Kind.ABORTED, "run_contended", "the run is being changed too fast"))

    async def _load(self, run_id: str, letters: Sequence[Letter]) -> Snapshot | None:
        envelopes = [letter.envelope for letter in letters]
        causes = [envelope.cause for envelope in envelopes if envelope.guarded]
        effects = [effect for envelope in envelopes if (effect := _effect(envelope)) is not None]
        snapshot = await self.store.load(run_id, causes, effects)
        if snapshot is not None:
            self.clock.sync(snapshot.now)
        return snapshot

    async def _try(self, snapshot: Snapshot, letters: list[Letter], span: Span, *, cached: bool = False) -> bool:
        run = snapshot.run
        letters = _visible(run, letters)
        plan = await self.plans.of(run)
        held = (lambda effect: True) if cached else (lambda effect: effect.id in snapshot.held)
        envelopes = [letter.envelope for letter in letters]
        try:
            decision = self.tally.deciding.timing(decide, plan, run, envelopes, snapshot.now, snapshot.seen, held)
        except LookupError:
            if cached:
                return False  # a state that may be old does not know every step or item that an answer can be for
            raise
        if cached and (decision.empty or _refused_unseen(letters, decision)):
            return False  # no write, so no fence: a refusal must not rest on a state that may be old
        if not decision.empty:
            stored = await self._apply(decision)
            if stored is None:
                self.counters["fence_missed"] += 1
                span.note("fence_missed")
                return False
            run = stored
        for letter, verdict in zip(letters, decision.verdicts, strict=True):
            if not letter.reply.done():
                letter.reply.set_result(Reply(run, verdict))
        return True

    async def _apply(self, decision: Decision) -> Run | None:
        requests, leased_at = requests_of(decision, self.siblings), self.clock.monotonic()
        try:
            applied = await self.store.apply(decision, requests, self.lease.seconds)
        except BaseException as error:
            self.recent.forget(decision.run.id)
            if isinstance(error, StaleRun):
                return None
            raise
        self.clock.sync(applied.now)
        return self._committed(decision, applied.version, requests, leased_at)

    def _committed(self, decision: Decision, version: int, requests: Mapping[str, bytes], leased_at: float) -> Run:
        """The run as it is stored now."""
        self.tally.committed(decision, self.clock.monotonic() - leased_at)
        run = changed(decision.run, version=version)
        self.recent.keep(run)
        hand_on(decision, requests, leased_at, self.aftermath)
        return run


def _effect(envelope: Envelope) -> Owed | None:
    command = envelope.command
    return command.effect if isinstance(command, EffectSucceeded | EffectFailed | EventArrived) else None


def _outcome(letter: Letter) -> str:
    """What became of a letter that was answered."""
    error = letter.reply.exception()
    return _word(error or letter.reply.result().verdict)


def _word(verdict: Verdict | BaseException) -> str:
    return verdict.reason if isinstance(verdict, Refusal | Ignored) else type(verdict).__name__.lower()


def _refused_unseen(letters: Sequence[Letter], decision: Decision) -> bool:
    """Whether something is refused that may be a repetition: which causes were seen is known after a load only."""
    verdicts = zip(letters, decision.verdicts, strict=True)
    return any(letter.envelope.guarded and isinstance(verdict, Refusal) for letter, verdict in verdicts)


def _visible(run: Run, letters: list[Letter]) -> list[Letter]:
    """A run of another workspace does not exist for the sender."""
    foreign = [letter for letter in letters if letter.visible not in (None, run.workspace_id)]
    fail_all(foreign, not_found("run", run.id))
    return [letter for letter in letters if letter not in foreign]
