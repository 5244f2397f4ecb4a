"""`workflows definitions`: files become versions, once, and what is published can be looked at."""

import json
from pathlib import Path
from uuid import uuid4

from ruamel.yaml import YAML

from service.console.files import MOST_BYTES
from tests.console.files import EXAMPLE, person
from tests.console.shell import Shell
from tests.world import WORKSPACE


async def test_a_file_is_published_once(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    first = await shell.done("definitions", "apply", "-f", str(path))
    assert first.lines == [f"{name}: created, version 1 published"]
    assert (await shell.done("definitions", "apply", "-f", str(path))).lines == [f"{name}: unchanged"]
    path.write_text(path.read_text().replace("Look at it", "Look well").replace("slack", "email"))
    dry = await shell.done("definitions", "apply", "-f", str(path), "--dry-run")
    assert dry.lines[-1] == f"{name}: version 2 would be published"
    assert "-    name: Look at it" in dry.lines
    assert "+    name: Look well" in dry.lines
    changed = await shell.done("definitions", "apply", "-f", str(path), "--json")
    [told] = changed.json["applied"]
    assert (told["outcome"], told["version"], told["name"]) == ("published", 2, name)
    assert "-    notification_channel: slack\n+    notification_channel: email" in told["difference"]


async def test_a_dry_run_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    dry = await shell.done("definitions", "apply", "-f", str(path), "--dry-run")
    assert dry.lines == [f"{name}: would be created and published"]
    assert (await shell("definitions", "show", name)).code == 4


async def test_one_mistake_leaves_all_unpublished(shell: Shell, tmp_path: Path) -> None:
    good, name = person(tmp_path)
    bad, _ = person(tmp_path)
    bad.write_text(bad.read_text().replace("look -> tell", "{from: look, to: tell, when: look.output.x ==}"))
    ended = await shell("definitions", "apply", "-f", str(good), "-f", str(bad))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[0] == "workflows: refused, nothing was changed"
    assert f"  {bad}:9: error: edges[0].condition_expr:" in ended.err
    assert (await shell("definitions", "show", name)).code == 4
    told = await shell("definitions", "apply", "-f", str(bad), "--json")
    [found] = json.loads(told.err)["error"]["findings"]
    assert (found["path"], found["file"]) == ("edges[0].condition_expr", f"{bad}:9")


async def test_all_that_a_file_says_wrongly_is_told_to_programs(shell: Shell) -> None:
    text = "name: x\nsteps:\n- {id: 5, type: brunch}\n"
    error = json.loads((await shell("definitions", "validate", "-f", "-", "--json", stdin=text)).err)["error"]
    assert [line.split(" ")[:2] for line in error["wrong"]] == [
        ["stdin:3:", "steps[0].id"],
        ["stdin:3:", "steps[0].type"],
    ]


async def test_validate_says_the_same_and_more(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    assert (await shell.done("definitions", "validate", "-f", str(path))).lines == [f"{name}: valid"]
    path.write_text(path.read_text().replace("look -> tell", "look -> tel"))
    ended = await shell("definitions", "validate", "-f", str(path))
    assert ended.code == 1
    assert ended.lines[0].startswith(f"{path}:9: error: edges[0].to_step_id: ")
    assert ended.lines[-1] == f"{name}: cannot be published"
    assert (await shell("definitions", "validate", "-f", str(path), "--json")).json["valid"] is False
    example = await shell.done("definitions", "validate", "-f", str(EXAMPLE))
    assert f"{EXAMPLE}:42: warning: steps[3]:" in example.out


async def test_stdin_holds_several_documents(shell: Shell, tmp_path: Path) -> None:
    one, first = person(tmp_path)
    two, second = person(tmp_path)
    text = f"{one.read_text()}\n---\n{two.read_text()}"
    ended = await shell.done("definitions", "apply", "-f", "-", "--key", str(uuid4()), stdin=text)
    assert ended.lines == [f"{name}: created, version 1 published" for name in (first, second)]


async def test_more_than_any_definition_is_not_read(shell: Shell) -> None:
    ended = await shell("definitions", "validate", "-f", "-", stdin="# " + "x" * MOST_BYTES)
    assert (ended.code, ended.err) == (2, "workflows: stdin is larger than 2 MiB, the most that is read\n")


async def test_a_file_for_another_workspace_is_refused(shell: Shell, tmp_path: Path) -> None:
    path, _ = person(tmp_path)
    ended = await shell("definitions", "apply", "-f", str(path), "--workspace", "ws_other")
    assert ended.code == 2
    assert f"{path}:2: this is for workspace {WORKSPACE}, and --workspace says ws_other" in ended.err


async def test_a_definition_is_described_as_its_file_does(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    path.write_text(path.read_text().replace("[small]", "[large]"))
    dry = await shell.done("definitions", "apply", "-f", str(path), "--dry-run")
    assert dry.lines == [f"{name}: would be described anew"]
    assert f"{path}:4: would set the definition's tags" in dry.err
    assert (await shell.done("definitions", "apply", "-f", str(path))).lines == [f"{name}: described anew"]
    assert (await shell.done("definitions", "apply", "-f", str(path))).lines == [f"{name}: unchanged"]
    path.write_text(path.read_text().replace("[large]", "[small]").replace("Look at it", "Look well"))
    both = await shell.done("definitions", "apply", "-f", str(path), "--key", str(uuid4()))
    assert both.lines[-1] == f"{name}: version 2 published"
    assert f"{path}:4: sets the definition's tags" in both.err
    assert (await shell.done("definitions", "show", name, "--json")).json["definition"]["tags"] == ["small"]


async def test_a_name_that_nobody_has_is_told_to_programs_as_an_id_would_be(shell: Shell) -> None:
    for nobody in ("nobody", "wf_nobody"):
        ended = await shell("definitions", "show", nobody, "--json")
        error = json.loads(ended.err)["error"]
        told = (ended.code, error["status"], error["reason"], error["try_again"])
        assert told == (4, "NOT_FOUND", "definition_not_found", False)


async def test_a_definition_is_described_by_hand(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    words = ("definitions", "describe", name)
    assert (await shell.done(*words, "--tag", "z")).lines[-1].split() == ["version", "1"]
    told = await shell.done(*words, "--description", "for the desk", "--tag", "a", "--tag", "b", "--json")
    assert (told.json["description"], told.json["tags"]) == ("for the desk", ["a", "b"])
    without = await shell.done(*words, "--no-tags", "--json")
    assert (without.json["description"], without.json["tags"]) == ("for the desk", [])
    assert (await shell(*words)).code == 2
    assert (await shell(*words, "--no-tags", "--tag", "a")).code == 2


async def test_a_definition_is_shown_and_written_back(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    shown = await shell.done("definitions", "show", name)
    assert shown.lines[0].split(maxsplit=1) == ["name", name]
    assert any(line.split() == ["look", "human_task", "Look", "at", "it"] for line in shown.lines)
    found = (await shell.done("definitions", "show", name, "--json")).json
    assert found["version"]["steps"][0]["step_type"] == "STEP_TYPE_HUMAN_TASK"
    copy = tmp_path / "copy.yaml"
    copy.write_text((await shell.done("definitions", "show", found["definition"]["id"], "--yaml")).out)
    assert YAML(typ="safe").load(copy)["steps"][1]["notification_channel"] == "slack"
    assert (await shell.done("definitions", "apply", "-f", str(copy))).lines == [f"{name}: unchanged"]
    assert (await shell("definitions", "show", name, "--version", "7")).code == 4


async def test_definitions_and_versions_are_listed(shell: Shell, tmp_path: Path) -> None:
    workspace = f"ws_{uuid4()}"
    path, name = person(tmp_path)
    path.write_text(path.read_text().replace(WORKSPACE, workspace))
    await shell.done("definitions", "apply", "-f", str(path), "--workspace", workspace)
    listed = await shell.done("--workspace", workspace, "definitions", "list", "--tag", "small")
    assert (listed.cell("NAME"), listed.cell("VERSION"), len(listed.lines)) == (name, "1", 2)
    assert (await shell.done("definitions", "list", "--workspace", "ws_empty")).lines == ["no definitions"]
    some = await shell.done("definitions", "list", "-n", "1", "--json")
    assert len(some.json["definitions"]) == 1 < some.json["total"]
    versions = await shell.done("definitions", "versions", name, "--workspace", workspace)
    assert (versions.cell("STEPS"), versions.cell("EDGES")) == ("2", "1")


async def test_a_definition_is_disabled_and_bounded(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    assert (await shell.done("definitions", "disable", name)).lines == [f"{name}: disabled, no run starts"]
    refused = await shell("runs", "start", name)
    assert refused.code == 1
    assert "FAILED_PRECONDITION, definition_disabled" in refused.err
    assert (await shell.done("definitions", "enable", name, "--json")).json == {"enabled": True}
    assert (await shell.done("definitions", "limit", name, "1h30m")).lines == [f"{name}: at most 1h 30m"]
    assert (await shell.done("definitions", "limit", name, "0")).lines == [f"{name}: no bound"]


async def test_versions_are_compared(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    assert (await shell.done("definitions", "diff", name, "-f", str(path), "--exit-code")).lines == ["nothing differs"]
    await shell.done("runs", "start", name)
    path.write_text(path.read_text().replace("id: tell", "id: say").replace("-> tell", "-> say"))
    applied = await shell.done("definitions", "apply", "-f", str(path))
    assert "1 run goes on with version 1; a fork could not keep tell" in applied.err
    compared = await shell("definitions", "diff", name, "--exit-code")
    assert compared.code == 3
    assert {"+ step say", "- step tell", "+ edge look -> say", "- edge look -> tell"} <= set(compared.lines)
    path.write_text(path.read_text().replace("name: Look at it", "name: Look well, timeout: 1h"))
    draft = await shell.done("definitions", "diff", name, "-f", str(path))
    assert draft.lines[:3] == [
        "~ step look",
        '    name: "Look at it" -> "Look well"',
        "    timeout_seconds: nothing -> 3600",
    ]
    told = (await shell.done("definitions", "diff", name, "--from", "2", "--to", "1", "--json")).json
    assert (told["from_version"], told["to_version"]) == (2, 1)


async def test_a_version_is_drawn(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    assert "flowchart TD" in (await shell.done("definitions", "graph", name)).lines
    output = tmp_path / "graph.svg"
    await shell.done("definitions", "graph", name, "--format", "svg", "-o", str(output))
    assert output.read_text().lstrip().startswith("<svg")


async def test_schemas_are_set_and_travel_with_the_file(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    set_ = await shell.done("definitions", "schemas", name, "--input", '{"required": ["email"]}')
    assert [set_.lines[at].split()[-1] for at in (1, -2, -1)] == ["1", '{"required":["email"]}', "anything"]
    refused = await shell("runs", "start", name)
    assert refused.code == 1
    assert "input_schema" in refused.err
    kept = await shell.done("definitions", "schemas", name, "--output", '{"type": "object"}', "--json")
    assert (kept.json["revision"], kept.json["input_schema"]) == (2, {"required": ["email"]})
    assert (await shell.done("definitions", "apply", "-f", str(path))).lines == [f"{name}: unchanged"]
    written = (await shell.done("definitions", "show", name, "--yaml")).out
    path.write_text(written)
    assert (await shell.done("definitions", "apply", "-f", str(path))).lines == [f"{name}: unchanged"]
    path.write_text(written.replace("- email", "- name"))
    changed = await shell.done("definitions", "apply", "-f", str(path))
    assert {"-    - email", "+    - name", f"{name}: schemas of version 1 set"} <= set(changed.lines)
    path.write_text(path.read_text().replace("Look at it", "Look well"))
    dry = await shell.done("definitions", "apply", "-f", str(path), "--dry-run")
    assert dry.lines[-1] == f"{name}: version 2 would be published"
    await shell.done("definitions", "apply", "-f", str(path))
    second = (await shell.done("definitions", "schemas", name, "--json")).json
    assert (second["version"], second["input_schema"]) == (2, {"required": ["name"]})
    await shell.done("definitions", "apply", "-f", str(person(tmp_path, name)[0]))  # a file that says nothing of them
    third = (await shell.done("definitions", "schemas", name, "--json")).json
    assert (third["version"], third["input_schema"]) == (3, {"required": ["name"]})
    assert (await shell("definitions", "schemas", name, "--input", "[]")).code == 2
