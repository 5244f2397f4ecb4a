"""Who the pipeline is run for, and what the simulated siblings make of it.

The pipeline, the first lead and the agents' results are the contract's own fixtures, so the demo shows what the
contract promises; the second lead is the same story with a smaller deal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.message import Message
from workflows.v1 import workflows_pb2 as pb

from service.dev.demo.verdict import DemoError
from service.dev.siblings import RegisteredAgent, Ruling, Script, Work

RESEARCH, QUALIFY, OUTREACH = "company.research", "lead.qualify", "outreach.send"
RESEARCH_SECONDS, QUALIFY_SECONDS, OUTREACH_SECONDS, MANAGER_SECONDS = 0.8, 0.6, 0.5, 1.5
OUTREACH_COST_USD = 0.008

_SAM = {
    "email": "sam.okafor@harbour.example",
    "first_name": "Sam",
    "last_name": "Okafor",
    "company": "Harbour Bakery",
    "domain": "harbour.example",
    "lifecycle_stage": "lead",
}
_FIXTURES = Path(__file__).parents[3] / "proto/workflows/v1/testdata"

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Lead:
    """What a run starts with, and what the agents will find out about it."""

    start: pb.StartRunRequest
    research: Mapping[str, Any]
    qualification: Mapping[str, Any]
    costs_usd: tuple[float, float]

    @property
    def deal_usd(self) -> int:
        return int(self.qualification["deal_value_usd"])

    @property
    def work(self) -> dict[str, Work]:
        """By action type."""
        research_usd, qualify_usd = self.costs_usd
        sent = {"message_id": "msg_outreach", "channel": "email"}
        return {
            RESEARCH: Work(self.research, research_usd, RESEARCH_SECONDS),
            QUALIFY: Work(self.qualification, qualify_usd, QUALIFY_SECONDS),
            OUTREACH: Work(sent, OUTREACH_COST_USD, OUTREACH_SECONDS),
        }


def pipeline() -> pb.PublishVersionResponse:
    """The outbound sales pipeline. Raises DemoError outside the source tree."""
    return _fixture("publish_version_response.json", pb.PublishVersionResponse())


def high_value_lead() -> Lead:
    """The lead of the fixture. Raises DemoError outside the source tree."""
    run = _fixture("get_run_response.json", pb.GetRunResponse()).run
    research, qualification = run.steps[0], run.steps[1]
    return Lead(
        pb.StartRunRequest(
            workspace_id=run.workspace_id,
            initiator_agent_id=run.initiator_agent_id,
            entity_id=run.entity_id,
            entity_type=run.entity_type,
            input_payload=run.input_payload,
        ),
        MessageToDict(research.output_payload),
        MessageToDict(qualification.output_payload),
        (research.cost_usd, qualification.cost_usd),
    )


def standard_lead(like: Lead) -> Lead:
    """A smaller company, a smaller deal."""
    start = pb.StartRunRequest()
    start.CopyFrom(like.start)
    start.entity_id = "ent_sam_okafor"
    start.input_payload.update({"snapshot": _SAM})
    company = {"name": "Harbour Bakery", "domain": "harbour.example", "employees": 45}
    found = {"qualified": True, "icp_score": 71, "deal_value_usd": 20000, "seats": 40}
    return Lead(start, {"company": company, "sources": 2}, found, like.costs_usd)


def script(lead: Lead) -> Script:
    """What the siblings do; `work` may be changed from run to run."""
    agents = (
        RegisteredAgent("agent_research", (RESEARCH,)),
        RegisteredAgent("agent_qualifier", ("lead.qualification",)),
        RegisteredAgent("agent_sdr", (OUTREACH,)),
    )
    approved = Ruling("APPROVED", by="user_manager", reason="worth it", delay_seconds=MANAGER_SECONDS)
    return Script(agents=agents, work=lead.work, approvals={OUTREACH: approved})


def contact(run: pb.WorkflowRun) -> str:
    """The e-mail address of the lead."""
    return run.input_payload.fields["snapshot"].struct_value.fields["email"].string_value


def _fixture(name: str, message: M) -> M:
    try:
        text = (_FIXTURES / name).read_text()
    except FileNotFoundError:
        raise DemoError("the demo reads its pipeline from proto/: run it in the source tree") from None
    return Parse(text, message)
