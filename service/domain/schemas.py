"""The schemas beside a version: what its runs may start with and what they have to yield.

They are checked like forms, bounded as those are. A run keeps the revision that it was started under, so what checks
its output was known when it began and folding its history gives the same run again. Called where runs begin and where
they complete.
"""

from service.domain.definition import Payload, Schemas
from service.domain.errors import Kind, Refusal
from service.domain.forms import violations

INPUT_SCHEMA = "input_schema"
OUTPUT_SCHEMA = "output_schema"


def check_input(schemas: Schemas, payload: Payload, kind: Kind = Kind.INVALID) -> None:
    """Raises Refusal (`input_schema`), naming every place below `input_payload` that does not conform."""
    if schemas.input and (found := violations(schemas.input, payload, "input_payload", "schema_mismatch")):
        raise Refusal(kind, INPUT_SCHEMA, f"{found[0].path} {found[0].message}, as the input schema demands", found)


def output_fault(schemas: Schemas, output: Payload) -> str:
    """Why the output does not conform, in words that show no value of it; empty when it does."""
    found = violations(schemas.output, output, "output_payload", "schema_mismatch") if schemas.output else ()
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0].path} {found[0].message}, as the output schema demands{more}" if found else ""
