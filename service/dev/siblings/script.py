"""What the simulated siblings do, as plain values or as a small JSON file.

    {"agents": [{"id": "agent_research", "capabilities": ["research"]}],
     "work": {"research_company": {"output": {"employees": 640}, "cost_usd": 0.034, "delay_seconds": 0.5}},
     "governance": {"send_outreach": {"decision": "ALLOW"}},
     "approvals": {"send_outreach": {"decision": "APPROVED", "delay_seconds": 1}},
     "faults": [{"method": "objectives.Create", "kind": "UNAVAILABLE", "times": 2}]}

Work is found by the action type in the objective's description, then by its title; governance and approvals by action
type; `*` is for all others, and without it the defaults below hold. The mappings may be changed while it is played.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANY = "*"


@dataclass(frozen=True, slots=True)
class RegisteredAgent:
    """Without a workspace the agent belongs to every one; the capability `*` stands for all. An agent that is not
    `registered` is known to the agents service alone."""

    id: str
    capabilities: tuple[str, ...] = (ANY,)
    workspace_id: str = ""
    current: int = 0
    max: int = 10
    registered: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """What becomes of an objective: its state (`COMPLETED`, `FAILED`, `CANCELLED`) once the delay is over. The first
    `failures` objectives of its name fail instead; one that is `held` waits for `finish_objective`."""

    output: Mapping[str, Any] = field(default_factory=dict)
    cost_usd: float = 0.0
    delay_seconds: float = 0.0
    state: str = "COMPLETED"
    error_message: str = ""
    failures: int = 0
    held: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Governance's decision: `ALLOW`, `DENY` or `REQUIRE_APPROVAL`; the risk level by its enum name."""

    decision: str = "ALLOW"
    risk_level: str = "RISK_LEVEL_LOW"
    reasons: tuple[str, ...] = ()
    matched_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of an approval. Without a decision it waits for `decide_approval`; `AUTO_APPROVED` is decided
    before the request is answered."""

    decision: str = ""
    by: str = "user_manager"
    reason: str = ""
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Befalls the next `times` calls of a method (`objectives.Create`; a shell pattern will do). The kind is the name
    of a status code, or `HANG`, `EMPTY`, `GARBAGE`. With `after_effect` the work is done before it strikes."""

    method: str
    kind: str
    times: int = 1
    after_effect: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    agents: tuple[RegisteredAgent, ...] = (RegisteredAgent("agent_simulated"),)
    work: dict[str, Work] = field(default_factory=dict)
    governance: dict[str, Verdict] = field(default_factory=dict)
    approvals: dict[str, Ruling] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def work_for(self, title: str, description: str) -> tuple[str, Work]:
        """The name under which the work was found, and the work."""
        for name in (*_action_types(description), title, ANY):
            if name in self.work:
                return name, self.work[name]
        return ANY, Work()

    def verdict_on(self, action_type: str) -> Verdict:
        return self.governance.get(action_type) or self.governance.get(ANY) or Verdict()

    def ruling_on(self, action_type: str) -> Ruling:
        return self.approvals.get(action_type) or self.approvals.get(ANY) or Ruling()


_ENTRIES: Mapping[str, Callable[..., Any]] = {
    "agents": RegisteredAgent,
    "work": Work,
    "governance": Verdict,
    "approvals": Ruling,
    "faults": Fault,
}


def read_script(path: Path) -> Script:
    """Raises OSError when the file cannot be read, ValueError when it is not a script."""
    return parse_script(json.loads(path.read_text()))


def parse_script(data: Mapping[str, Any]) -> Script:
    """Raises ValueError for keys that mean nothing."""
    if unknown := data.keys() - _ENTRIES.keys():
        raise ValueError(f"a script has no {', '.join(sorted(unknown))}")
    return Script(**{key: _entries(_ENTRIES[key], value) for key, value in data.items()})


def _entries(kind: Callable[..., Any], told: Any) -> Any:
    """What is told by name stays so; what is told as a list becomes a tuple."""
    if isinstance(told, Mapping):
        return {name: _entry(kind, one) for name, one in told.items()}
    return tuple(_entry(kind, one) for one in told)


def _entry(kind: Callable[..., Any], told: Mapping[str, Any]) -> Any:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


def _action_types(description: str) -> Iterator[str]:
    for line in description.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and isinstance(told.get("action_type"), str):
            yield told["action_type"]
