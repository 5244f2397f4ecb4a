"""Runs and versions as SVG images: well-formed whatever people wrote, all that is told, and bounded."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.definition import Edge, StepType, Version
from service.domain.picture import Format, picture_of_run, picture_of_version
from service.domain.picture.drawing import clean
from service.domain.picture.svg_text import fitted, width
from service.domain.plan import Plan
from tests.builders import Story, agent, alone, step, version

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "</text><script>alert(1)</script>",
    '"><a onload="x"',
    "a\x00\x1b\u202eb",
    "\ud800",
    "&#x0;",
    "]]>",
    "\n\r\t",
]


def drawn(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def of_run(story: Story) -> ElementTree.Element:
    return drawn(picture_of_run(story.plan, story.run, story.now, Format.SVG))


def of_version(made: Version, name: str = "Leads") -> ElementTree.Element:
    return drawn(picture_of_version(Plan.of(made), name, Format.SVG))


def texts(image: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in image.iter(f"{SVG}text")]


def strokes(image: ElementTree.Element) -> list[str]:
    """Of the pieces of edges, those of the legend aside."""
    classes = [path.get("class", "") for path in image.findall(f"{SVG}path")]
    return sorted(each.removeprefix("edge ") for each in classes)


def test_a_run_shows_its_state_its_path_times_and_costs(branched: Story) -> None:
    image = of_run(branched)
    seen = texts(image)
    assert seen[:2] == ["wfr_1: RUNNING, $0.25", "version 1 of wf_1, started 2026-03-02 09:00:00 UTC, 0:02:02"]
    assert seen[2:6] == ["AGENT ACTION", "Ask", "COMPLETED", "1.5 s, $0.25"]
    assert {"big", "small", "taken", "not taken", "not decided", "waiting", "skipped"} <= set(seen)
    assert strokes(image) == ["dead", "dead", "open", "taken", "taken"]
    tones = [group.get("class") for group in image.findall(f"{SVG}g") if group.get("class")]
    assert tones == ["completed", "completed", "waiting", "skipped", "pending"]


def test_a_version_shows_kinds_conditions_and_what_undoes_what() -> None:
    made = version(
        [step("pick", StepType.BRANCH), agent("yes", compensation_step_id="undo"), step("no"), step("undo")],
        [Edge("pick", "yes", "input.deal > 1.0", "big"), Edge("pick", "no", "input.deal <= 1.0")],
    )
    image = of_version(made)
    seen = texts(image)
    assert seen[:2] == ["Leads, version 1", "wf_1, 4 steps, 2 edges"]
    assert {"branch", "agent action", "agent_1", "human task", "Undo", "undone by"} <= set(seen)
    assert {"big: input.deal > 1.0", "input.deal <= 1.0"} <= set(seen)
    assert strokes(image) == ["open", "open", "undoes"]


@pytest.mark.parametrize("form", [Format.MERMAID, Format.DOT])
def test_the_other_formats_draw_versions_too(form: Format) -> None:
    made = version([step("a", compensation_step_id="undo"), step("b"), step("undo")], [Edge("a", "b", "", "then")])
    text = picture_of_version(Plan.of(made), "Leads", form)
    said = {"MERMAID": 's0 -.-|"undone by"| s2', "DOT": 's0 -> s2 [style=dashed, label="undone by"]'}
    assert said[form] in text
    assert "Leads, version 1" in text
    assert "human task" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_breaks_out_of_its_place(name: str) -> None:
    made = version([step("one", name=name), step("two")], [Edge("one", "two", "", name)])
    plain = version([step("one", name="x"), step("two")], [Edge("one", "two", "", "x")])
    images = [of_version(made, name), of_version(plain, "x")]
    tags = [[element.tag for element in image.iter()] for image in images]
    assert tags[0] == tags[1]
    assert not {key for element in images[0].iter() for key in element.keys() if key.startswith("on")}  # noqa: SIM118


@given(st.text(max_size=60))
def test_any_name_can_be_drawn(name: str) -> None:
    story = alone(step("one", name=name))
    assert all(char.isprintable() for text in texts(of_run(story)) for char in text)


def test_texts_are_cleaned_and_cut_to_their_room() -> None:
    assert clean(" a\u202e\x00\nb\u200b ") == "a b"
    assert fitted("short", 10, 100) == "short"
    cut = fitted("w" * 100, 10, 100)
    assert cut.endswith("…")
    assert width(cut, 10) <= 100
    assert width("漢字", 10) == 20


def test_an_image_fetches_and_runs_nothing(branched: Story) -> None:
    text = picture_of_run(branched.plan, branched.run, branched.now, Format.SVG)
    for word in ("<script", "href", "@import", "<foreignObject", "<image", "url(http"):
        assert word not in text


def test_the_largest_versions_stay_bounded() -> None:
    """Whatever they are called: one answer is at most 4 MiB."""
    name = "&" * 200
    steps = [agent(f"s{number}", name=name) for number in range(500)]
    pairs = [(max(0, number - back), number) for number in range(1, 500) for back in (1, 7, 61, 300)]
    made = version(steps, [Edge(f"s{source}", f"s{target}", "", name) for source, target in dict.fromkeys(pairs)])
    story = Story(made)
    text = picture_of_run(story.plan, story.run, story.now, Format.SVG)
    assert len(text) < 4_000_000
    assert text.count('class="name"') == 500
