"""Messages as other services send them, byte for byte, with what they must become (`data/*.json`).

The first letter of a name is the message's shape. What the CloudEvents SDK and protobuf write today, `producers` has.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Recorded:
    name: str
    subject: str
    headers: dict[str, str]
    body: bytes
    expect: dict[str, Any]


def _load(path: Path) -> Recorded:
    record = json.loads(path.read_text())
    body = base64.b64decode(record["body_base64"]) if "body_base64" in record else record["body"].encode()
    return Recorded(path.stem, record["subject"], record["headers"], body, record["expect"])


RECORDED = [_load(path) for path in sorted((Path(__file__).parent / "data").glob("*.json"))]
