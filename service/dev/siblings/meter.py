"""The simulated meter: records of what objectives have cost, found by a value of their metadata."""

from meter.v1 import meter_pb2 as pb

from service.dev.siblings.serving import Route
from service.dev.siblings.stage import Stage, new_id, timestamp

_SERVICE = "meter.v1.MeterService"


class Meter:
    def __init__(self, stage: Stage) -> None:
        self.records: list[pb.UsageRecord] = []
        self._stage = stage

    def routes(self) -> list[Route]:
        return [Route(_SERVICE, "QueryUsage", pb.QueryUsageRequest, self._query)]

    def record(self, objective_id: str, cost_usd: float, record_id: str = "") -> None:
        record = pb.UsageRecord(id=record_id or new_id("use"), total_cost_usd=cost_usd, timestamp=timestamp())
        record.metadata.update({"objective_id": objective_id})
        self.records.append(record)
        self._stage.moved()

    def _query(self, request: pb.QueryUsageRequest, workspace_id: str) -> pb.QueryUsageResponse:
        fitting = [
            record
            for record in self.records
            if request.metadata_key in record.metadata
            and record.metadata[request.metadata_key] == request.metadata_value
        ]
        return pb.QueryUsageResponse(records=fitting)
