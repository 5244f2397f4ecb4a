"""Three in ten calls to the siblings go wrong, in every way there is: all runs end as if nothing had been.

A tenth fails before it has done anything, a tenth when it has done its work, the rest hangs or answers garbage. Each of
them is a reason to ask once more; what is asked beyond that is counted, and is under a tenth.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Fault
from service.dev.siblings.serving import Call
from tests.observing.scrape import scrape
from tests.promises import keeping, load, scale
from tests.promises.trial import ENDED, TRIAL_SECONDS, Trial
from tests.world import world

SEED = 11
RUNS = scale(30, 500)
CALLS = RUNS * 30
SETTINGS = {"LEASE_SECONDS": "2", "QUIET_SECONDS": "2", "LOG_LEVEL": "WARNING"}

PLAIN = Fault("*", "SLOW")
OF_TWENTY = (
    *[PLAIN] * 14,
    *[Fault("*", "UNAVAILABLE")] * 2,
    *[Fault("*", "UNAVAILABLE", after_effect=True)] * 2,
    Fault("*", "HANG"),
    Fault("*", "GARBAGE"),
)
"""What befalls twenty calls; the plain ones are answered at once."""
STRIKE = {fault.kind for fault in OF_TWENTY} - {PLAIN.kind}


def deck(dice: Random) -> list[Fault]:
    cards = [*OF_TWENTY] * (CALLS // len(OF_TWENTY))
    dice.shuffle(cards)
    return cards


async def test_all_runs_end_and_hardly_a_call_is_made_in_vain(database: str, own_nats: EmbeddedNats) -> None:
    async with world(database, own_nats.url, load.script(), SETTINGS) as found:
        for fault in deck(Random(SEED)):
            found.siblings.add_fault(fault)
        trying = Trial(found, own_nats, database, [], [found.stub])
        published = await trying.publish(load.pipelines())
        await trying.start_many(published, RUNS)
        await trying.until(ENDED, RUNS, seconds=TRIAL_SECONDS)

        seen = await scrape(found.http)
        struck = Counter(call.outcome for call in found.siblings.calls if call.outcome in STRIKE)
        needless = in_vain(keeping.effects(found.siblings.calls))
        print(f"{dict(struck)} in {len(found.siblings.calls)} calls; in vain {needless} of {RUNS * len(load.CALLS)}")
        assert struck.keys() == STRIKE
        assert sum(struck.values()) > len(found.siblings.calls) / 5
        assert seen.value("workflows_effects_repeated_total") > 0
        assert needless < RUNS * sum(load.CALLS.values()) / 10
        await keeping.check_all(trying, RUNS)


def in_vain(calls: Sequence[Call]) -> int:
    """How many are neither the first of their effect nor follow one that went wrong."""
    asked = Counter(call.idempotency_key for call in calls)
    struck = Counter(call.idempotency_key for call in calls if call.outcome in STRIKE)
    return sum(max(0, many - 1 - struck[key]) for key, many in asked.items())
