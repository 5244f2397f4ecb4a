"""Skills: whether there is one of that id for this workspace."""

from skills.v1.skills_pb2 import SKILL_SCOPE_PERSONAL, SKILL_SCOPE_WORKSPACE, GetRequest, GetResponse

from service.domain.answers import Fault
from service.siblings.faults import unknown
from service.siblings.method import SiblingMethod, demand

_BOUND = (SKILL_SCOPE_WORKSPACE, SKILL_SCOPE_PERSONAL)
"""Scopes that do not reach beyond the skill's own workspace."""


def get_request(skill_id: str) -> GetRequest:
    return GetRequest(id=skill_id)


def getting(skill_id: str, workspace_id: str) -> SiblingMethod[GetResponse, str]:
    """SkillService.Get, read as the id of a skill that this workspace can use."""

    def read(reply: GetResponse) -> str | Fault:
        demand(reply.skill.id, "skill id")
        foreign = reply.skill.scope in _BOUND and reply.skill.workspace_id != workspace_id
        return unknown("skill", skill_id) if foreign else skill_id

    return SiblingMethod("skills", "/skills.v1.SkillService/Get", GetResponse, read, absent=unknown("skill", skill_id))
