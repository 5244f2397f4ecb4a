"""The load of the trials: a definition of six steps that asks five siblings, and what each run of it comes to."""

from collections.abc import Mapping
from decimal import Decimal

from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Fault, RegisteredAgent, Ruling, Script, Work
from tests.journey.graphs import agent, chain, check, edge, gate, graph, step, task
from tests.promises import scale

RESEARCH, SEND = 0.25, 0.125
COST = Decimal("0.375")
"""Of a run, when each of its two objectives counts once."""
CALLS = {
    "objectives.Create": 2,
    "governance.EvaluateAction": 1,
    "approvals.RequestApproval": 1,
    "notifications.Send": 1,
}
"""The effects of a run, by the call that performs them."""
DELEGATE = "agents.Delegate"
"""One more, unless the work is done before anybody has come to ask for it."""

SLOWLY = Fault("*", "SLOW", times=100_000, delay_seconds=0.1)
"""How the siblings answer where somebody is to be caught in the middle of a call."""


TEAMS = scale(2, 40)
"""Runs are spread over so many definitions with agents of their own, as who may have made an objective before a crash
looks for it among all of its agent."""


def script() -> Script:
    return Script(
        agents=tuple(RegisteredAgent(f"agent_{team}", capabilities=(f"research_{team}",)) for team in range(TEAMS)),
        work={"research": Work({"score": 7}, RESEARCH, 0.02), "send": Work({"sent": True}, SEND, 0.02)},
        approvals={"*": Ruling("APPROVED", reason="go", delay_seconds=0.02)},
    )


def pipelines() -> list[pb.PublishVersionRequest]:
    return [_pipeline(team) for team in range(TEAMS)]


def _pipeline(team: int) -> pb.PublishVersionRequest:
    """Of the two notifications each run sends one."""
    tell = {"recipient": "ann", "required": True}
    steps = [
        agent("research", required_capability=f"research_{team}"),
        check("screen"),
        gate("approve"),
        step("choose", "BRANCH"),
        step("tell", "NOTIFICATION", tell),
        step("whisper", "NOTIFICATION", tell),
        agent("send", agent_id=f"agent_{team}"),
    ]
    ways = edge("choose>tell", "input.loud"), edge("choose>whisper")
    return graph(steps, "research>screen", "screen>approve", "approve>choose", *ways, "tell>send", "whisper>send")


def payload(number: int) -> Mapping[str, object]:
    return {"number": number, "loud": number % 2 == 0}


def branches(length: int) -> pb.PublishVersionRequest:
    """Runs that need nobody to tell two changes for each branch, and then wait for a person."""
    return chain(*(step(f"b{number}", "BRANCH") for number in range(length)), task("last"))
