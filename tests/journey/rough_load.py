"""One load for two plays: nine definitions, what makes runs of them start and go on, and how many runs that makes.

Nothing in it depends on when a message comes, as long as it comes: waits tell their events apart by a key, what one
play starts by an event the other starts by the same, and each step's output can be had from more than one place where
its report may be lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from events.v1.change_pb2 import Change
from google.protobuf.message import Message
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import RegisteredAgent, Ruling, Script, Work
from tests.bus.producers import SHAPES, Fact, Sent, contact
from tests.journey.graphs import agent, chain, gate, step
from tests.journey.rough_courier import Parcel
from tests.journey.test_sub_workflows import calling
from tests.journey.triggering import on_event, on_tap, on_tick
from tests.world import WORKSPACE, World, struct

LEADS, LATE_LEADS, STRANGERS = 16, 4, 4
ORDERS, CHEAP = 12, 3
HELD, ASKED, WAITERS, LEADERS, PARENTS, FAILING, TICKERS = 4, 4, 10, 6, 4, 3, 2
FIRST = LEADS + ORDERS + HELD + ASKED + WAITERS + 2 * LEADERS + 2 * PARENTS + FAILING + TICKERS
ALL = FIRST + LATE_LEADS
TO_THE_LAST = HELD + ASKED + LATE_LEADS
"""Runs that are still under way when the bus loses its disk: of each of their steps there is more than a report."""
POISON = ("bad_json", "missing_tenant")

METERED = Work({"done": "well"}, 0.25, metered=True, result_in_delegation=True)


TAKEN_ON_SECONDS = 1.0
"""How long work lasts whose result is with its delegation: there is none when it has ended before it was delegated."""


def script() -> Script:
    work = {
        "research": Work({"employees": 640}, 0.034, TAKEN_ON_SECONDS, metered=True, result_in_delegation=True),
        "pick": Work({"picked": True}, 0.01, 0.02),
        "lead-on": Work({"led": True}, 0.5, 0.02),
        "childs-play": Work({"played": True}, 0.125, TAKEN_ON_SECONDS, metered=True, result_in_delegation=True),
        "hopeless": Work(cost_usd=0.0625, state="FAILED", metered=True),
        "held": Work(held=True),
    }
    approvals = {"asked": Ruling(), "*": Ruling("APPROVED", reason="go", delay_seconds=0.02)}
    return Script(agents=(RegisteredAgent("agent_all"),), work=work, approvals=approvals)


@dataclass
class Load:
    """Definitions by name, with the order in which their runs were started by hand."""

    definitions: dict[str, str] = field(default_factory=dict)
    begun: dict[str, list[str]] = field(default_factory=dict)


def handed(step_id: str) -> pb.StepDefinition:
    """An agent that is found by what it can do, so that its result is with the delegation."""
    return agent(step_id, required_capability=step_id)


def wait(step_id: str, run: str = "input.key", **config: Any) -> pb.StepDefinition:
    correlate = {"event": "key", "run": run}
    pattern = f"siphon.tap.answers.{step_id}"
    return step(step_id, "WAIT_FOR_EVENT", {"correlate": correlate, **config}, event_type_pattern=pattern)


async def publish(world: World, now: datetime) -> Load:
    """`now` is the minute whose tick is due."""
    load = Load()
    parent = await world.definition("parent")
    from_parent = pb.WorkflowTrigger(trigger_type=pb.TRIGGER_TYPE_WORKFLOW, parent_workflow_id=parent.id)
    cron = f"{now.minute} {now.hour} {now.day} {now.month} *"
    await add(world, load, "lead", lead(), on_tap("crm", "contact", "created", "snapshot.employees > 10"))
    await add(world, load, "order", [agent("pick")], on_event("siphon.tap.shop.order.*", "total > 10"))
    await add(world, load, "held", [handed("held"), gate("sign")])
    await add(world, load, "asked", [gate("asked")])
    await add(world, load, "waiter", [wait("first", filter_expr="n > input.least"), wait("second")])
    await add(world, load, "leader", [agent("lead-on")])
    follows = on_event("workflows.changes.run.completed", f"run.definition_id == '{load.definitions['leader']}'")
    await add(world, load, "follower", [gate("follow")], follows)
    await add(world, load, "failing", [agent("hopeless")])
    await add(world, load, "child", [handed("childs-play")], from_parent)
    await world.publish(chain(calling("call", {"name": "child"})), parent)
    load.definitions["parent"] = parent.id
    for number in range(TICKERS):
        await add(world, load, f"ticker-{number}", [gate("tick")], on_tick(cron))
    return load


def lead() -> list[pb.StepDefinition]:
    return [handed("research"), gate("sign-off"), wait("reply", "input.entity_id")]


async def add(
    world: World,
    load: Load,
    name: str,
    steps: Sequence[pb.StepDefinition],
    trigger: pb.WorkflowTrigger | None = None,
) -> None:
    published = await world.publish(chain(*steps, trigger=trigger), await world.definition(name))
    load.definitions[name] = published.definition.id


async def begin(world: World, load: Load) -> None:
    """The runs that are started by hand."""
    counts = {"held": HELD, "asked": ASKED, "waiter": WAITERS, "leader": LEADERS, "parent": PARENTS, "failing": FAILING}
    for name, count in counts.items():
        for number in range(count):
            run = await world.start(load.definitions[name], {"key": f"{name}-{number}", "least": number})
            load.begun.setdefault(name, []).append(run.id)


# --- messages --------------------------------------------------------------------------------------------------------


def starts() -> list[Parcel]:
    """All that starts runs, and some that must not."""
    found = [of_lead(number) for number in range(LEADS)]
    found += [of_lead(100 + number, employees=3) for number in range(STRANGERS)]
    found += [of_order(number, total=50 + number) for number in range(ORDERS)]
    found += [of_order(100 + number, total=number) for number in range(CHEAP)]
    return [*mixed(found), *poison()]


def answers() -> list[Parcel]:
    """What the runs wait for, and some that is not meant for them."""
    replies = [of_answer("reply", f"lead-{number}", n=number) for number in range(LEADS)]
    waiters = [f"waiter-{number}" for number in range(WAITERS)]
    too_little = [of_answer("first", key, "too-little", n=number) for number, key in enumerate(waiters)]
    enough = [of_answer("first", key, n=number + 1) for number, key in enumerate(waiters)]
    second = [of_answer("second", key, n=0) for key in (*waiters, "nobody")]
    return mixed([*replies, *too_little, *enough, *second])


def late() -> list[Parcel]:
    return [of_lead(200 + number) for number in range(LATE_LEADS)]


def late_answers() -> list[Parcel]:
    return [of_answer("reply", f"lead-{200 + number}", n=number) for number in range(LATE_LEADS)]


def mixed(parcels: Sequence[Parcel]) -> list[Parcel]:
    """Not one kind after the other, but the same way every time."""
    return [*parcels[::3], *parcels[1::3], *parcels[2::3]]


def of_lead(number: int, employees: int = 40) -> Parcel:
    tapped = contact(provider="crm", entity_id=f"lead-{number}", provider_event_id=f"hs-{number}")
    tapped.snapshot.update({"employees": employees})
    return parcel("siphon.tap.crm.contact.created", f"lead {number}", number, tapped, source="tap/crm", renewable=True)


def of_order(number: int, total: int) -> Parcel:
    """Under one id only: an event starts what it matches by its id."""
    change = Change(organization_id=WORKSPACE, aggregate_type="order", aggregate_id=f"o-{number}", operation="paid")
    change.payload.update({"key": f"order-{number}", "total": total})
    return parcel("siphon.tap.shop.order.paid", f"order {number}", number, change)


def of_answer(step_id: str, key: str, mark: str = "", **said: Any) -> Parcel:
    subject = f"siphon.tap.answers.{step_id}"
    told = struct({"key": key, **said})
    return parcel(subject, " ".join(filter(None, (step_id, key, mark))), len(key) + len(mark), told, renewable=True)


SHAPES_OF_ALL = [name for name in SHAPES if name != "F"]
"""Shape F is the tap's alone."""


def parcel(
    subject: str, id_: str, number: int, data: Message, source: str = "tests", renewable: bool = False
) -> Parcel:
    shapes = list(SHAPES) if source.startswith("tap/") else SHAPES_OF_ALL
    shape = SHAPES[shapes[number % len(shapes)]]

    def write(event_id: str) -> Sent:
        return shape(Fact(data, id=event_id, type=subject, source=source, subject=subject, tenant=WORKSPACE))

    return Parcel(subject, id_, write, renewable)


def poison() -> list[Parcel]:
    def broken(event_id: str) -> Sent:
        return Sent({}, b'{"specversion": ')

    def homeless(event_id: str) -> Sent:
        return Sent({}, orjson.dumps({"specversion": "1.0", "id": event_id, "type": "a.b", "source": "tests"}))

    return [Parcel("siphon.tap.broken", "broken", broken), Parcel("siphon.tap.nobody", "homeless", homeless)]


def minute(now: datetime | None = None) -> datetime:
    return (now or datetime.now(UTC)).replace(second=0, microsecond=0)
