"""The page for callers is a shell script that works, and has a recipe for every RPC."""

import asyncio
import os
import re
from pathlib import Path

import psycopg
import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from service.edge.server.server import CONTRACTS
from tests.world import world

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/calling.md").read_text()
RECIPES = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


METHODS = {
    f"{contract.full_name.removeprefix('workflows.')}/{method.name}": method
    for contract in CONTRACTS
    for method in contract.methods
}
CALL = re.compile(r"^\$ call (\S+) '(.*?)'\n(.*?)(?=^\$ |^```)", re.DOTALL | re.MULTILINE)
PAGES_WITH_CALLS = [page for page in sorted((ROOT / "docs").glob("*.md")) if "$ call " in page.read_text()]


def test_every_rpc_has_a_recipe() -> None:
    called = set(re.findall(r"\bcall ((?:ops\.)?v1\.\w+/\w+)", "\n".join(RECIPES)))
    assert called == set(METHODS)


@pytest.mark.parametrize("page", PAGES_WITH_CALLS, ids=lambda page: page.stem)
def test_calls_on_other_pages_are_those_of_a_recipe(page: Path) -> None:
    """As they are spelt here, with a request that the RPC takes, and its answer where it is shown whole."""
    shown = CALL.findall(page.read_text())
    assert shown
    for method, request, answer in shown:
        assert f"call {method} " in PAGE
        found = METHODS[method]
        json_format.Parse(request, GetMessageClass(found.input_type)())
        if answer and "..." not in answer and not found.server_streaming:
            json_format.Parse(answer, GetMessageClass(found.output_type)())


async def test_the_page_works_from_top_to_bottom(database: str, own_nats: EmbeddedNats, script: Script) -> None:
    await put_a_letter_aside(database)
    async with world(database, own_nats.url, script) as found:
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", "\n".join(RECIPES)),
            cwd=ROOT,
            env={**os.environ, "SERVER": found.address},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await shell.communicate()
    assert shell.returncode == 0, f"{said.decode()[-2000:]}\n{complained.decode()}"


async def put_a_letter_aside(database: str) -> None:
    """Something that came over the bus and could not be read."""
    insert = b"insert into dead_letters (bus_subject, raw, headers, reason) values ('a.b', '{', '{}', 'bad_json')"
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as owner:
        await owner.execute(insert)
