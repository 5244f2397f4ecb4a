"""The simulated governance service: the script's verdict on an action type, ALLOW where it says nothing."""

from governance.v1 import governance_pb2 as pb

from service.dev.siblings.serving import Route
from service.dev.siblings.stage import Stage

_SERVICE = "governance.v1.GovernanceService"


class Governance:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def routes(self) -> list[Route]:
        return [Route(_SERVICE, "EvaluateAction", pb.EvaluateActionRequest, self._evaluate)]

    def _evaluate(self, request: pb.EvaluateActionRequest, workspace_id: str) -> pb.EvaluateActionResponse:
        verdict = self._stage.script.verdict_on(request.action_type)
        evaluation = pb.ActionEvaluation(
            decision=pb.ActionDecision.Value(f"ACTION_DECISION_{verdict.decision}"),
            risk_level=pb.RiskLevel.Value(verdict.risk_level),
            reasons=verdict.reasons,
            matched_rules=verdict.matched_rules,
        )
        return pb.EvaluateActionResponse(evaluation=evaluation)
