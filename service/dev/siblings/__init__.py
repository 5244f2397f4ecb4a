"""Simulated siblings: real gRPC servers and NATS publishers that follow a script.

They stand for the services around ours in tests, in the demo and in `workflows dev`, and behave on the wire as the
real ones do: idempotent by key, changes told on the bus under a new id each time. `SimulatedSiblings` starts and stops
them all; `script` says what they do; each module of a sibling's name holds its records; `serving` logs every request
and plays the scripted faults.
"""

from service.dev.siblings.script import (
    Entity,
    Fault,
    Prompt,
    RegisteredAgent,
    Ruling,
    Script,
    Skill,
    Token,
    Verdict,
    Work,
    parse_script,
    read_script,
)
from service.dev.siblings.serving import Call
from service.dev.siblings.simulation import SimulatedSiblings

__all__ = [
    "Call",
    "Entity",
    "Fault",
    "Prompt",
    "RegisteredAgent",
    "Ruling",
    "Script",
    "SimulatedSiblings",
    "Skill",
    "Token",
    "Verdict",
    "Work",
    "parse_script",
    "read_script",
]
