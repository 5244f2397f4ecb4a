"""README says what is: its tour is run, its table of settings is that of the code, its links lead somewhere."""

import os
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.config import table
from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from service.domain.calls import SIBLINGS
from tests.docs.console import ROOT, alike, said, session
from tests.world import world

README = ROOT / "README.md"
PAGES = [README, ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]


async def test_the_tour_goes_as_it_is_told(database: str, own_nats: EmbeddedNats, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    told = session(README)
    async with world(database, own_nats.url, Script()) as found:
        path = f"{ROOT}:{ROOT / 'generated'}"
        client = {"WORKFLOWS_ADDRESS": found.address, "WORKFLOWS_WORKSPACE": "ws_acme"}
        spoken = await said(told, tmp_path, {**os.environ, **client, "PYTHONPATH": path, "COLUMNS": "150"})
    for shown, real in zip(told, spoken, strict=True):
        assert alike(shown.lines, real.lines), "\n".join((shown.command, *real.lines))


def test_the_table_of_settings_is_that_of_the_code() -> None:
    table = CliRunner().invoke(app, ["config", "--markdown"]).stdout.strip()
    assert table in README.read_text()


def test_every_setting_is_explained_where_it_matters() -> None:
    """The table says what a setting is; a page says when to turn it. Addresses of siblings are explained as one."""
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    siblings = {f"{name.upper()}_ADDRESS" for name in SIBLINGS}
    explained = set(re.findall(r"\b[A-Z][A-Z_]+\b", pages)) | siblings
    assert [name for name, _, _ in table() if name not in explained] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", page.read_text()):
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors(target), f"{link}{anchor}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
