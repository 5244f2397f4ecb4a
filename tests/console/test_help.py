"""Help at once, completion from the server, and a page that lists every command."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand
from workflows.v1 import workflows_pb2 as pb

from service.cli import app
from service.console import completion, listing
from service.console.exits import MEANINGS
from service.console.options import SHARED
from service.console.session import Session
from tests.console.files import person
from tests.console.shell import Shell
from tests.world import PATIENCE_SECONDS

PAGE = Path(__file__).parents[2] / "docs/command-line.md"


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from service.cli import app\n"
        "assert CliRunner().invoke(app, ['runs', 'start', '--help']).exit_code == 0\n"
        "heavy = {'grpc', 'google.protobuf', 'psycopg', 'nats', 'ruamel.yaml', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy - {'asyncio'}, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_every_command_says_what_it_does() -> None:
    for words, said in listing.commands(app):
        assert said.endswith("."), words
    assert "Usage: workflows runs start" in (await Shell().done("runs", "start", "--help")).out


async def test_the_page_lists_every_command_and_exit_code() -> None:
    page = PAGE.read_text()
    assert listing.markdown(app) in page
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning} |" in page
    assert (await Shell().done("commands")).lines[0].startswith("workflows serve ")


async def test_usage_is_told() -> None:
    for words in (("runs", "start"), ("runs", "nonsense"), ("runs", "list", "--limit", "0"), ("nonsense",)):
        assert (await Shell()(*words)).code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_a_shell_gets_its_script(shell: str) -> None:
    script = (await Shell().done("completion", shell)).out
    assert "_WORKFLOWS_COMPLETE" in script
    assert "workflows" in script


async def test_names_and_ids_are_completed(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    run_id = (await shell.done("runs", "start", name, "--json")).json["id"]
    asking = {"_WORKFLOWS_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    with monkeypatch.context() as patient:
        patient.setattr(completion, "SECONDS", PATIENCE_SECONDS)
        offered = await shell("", COMP_WORDS=f"workflows runs show {run_id[:-3]}", **asking)
        assert offered.out.split() == [run_id]
        offered = await shell("", COMP_WORDS="workflows definitions show ", **asking)
        assert name in offered.out.splitlines()
    asking["WORKFLOWS_ADDRESS"] = "127.0.0.1:1"
    assert (await shell("", COMP_WORDS="workflows runs show ", **asking)).out.strip() == ""


NAMES = ["x\\$(touch gone)", "a;reboot", "$(id)", "`id`", "a\nb", "-f", "a\x1b[2J", "'", '"', "*", "a|b", "~", "a>b"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_no_name_means_anything_to_a_shell(
    shell: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = pb.ListDefinitionsResponse(
        definitions=[
            pb.WorkflowDefinition(id="wf_1", name=name, description="told"),
            pb.WorkflowDefinition(id="wf_2", name="Outbound SDR pipeline", description=name),
            pb.WorkflowDefinition(id=name, name=name),
        ]
    )
    monkeypatch.setattr(Session, "ask", lambda *_, **__: found)
    offered = completion.definitions(typer.Context(TyperCommand("show")), "")
    assert [word for word, _ in offered] == ["wf_1", "Outbound SDR pipeline"]
    assert not set("".join(f"{word}{about}" for word, about in offered)) & set("\\$`'\"\n;|*~<>\x1b")


def test_the_shared_options_are_those_of_the_root() -> None:
    from inspect import signature

    from service.console.settings import Settings

    assert {name for name, _ in SHARED} <= set(signature(Settings).parameters)
