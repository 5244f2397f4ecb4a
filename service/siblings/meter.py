"""What an objective has cost, as the meter counts it: the exact sum of its records, each counted once."""

from decimal import Decimal
from math import isfinite

from meter.v1.meter_pb2 import QueryUsageRequest, QueryUsageResponse

from service.domain.answers import UsageReported
from service.domain.calls import QueryUsage
from service.siblings.method import Garbled, SiblingMethod, demand

_KEY = "objective_id"


def usage_request(call: QueryUsage) -> QueryUsageRequest:
    return QueryUsageRequest(metadata_key=_KEY, metadata_value=call.objective_id)


def usage(request: bytes) -> SiblingMethod[QueryUsageResponse, UsageReported]:
    """MeterService.QueryUsage for the objective of this request. No records is an answer, and so is an empty reply."""
    objective_id = QueryUsageRequest.FromString(request).metadata_value

    def read(reply: QueryUsageResponse) -> UsageReported:
        costs = {demand(record.id, "record id"): _cost(record.total_cost_usd) for record in reply.records}
        return UsageReported(objective_id, sum(costs.values(), Decimal(0)), len(costs))

    return SiblingMethod("meter", "/meter.v1.MeterService/QueryUsage", QueryUsageResponse, read)


def _cost(cost_usd: float) -> Decimal:
    """The number as it is written: 0.034 is no more and no less."""
    if not isfinite(cost_usd) or cost_usd < 0:
        raise Garbled(f"not a cost: {cost_usd}")
    return Decimal(repr(cost_usd))
