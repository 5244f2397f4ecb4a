"""Requests drawn at random from their descriptors: mostly almost right, so that they get past the first check.

Known ids are among the texts, and the texts, numbers and payloads are those that have broken things before. One seed
draws one sequence. Called by the fuzzer.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

TEXTS = [
    *(
        "",
        " ",
        "a",
        "a\0b",
        "x" * 129,
        "x" * 3_000,
        "é😀",
        "\u202eabc",
        "'; drop table workflow_runs; --",
        "%s",
        "${x}",
    ),
    *("../../etc/passwd", "<script>", "\\", '"', "\n", "ws_acme", "ws_other", "sign", "pay", "each[3]", "a.b"),
    *(
        "a.*.>",
        "* * * * *",
        "0 0 31 2 *",
        "@reboot",
        "Europe/Berlin",
        "wf_unknown",
        "wfr_unknown/sign",
        "ann",
        "MA==",
        "true",
    ),
    *("input.amount > 1", "[1,2].all(x, x > 0)", "'a'.matches('(a+)+$')", "((", "1/0", "steps.sign.output.x == 1"),
]
NUMBERS = [0, 0, 1, 1, 2, 3, 7, 50, 500, -1, -(2**31), 2**31 - 1]
BIG_NUMBERS = [*NUMBERS, -(2**63), 2**63 - 1, 10**12]
DOUBLES = [0.0, 0.01, 1.0, -1.0, 1e-300, 1e308, float("nan"), float("inf"), -float("inf")]
MOMENTS = [0, 1, 1_767_225_600, 1_800_000_000, -(10**11), 253_402_300_800, 2**62]
INTS = frozenset({FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_UINT32})
LONGS = frozenset({FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_UINT64})


class Drawer:
    def __init__(self, seed: int, names: Mapping[str, str]) -> None:
        self.chance = Random(seed)
        runs = [names[name] for name in ("$RUN", "$DONE", "$FAILED")]
        definitions = [names[name] for name in ("$DEFINITION", "$DRAFT", "$DISABLED", "$SCHEDULED")]
        tasks = [f"{run}/sign" for run in runs]
        self._likely = {
            "id": [*runs, *definitions, *tasks],
            "run_id": runs,
            "definition_id": definitions,
            "step_id": ["sign", "pay"],
            "workspace_id": ["", "ws_acme"],
            "page_token": [""],
        }

    def data(self, method: Descriptor) -> bytes:
        """The bytes of a request; one in twenty is broken."""
        raw: bytes = self.message(method).SerializeToString()
        if self.chance.random() > 0.05:
            return raw
        at = self.chance.randrange(len(raw) + 1)
        return raw[:at] + self.chance.randbytes(self.chance.randrange(4)) + raw[at + self.chance.randrange(3) :]

    def message(self, kind: Descriptor, depth: int = 0) -> Message:
        drawn = GetMessageClass(kind)()
        if isinstance(drawn, Struct):
            self._struct(drawn, self.chance.choice([0, 1, 2, 3, 20]))
        elif isinstance(drawn, Timestamp):
            drawn.seconds, drawn.nanos = self.chance.choice(MOMENTS), self.chance.choice([0, 1, -1, 10**9])
        else:
            for field in kind.fields:
                if depth < 4 and self.chance.random() < (0.9 if field.name in self._likely else 0.4):
                    self._fill(drawn, field, depth)
        return drawn

    def _fill(self, drawn: Message, field: FieldDescriptor, depth: int) -> None:
        if not field.is_repeated:
            value = self._value(field, depth)
            if isinstance(value, Message):
                getattr(drawn, field.name).CopyFrom(value)
            else:
                setattr(drawn, field.name, value)
            return
        count = self.chance.choice([0, 1, 1, 2, 3, 70])
        getattr(drawn, field.name).extend([self._value(field, depth) for _ in range(count)])

    def _value(self, field: FieldDescriptor, depth: int) -> Any:
        match field.type:
            case FieldDescriptor.TYPE_STRING:
                return self._of(self._likely.get(field.name, TEXTS) if self.chance.random() < 0.8 else TEXTS)
            case FieldDescriptor.TYPE_MESSAGE:
                return self.message(field.message_type, depth + 1)  # type: ignore[arg-type]
            case FieldDescriptor.TYPE_ENUM:
                return self._of([*(field.enum_type.values_by_number if field.enum_type else ()), 99, -1])
            case FieldDescriptor.TYPE_BOOL:
                return self.chance.random() < 0.5
            case FieldDescriptor.TYPE_DOUBLE | FieldDescriptor.TYPE_FLOAT:
                return self._of(DOUBLES)
            case kind if kind in INTS:
                return self._of(NUMBERS)
            case kind if kind in LONGS:
                return self._of(BIG_NUMBERS)
            case _:
                raise AssertionError(f"no values for {field.full_name}")

    def _struct(self, into: Struct, levels: int) -> None:
        for _ in range(self.chance.randrange(4)):
            key = self._of(["amount", "x", "y", "", "a\0b", "x" * 300])
            self._json(into.fields[key], levels)

    def _json(self, into: Value, levels: int) -> None:
        match self.chance.randrange(7):
            case 0:
                into.string_value = self._of(TEXTS)
            case 1:
                into.number_value = self._of(DOUBLES)
            case 2:
                into.bool_value = True
            case 3:
                into.null_value = 0  # type: ignore[assignment]
            case 4 if levels:
                self._json(into.list_value.values.add(), levels - 1)
            case 5 if levels:
                self._struct(into.struct_value, levels - 1)
            case _:
                return  # a value of no kind

    def _of(self, values: Sequence[Any]) -> Any:
        return self.chance.choice(values)
