"""Small definitions as files."""

from pathlib import Path
from uuid import uuid4

from tests.world import WORKSPACE

EXAMPLE = Path(__file__).parents[2] / "examples/pipeline.yaml"

PERSON = """
workspace: {workspace}
name: {name}
tags: [small]
steps:
  - {{id: look, type: human_task, name: Look at it, config: {{title: Look, assignee: user_ann}}}}
  - {{id: tell, type: notification, notification_channel: slack, notification_template: t, config: {{recipient: team}}}}
edges:
  - look -> tell
"""


def person(folder: Path, name: str = "", text: str = PERSON) -> tuple[Path, str]:
    """A definition in which a person does the first step; its file and its name."""
    name = name or f"definition {uuid4()}"
    path = folder / f"{uuid4()}.yaml"
    path.write_text(text.format(workspace=WORKSPACE, name=name))
    return path, name
