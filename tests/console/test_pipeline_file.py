"""A definition's file: what people write is what is published, and what is wrong is told with its line."""

from pathlib import Path

import pytest
from google.protobuf import json_format
from workflows.v1 import workflows_pb2 as pb

from service.console import documents, pipeline_file, pipeline_text
from service.console.exits import USAGE, Failed
from service.console.files import MOST_BYTES
from tests.console.files import EXAMPLE
from tests.world import fixture


def read(folder: Path, text: str, name: str = "it.yaml") -> list[pipeline_file.Wanted]:
    path = folder / name
    path.write_text(text)
    return [pipeline_file.read(document) for document in documents.read(path)]


def refused(folder: Path, text: str) -> str:
    with pytest.raises(Failed) as caught:
        read(folder, text)
    assert caught.value.code == USAGE
    return "\n".join((caught.value.message, *caught.value.lines)).replace(f"{folder}/", "")


def test_the_example_is_the_pipeline_of_the_contract() -> None:
    [document] = documents.read(EXAMPLE)
    wanted = pipeline_file.read(document)
    published = fixture("publish_version_response.json", pb.PublishVersionResponse)
    assert wanted.request == pipeline_text.graph_of(published.version)
    told = published.definition
    assert (wanted.workspace, wanted.name, wanted.description) == (told.workspace_id, told.name, told.description)
    assert list(wanted.tags) == list(told.tags)


def test_what_is_written_is_read_as_the_same(tmp_path: Path) -> None:
    version = fixture("publish_version_response.json", pb.PublishVersionResponse).version
    version.steps[0].retry_policy.Clear()  # an empty policy says: no retries
    version.steps[0].retry_policy.SetInParent()
    version.steps[1].config.update({"when": "2026-11-03", "odd": "yes", "third": 1 / 3, "much": [1, None, {"a": True}]})
    [wanted] = read(tmp_path, pipeline_text.written(version, {"name": "no: 1"}, {}))
    assert wanted.request == pipeline_text.graph_of(version)
    assert wanted.request.steps[0].HasField("retry_policy")
    assert wanted.name == "no: 1"


def test_protojson_is_read_as_it_is(tmp_path: Path) -> None:
    version = fixture("publish_version_response.json", pb.PublishVersionResponse).version
    request = pipeline_text.graph_of(version)
    request.definition_id, request.author = "wf_1", "user_ann"
    for proto_names in (True, False):
        text = json_format.MessageToJson(request, preserving_proto_field_name=proto_names)
        [wanted] = read(tmp_path, text, "it.json")
        assert wanted.request == request


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_documents", None)
    assert refused(tmp_path, "name: a # " + "x" * MOST_BYTES) == "it.yaml is larger than 2 MiB, the most that is read"
    with pytest.raises(Failed, match="2 MiB"):
        documents.read(Path("/dev/zero"))


def test_a_file_may_hold_several(tmp_path: Path) -> None:
    wanted = read(tmp_path, "name: a\n---\nname: b\nsteps: [{id: x, type: branch}]\n---\n")
    assert [each.name for each in wanted] == ["a", "b"]
    assert wanted[1].place("steps[0].step_type").endswith("it.yaml:4")


def test_yaml_can_be_shared_and_merged(tmp_path: Path) -> None:
    [wanted] = read(tmp_path, "name: a\nsteps:\n- &one {id: x, type: branch, name: X}\n- {<<: *one, id: y}\n")
    assert [(step.id, step.name) for step in wanted.request.steps] == [("x", "X"), ("y", "X")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "it.yaml:1: has to be a mapping"),
        ("steps: []", "it.yaml:1: needs a `name`"),
        ("name: a\nstep: []", "it.yaml:2: step is not known; did you mean steps?"),
        ("name: a\nsteps:\n- id: x\n  typ: branch", "it.yaml:4: steps[0].typ is not known; did you mean type?"),
        ("name: a\nsteps:\n- id: x\n  type: brunch", "it.yaml:4: steps[0].type 'brunch' is none of agent_action,"),
        ("name: a\nsteps:\n- id: 7", "it.yaml:3: steps[0].id has to be text"),
        (
            "name: a\nsteps:\n- id: x\n  type: branch\n  step_type: branch",
            "it.yaml:5: steps[0].step_type says step_type",
        ),
        ("name: a\ntimeout: soon", "it.yaml:2: timeout has to be a duration like 90 or 15m"),
        ("name: a\ntimeout: true", "it.yaml:2: timeout has to be a duration"),
        ("name: a\ntimeout: 99999999999", "it.yaml:2: timeout has to be a duration"),
        ("name: a\nretry: {backoff_multiplier: .inf}", "it.yaml:2: retry.backoff_multiplier has to be a number"),
        ("name: a\nsteps:\n- id: x\n  config:\n    n: .nan", "it.yaml:5: steps[0].config.n is not a finite number"),
        ("name: a\nsteps:\n- id: x\n  config: []", "it.yaml:4: steps[0].config has to be a mapping"),
        ("name: a\nsteps: {id: x}", "it.yaml:2: steps has to be a list"),
        ("name: a\nedges:\n- a -> b -> c", "it.yaml:3: edges[0] has to be a mapping"),
        ("name: a\nname: b", "it.yaml:2: name is there twice"),
        ("name: !!python/object:os.system x", "it.yaml:1: python/object:os.system is not known here"),
        ("name: [", "it.yaml:1: expected the node content"),
        ("a: &a [*a]", "it.yaml cannot be read: it is nested too deeply"),
        ("name: !!int foo", "it.yaml:1: is no int"),
        ("name: !!float foo", "it.yaml:1: is no float"),
        ("name: !!bool foo", "it.yaml:1: is no bool"),
        ("name: a\ntimeout: " + "1" * 5_000, "it.yaml:2: is no int"),
        ("%YAML 3.0\n---\nname: x", "it.yaml cannot be read: it is no YAML 1.2"),
        ("", "it.yaml is empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, "timeout: soon\nsteps:\n- id: 7\n  nme: x")
    assert told.count("it.yaml:") == 4
    assert "(and 3 more)" in told


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert "holds too much" in refused(tmp_path, bomb)
