"""The files for deploying name settings, commands, ports and paths that exist, and the image's recipe builds."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from service.cli import app
from service.config import table
from service.dev.nats import nats_program

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COPIES = re.findall(r"^COPY (.+) (\S+)$", DOCKERFILE.split("\nFROM ")[1], re.MULTILINE)
"""Of the stage that builds: what, and where to."""
MANIFESTS = sorted((ROOT / "deploy").rglob("*.yaml"))
SETTINGS = {name for name, _, _ in table()} | {"MIGRATE_DATABASE_URL"}
OTHERS = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}
PATHS = {"/healthz", "/readyz"}


def documents(path: Path) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(path))


def within(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a document."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from within(item)
    elif isinstance(value, list):
        for item in value:
            yield from within(item)


def settings(found: dict[str, Any]) -> Iterator[str]:
    if found.get("kind") == "ConfigMap":
        yield from found["data"]
    elif found.get("kind") == "Secret":
        yield from found["stringData"]
    elif isinstance(found.get("environment"), dict):
        yield from found["environment"]
    elif isinstance(found.get("env"), list):
        yield from (item["name"] for item in found["env"])


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_setting_and_command_exists(path: Path) -> None:
    commands = getattr(get_command(app), "commands", {})
    for found in (mapping for document in documents(path) for mapping in within(document)):
        assert set(settings(found)) <= SETTINGS | OTHERS
        if found.get("image", "").startswith("workflows") or "build" in found:
            called = found.get("args") or found.get("command") or ["serve"]
            assert called[0] in commands, called
        if "httpGet" in found:
            assert found["httpGet"]["path"] in PATHS


def test_what_compose_mounts_exists_and_nats_takes_its_configuration() -> None:
    mounted = documents(ROOT / "deploy/compose.yaml")[0]["services"]["nats"]["volumes"][1].split(":")[0]
    checked = [nats_program(), "-t", "-c", ROOT / "deploy" / mounted]
    told = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert "is valid" in told.stderr, told.stderr


def test_the_image_opens_the_ports_that_the_manifests_use() -> None:
    exposed = re.search(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)
    assert exposed is not None
    (deployment, service, _) = documents(ROOT / "deploy/kubernetes/workflows.yaml")
    ports = deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert {str(port["containerPort"]) for port in ports} == set(exposed[1].split())
    assert {port["port"] for port in service["spec"]["ports"]} == {port["containerPort"] for port in ports}
    environment = dict(re.findall(r"(\w+_ADDRESS)=\S+:(\d+)", DOCKERFILE))
    assert set(environment) <= SETTINGS
    assert set(environment.values()) == set(exposed[1].split())


def test_what_the_image_copies_builds_a_wheel_with_all_it_needs(tmp_path: Path) -> None:
    for sources, target in COPIES:
        for source in sources.split():
            copy(ROOT / source, tmp_path / target)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"service/cli/__init__.py", "workflows/v1/workflows_pb2.py"} <= names
    assert {f"service/_sql/migrations/{path.name}" for path in (ROOT / "sql/migrations").iterdir()} <= names


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name.rstrip("/") for names, _ in COPIES for name in names.split()}
    assert copied == kept
