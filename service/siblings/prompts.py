"""Prompts: the version that a name and a label stand for."""

from prompts.v1.prompts_pb2 import ResolveRequest, ResolveResponse

from service.domain.answers import Prompt
from service.siblings.faults import unknown
from service.siblings.method import SiblingMethod, demand


def resolve_request(name: str, label: str) -> ResolveRequest:
    """The empty label is the sibling's default."""
    return ResolveRequest(name=name, label=label)


def resolving(name: str, label: str) -> SiblingMethod[ResolveResponse, Prompt]:
    def read(reply: ResolveResponse) -> Prompt:
        version = reply.version
        return Prompt(name, label, version.version, demand(version.content, "content"), version.model)

    labelled = f"{name} with the label {label}" if label else name
    absent = unknown("prompt", labelled)
    return SiblingMethod("prompts", "/prompts.v1.PromptService/Resolve", ResolveResponse, read, absent)
