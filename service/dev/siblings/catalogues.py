"""The simulated services that only answer questions: skills, prompts, entities, and whose a token is."""

from dataclasses import asdict

from entities.v1 import entities_pb2
from identity.v1 import identity_pb2
from prompts.v1 import prompts_pb2
from skills.v1 import skills_pb2

from service.dev.siblings.script import Entity, Token
from service.dev.siblings.serving import Route
from service.dev.siblings.stage import Stage, found

_SKILLS = "skills.v1.SkillService"
_PROMPTS = "prompts.v1.PromptService"
_ENTITIES = "entities.v1.EntityService"
_TOKENS = "identity.v1.TokenService"


class Catalogues:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def routes(self) -> list[Route]:
        return [
            Route(_SKILLS, "Get", skills_pb2.GetRequest, self._skill),
            Route(_PROMPTS, "Resolve", prompts_pb2.ResolveRequest, self._prompt),
            Route(_ENTITIES, "GetCanonical", entities_pb2.GetCanonicalRequest, self._canonical),
            Route(_ENTITIES, "Resolve", entities_pb2.ResolveRequest, self._resolve),
            Route(_TOKENS, "Introspect", identity_pb2.IntrospectRequest, self._introspect),
        ]

    def _skill(self, request: skills_pb2.GetRequest, workspace_id: str) -> skills_pb2.GetResponse:
        skill = found(self._stage.script.skill(request.id), "skill")
        scope = skills_pb2.SkillScope.Value(f"SKILL_SCOPE_{skill.scope}")
        owner = skill.workspace_id or workspace_id
        return skills_pb2.GetResponse(skill=skills_pb2.Skill(id=request.id, scope=scope, workspace_id=owner))

    def _prompt(self, request: prompts_pb2.ResolveRequest, workspace_id: str) -> prompts_pb2.ResolveResponse:
        prompt = found(self._stage.script.prompt(request.name, request.label), "prompt")
        version = prompts_pb2.Version(version=prompt.version, content=prompt.content, model=prompt.model)
        return prompts_pb2.ResolveResponse(version=version)

    def _canonical(
        self, request: entities_pb2.GetCanonicalRequest, workspace_id: str
    ) -> entities_pb2.GetCanonicalResponse:
        entity = found(self._stage.script.entities.get(request.id), "entity")
        return entities_pb2.GetCanonicalResponse(entity=_as_canonical(request.id, entity, workspace_id))

    def _resolve(self, request: entities_pb2.ResolveRequest, workspace_id: str) -> entities_pb2.ResolveResponse:
        record = f"{request.integration_id}/{request.record_id}"
        known = [
            _as_canonical(entity_id, entity, request.workspace_id)
            for entity_id, entity in self._stage.script.entities.items()
            if record in entity.records and entity.workspace_id in ("", request.workspace_id)
        ]
        return entities_pb2.ResolveResponse(entity=found(next(iter(known), None), "entity"))

    def _introspect(
        self, request: identity_pb2.IntrospectRequest, workspace_id: str
    ) -> identity_pb2.IntrospectResponse:
        token = self._stage.script.tokens.get(request.token)
        if token is None:
            return identity_pb2.IntrospectResponse(active=False)
        return _as_active(token)


def _as_active(token: Token) -> identity_pb2.IntrospectResponse:
    told = asdict(token)
    expires_at = told.pop("expires_at")
    reply = identity_pb2.IntrospectResponse(active=True, **told)
    if expires_at:
        reply.expires_at.FromJsonString(expires_at)
    return reply


def _as_canonical(entity_id: str, entity: Entity, workspace_id: str) -> entities_pb2.CanonicalEntity:
    refs = (record.partition("/") for record in entity.records)
    return entities_pb2.CanonicalEntity(
        id=entity_id,
        workspace_id=entity.workspace_id or workspace_id,
        primary_type=entities_pb2.EntityType.Value(f"ENTITY_TYPE_{entity.type}"),
        primary_name=entity.name,
        refs=[entities_pb2.CrossSystemRef(integration_id=name, record_id=record) for name, _, record in refs],
    )
