"""How long a token is believed, how often identity is asked, and what is kept."""

import asyncio
import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.answers import Fault, FaultKind
from service.domain.errors import Kind, Refusal
from service.domain.identity import TokenHolder
from service.edge.gate.caller import Caller
from service.edge.gate.holders import caller_of
from service.edge.gate.tokens import Tokens

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANN = TokenHolder("ann", "acme", ("workflows:read", "other:scope"))
SILENT = Fault(FaultKind.TRANSPORT, "unavailable", "")


class Identity:
    """Knows tokens, counts questions, and waits where it is told to."""

    def __init__(self) -> None:
        self.known: dict[str, TokenHolder | Fault | None] = {"ann": ANN}
        self.asked: list[str] = []
        self.held: asyncio.Event | None = None

    async def introspect(self, token: str, timeout_seconds: float) -> TokenHolder | Fault | None:
        self.asked.append(token)
        if self.held is not None:
            await self.held.wait()
        return self.known.get(token)


class Bench:
    """Tokens on clocks that are moved by hand."""

    def __init__(self, most: int = 100, most_waiting: int = 100) -> None:
        self.identity = Identity()
        self.passed = 0.0
        clocks = (lambda: self.passed, lambda: NOON + timedelta(seconds=self.passed))
        self.tokens = Tokens(self.identity, {}, *clocks, most, most_waiting)

    async def refused(self, token: str) -> Refusal:
        with pytest.raises(Refusal) as caught:
            await self.tokens.caller(token)
        return caught.value


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_good_token_is_believed_for_half_a_minute(bench: Bench) -> None:
    found = await bench.tokens.caller("ann")
    assert found == Caller("acme", "user:ann", user_id="ann", scopes=frozenset({"workflows:read"}))
    bench.passed = 29.9
    assert await bench.tokens.caller("ann") is found
    assert bench.identity.asked == ["ann"]
    bench.passed = 30.0
    await bench.tokens.caller("ann")
    assert bench.identity.asked == ["ann", "ann"]


async def test_no_token_outlives_itself(bench: Bench) -> None:
    bench.identity.known["ann"] = replace(ANN, expires_at=NOON + timedelta(seconds=10))
    await bench.tokens.caller("ann")
    bench.passed = 9.9
    await bench.tokens.caller("ann")
    bench.passed = 10.0
    refusal = await bench.refused("ann")
    assert (refusal.kind, refusal.reason) == (Kind.UNKNOWN_CALLER, "token_expired")
    assert len(bench.identity.asked) == 2


async def test_a_token_that_was_taken_back_is_refused_within_half_a_minute(bench: Bench) -> None:
    await bench.tokens.caller("ann")
    bench.identity.known["ann"] = None
    bench.passed = 30.0
    assert (await bench.refused("ann")).reason == "token_inactive"


async def test_a_no_is_believed_for_five_seconds(bench: Bench) -> None:
    assert (await bench.refused("bob")).kind is Kind.UNKNOWN_CALLER
    bench.identity.known["bob"] = ANN
    bench.passed = 4.9
    await bench.refused("bob")
    assert bench.identity.asked == ["bob"]
    bench.passed = 5.0
    assert (await bench.tokens.caller("bob")).actor == "user:ann"


async def test_silence_is_not_remembered_and_the_known_go_on(bench: Bench) -> None:
    await bench.tokens.caller("ann")
    bench.identity.known |= {"ann": SILENT, "bob": SILENT}
    refusal = await bench.refused("bob")
    assert (refusal.kind, refusal.reason) == (Kind.UNAVAILABLE, "identity_unavailable")
    bench.passed = 29.9
    await bench.tokens.caller("ann")
    bench.passed = 30.0
    assert (await bench.refused("ann")).reason == "identity_unavailable"
    bench.identity.known |= {"ann": ANN, "bob": ANN}
    await bench.tokens.caller("ann")
    await bench.tokens.caller("bob")


async def test_many_at_once_ask_once_and_nobody_takes_the_answer_along(bench: Bench) -> None:
    bench.identity.held = asyncio.Event()
    waiting = [asyncio.create_task(bench.tokens.caller("ann")) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    bench.identity.held.set()
    _, *found = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in found} == {Caller}
    assert bench.identity.asked == ["ann"]


async def test_no_more_than_so_many_wait_for_identity_and_the_known_go_on() -> None:
    bench = Bench(most_waiting=3)
    await bench.tokens.caller("ann")
    bench.identity.held = asyncio.Event()
    waiting = [asyncio.create_task(bench.refused(f"made-up-{number % 2}")) for number in range(3)]
    await asyncio.sleep(0)
    refusal = await bench.refused("one-more")
    assert (refusal.kind, refusal.reason) == (Kind.UNAVAILABLE, "identity_unavailable")
    assert "one-more" not in bench.identity.asked
    await bench.tokens.caller("ann")
    bench.identity.held.set()
    assert {each.reason for each in await asyncio.gather(*waiting)} == {"token_inactive"}
    assert (await bench.refused("one-more")).reason == "token_inactive"


async def test_what_is_kept_is_bounded_and_the_bad_crowd_out_no_good() -> None:
    bench = Bench(most=3)
    await bench.tokens.caller("ann")
    for number in range(50):
        await bench.refused(f"made-up-{number}")
    await bench.tokens.caller("ann")
    assert bench.identity.asked.count("ann") == 1
    assert len(bench.tokens._good) + len(bench.tokens._bad) <= 6
    bench.identity.known |= {name: ANN for name in "abcd"}
    for name in "abcd":
        await bench.tokens.caller(name)
    assert len(bench.tokens._good) == 3


async def test_tokens_themselves_are_not_kept(bench: Bench) -> None:
    token = "".join(["very", "-", "secret"])
    bench.identity.known[token] = ANN
    await bench.tokens.caller(token)
    bench.identity.asked.clear()
    kept = [*bench.tokens._good, *bench.tokens._bad, *bench.tokens._asking]
    assert [type(key) for key in kept] == [bytes]
    holders = [each for each in gc.get_referrers(token) if each is not bench.identity.known]
    assert bench.tokens.__dict__ not in holders
    assert token not in repr(bench.tokens._good)


async def test_a_refusal_does_not_gather_its_past(bench: Bench) -> None:
    lengths = set()
    for _ in range(5):
        refusal = await bench.refused("bob")
        trace, length = refusal.__traceback__, 0
        while trace is not None:
            trace, length = trace.tb_next, length + 1
        lengths.add(length)
    assert max(lengths) < 6


# --- whose it is -----------------------------------------------------------------------------------------------------


AGENT = TokenHolder("sdr", "acme", token_type="agent", agent_type="WORKER", user_subject="user:ann")


@pytest.mark.parametrize(
    ("holder", "caller"),
    [
        pytest.param(TokenHolder("ann", "acme"), Caller("acme", "user:ann", user_id="ann"), id="a person"),
        pytest.param(TokenHolder("user:ann", "acme"), Caller("acme", "user:ann", user_id="ann"), id="said already"),
        pytest.param(
            TokenHolder("agent:sdr", "acme"), Caller("acme", "user:agent:sdr", user_id="agent:sdr"), id="no agent"
        ),
        pytest.param(AGENT, Caller("acme", "agent:sdr", "sdr", acts_for="ann"), id="an agent for a person"),
        pytest.param(
            replace(AGENT, agent_type="", user_subject=""), Caller("acme", "agent:sdr", "sdr"), id="an agent by type"
        ),
        pytest.param(
            replace(AGENT, service="agents"), Caller("acme", "agent:sdr", "sdr", acts_for="ann"), id="in a service"
        ),
        pytest.param(
            TokenHolder("crm", "acme", service="crm"), Caller("acme", "service:crm", for_others=True), id="a service"
        ),
        pytest.param(TokenHolder("ann", "mapped"), Caller("ws_1", "user:ann", user_id="ann"), id="mapped"),
        pytest.param(
            TokenHolder("olga", "", ("workflows:operate",)),
            Caller(None, "user:olga", user_id="olga", scopes=frozenset({"workflows:operate"})),
            id="an operator of all",
        ),
        pytest.param(
            TokenHolder("olga", "acme", ("workflows:operate",)),
            Caller("acme", "user:olga", user_id="olga", scopes=frozenset({"workflows:operate"})),
            id="an operator of one",
        ),
    ],
)
def test_what_a_holder_may(holder: TokenHolder, caller: Caller) -> None:
    assert caller_of(holder, {"mapped": "ws_1"}) == caller


@pytest.mark.parametrize("organization", ["", "*", " ", "o" * 129, "acme\n", "\x1b[2J", "long"])
def test_no_organization_is_no_workspace(organization: str) -> None:
    """Whoever has such a token has asked for nothing wrong."""
    refusal = caller_of(TokenHolder("eve", organization, ("workflows:read",)), {"long": "w" * 129})
    assert isinstance(refusal, Refusal)
    assert (refusal.kind, refusal.reason) == (Kind.DENIED, "no_workspace")


@pytest.mark.parametrize("organization", ["*", " ", "o" * 129])
def test_an_odd_organization_does_not_make_an_operator_one_of_all(organization: str) -> None:
    assert isinstance(caller_of(TokenHolder("olga", organization, ("workflows:operate",)), {}), Refusal)


@pytest.mark.parametrize("workspace", ["", "*"])
def test_no_caller_has_a_workspace_that_means_all(workspace: str) -> None:
    with pytest.raises(ValueError, match="workspace"):
        Caller(workspace, "user:eve")
