"""The schemas beside a version: what its runs may start with and what they have to yield.

They are checked like forms, bounded as those are. A run keeps the revision that it was started under, so what checks
its output was known when it began and folding its history gives the same run again. Called where runs begin and where
they complete.
"""

from service.domain.definition import Payload, Schemas
from service.domain.errors import Kind, Refusal, Violation
from service.domain.forms import violations

INPUT_SCHEMA = "input_schema"
"""Why a run is not started."""

OUTPUT_SCHEMA = "output_schema"
"""Why one has failed."""


def check_input(schemas: Schemas, payload: Payload) -> None:
    """Raises Refusal, naming every place below `input_payload` that does not conform."""
    if found := _faults(schemas.input, payload, "input_payload"):
        raise Refusal(Kind.INVALID, "input_schema", _demanded(found, "input"), found)


def check_forked_input(schemas: Schemas, payload: Payload) -> None:
    """The same for the input of a run that is forked: not the request is wrong, the version demands something else."""
    if found := _faults(schemas.input, payload, "input_payload"):
        raise Refusal(Kind.CONFLICT, "input_schema", _demanded(found, "input"), found)


def output_fault(schemas: Schemas, output: Payload) -> str:
    """Why the output does not conform, in words that show no value of it; empty when it does."""
    found = _faults(schemas.output, output, "output_payload")
    return _demanded(found, "output") if found else ""


def _faults(schema: Payload, payload: Payload, field: str) -> tuple[Violation, ...]:
    return violations(schema, payload, field, "schema_mismatch") if schema else ()


def _demanded(found: tuple[Violation, ...], which: str) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0].path} {found[0].message}, as the {which} schema demands{more}"
