"""What the simulated siblings do, as plain values or as a small JSON file.

    {"agents": [{"id": "agent_research", "capabilities": ["research"], "prompt_bindings": {"outreach": "stable"}}],
     "work": {"research_company": {"output": {"employees": 640}, "cost_usd": 0.034, "delay_seconds": 0.5},
              "send_outreach": {"cost_usd": 0.008, "metered": true, "result_in_delegation": true}},
     "governance": {"send_outreach": {"decision": "ALLOW"}},
     "approvals": {"send_outreach": {"decision": "APPROVED", "delay_seconds": 1}},
     "skills": {"skill_crm": {"scope": "WORKSPACE", "workspace_id": "ws_acme"}},
     "prompts": {"outreach": {"content": "Write."}, "outreach@stable": {"content": "Write!", "version": 2}},
     "entities": {"ent_dana": {"type": "CONTACT", "name": "Dana", "records": ["hubspot/101"]}},
     "tokens": {"secret": {"subject": "user_ann", "organization_id": "ws_acme", "scopes": ["workflows:read"]}},
     "unknown_agents": ["agent_ghost"], "unknown_skills": ["skill_ghost"], "unknown_prompts": ["prompt_ghost"],
     "faults": [{"method": "objectives.Create", "kind": "UNAVAILABLE", "times": 2, "after_effect": true},
                {"method": "prompts.*", "kind": "SLOW", "delay_seconds": 0.3}]}

Work is found by the action type in the objective's description, then by its title; governance and approvals by action
type; `*` is for all others, and without it the defaults below hold. Agents are found by capability only when they are
listed; asked for by id, any agent exists, and so does any skill and any prompt, unless it is among the unknown ones.
Entities and tokens exist when they are listed. The mappings may be changed while it is played.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANY = "*"
SLOW = "SLOW"


@dataclass(frozen=True, slots=True)
class RegisteredAgent:
    """Without a workspace the agent belongs to every one; the capability `*` stands for all. An agent that is not
    `registered` is known to the agents service alone. The status is an enum name without its prefix; `prompt_bindings`
    gives the label under which the agent uses a prompt."""

    id: str
    capabilities: tuple[str, ...] = (ANY,)
    workspace_id: str = ""
    current: int = 0
    max: int = 10
    registered: bool = True
    status: str = "ACTIVE"
    prompt_bindings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What becomes of an objective: its state (`COMPLETED`, `FAILED`, `CANCELLED`) once the delay is over. The first
    `failures` objectives of its name fail instead; one that is `held` waits for `finish_objective`.

    The change that tells of the end has the output and the cost, unless the work is `metered`, then its cost is at the
    meter alone, or has its `result_in_delegation`, then its output is there alone. `delegation` is the status with
    which it is taken on when it is delegated."""

    output: Mapping[str, Any] = field(default_factory=dict)
    cost_usd: float = 0.0
    delay_seconds: float = 0.0
    state: str = "COMPLETED"
    error_message: str = ""
    failures: int = 0
    held: bool = False
    metered: bool = False
    result_in_delegation: bool = False
    delegation: str = "ACCEPTED"


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
class Skill:
    """The scope is `GLOBAL`, `WORKSPACE` or `PERSONAL`; without a workspace the skill is in the one that asks."""

    scope: str = "GLOBAL"
    workspace_id: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a prompt's name stands for, or its name with a label: `outreach@stable`."""

    content: str = "Do what the step says."
    version: int = 1
    model: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """The type is `CONTACT`, `COMPANY` and so on; `records` are its records elsewhere, `integration/record`. Without a
    workspace the entity belongs to every one."""

    type: str
    name: str = ""
    workspace_id: str = ""
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """Whose token it is, with the field names of the identity service; `expires_at` as in `2027-01-01T00:00:00Z`, or
    empty."""

    subject: str
    organization_id: str
    scopes: tuple[str, ...] = ()
    token_type: str = "user"
    service: str = ""
    agent_type: str = ""
    user_subject: str = ""
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Befalls the next `times` calls of a method (`objectives.Create`; a shell pattern will do). The kind is the name
    of a status code, or `HANG`, `EMPTY`, `GARBAGE`: with `after_effect` the work is done before it strikes, and only
    the reply is lost. `SLOW` does the work and replies `delay_seconds` later."""

    method: str
    kind: str
    times: int = 1
    after_effect: bool = False
    delay_seconds: float = 0.0

    @property
    def works(self) -> bool:
        return self.after_effect or self.kind == SLOW


@dataclass(frozen=True, slots=True)
class Script:
    agents: tuple[RegisteredAgent, ...] = (RegisteredAgent("agent_simulated"),)
    work: dict[str, Work] = field(default_factory=dict)
    governance: dict[str, Verdict] = field(default_factory=dict)
    approvals: dict[str, Ruling] = field(default_factory=dict)
    skills: dict[str, Skill] = field(default_factory=dict)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    unknown_agents: tuple[str, ...] = ()
    unknown_skills: tuple[str, ...] = ()
    unknown_prompts: tuple[str, ...] = ()
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

    def agent(self, agent_id: str) -> RegisteredAgent | None:
        if agent_id in self.unknown_agents:
            return None
        listed = (agent for agent in self.agents if agent.id == agent_id)
        return next(listed, RegisteredAgent(agent_id, capabilities=()))

    def skill(self, skill_id: str) -> Skill | None:
        return None if skill_id in self.unknown_skills else self.skills.get(skill_id, Skill())

    def prompt(self, name: str, label: str) -> Prompt | None:
        if name in self.unknown_prompts:
            return None
        return self.prompts.get(f"{name}@{label}") or self.prompts.get(name) or Prompt()


_ENTRIES: Mapping[str, Callable[..., Any]] = {
    "agents": RegisteredAgent,
    "work": Work,
    "governance": Verdict,
    "approvals": Ruling,
    "skills": Skill,
    "prompts": Prompt,
    "entities": Entity,
    "tokens": Token,
    "unknown_agents": str,
    "unknown_skills": str,
    "unknown_prompts": str,
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


def _entry(kind: Callable[..., Any], told: Any) -> Any:
    if not isinstance(told, Mapping):
        return kind(told)
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
