"""Runs as text to be drawn: the path taken, states, times and costs, and texts that cannot break out of it."""

from collections.abc import Callable

import pytest

from service.domain.commands import CompensateRun
from service.domain.definition import Edge, RetryPolicy
from service.domain.picture import Format, picture_of_run
from service.domain.state import StepState
from tests.builders import NO, NOW, Story, agent, alone, edges, step, version


def mermaid(story: Story) -> str:
    return picture_of_run(story.plan, story.run, story.now, Format.MERMAID)


def dot(story: Story) -> str:
    return picture_of_run(story.plan, story.run, story.now, Format.DOT)


def test_mermaid_shows_the_path_with_states_times_and_costs(branched: Story) -> None:
    assert mermaid(branched).splitlines() == [
        "---",
        'title: "wfr_1: RUNNING, $0.25"',
        "---",
        "flowchart TD",
        '  s0["Ask<br/>COMPLETED<br/>1.5 s, $0.25"]:::completed',
        '  s1["Pick<br/>COMPLETED<br/>0.0 s"]:::completed',
        '  s2["Yes<br/>WAITING<br/>0:02:00"]:::waiting',
        '  s3["No<br/>SKIPPED"]:::skipped',
        '  s4["End<br/>PENDING"]:::pending',
        "  s0 ==> s1",
        '  s1 ==>|"big"| s2',
        '  s1 -.->|"small"| s3',
        "  s2 --> s4",
        "  s3 -.-> s4",
        "  classDef completed fill:#c8e6c9,stroke:#555,color:#111",
        "  classDef pending fill:#ffffff,stroke:#555,color:#111",
        "  classDef skipped fill:#eeeeee,stroke:#555,color:#111",
        "  classDef waiting fill:#fff9c4,stroke:#555,color:#111",
    ]


def test_dot_shows_the_same(branched: Story) -> None:
    assert dot(branched).splitlines() == [
        "digraph run {",
        '  label="wfr_1: RUNNING, $0.25"; labelloc=t; node [shape=box, style=filled, fontname=Helvetica]',
        '  s0 [label="Ask\\nCOMPLETED\\n1.5 s, $0.25", fillcolor="#c8e6c9"]',
        '  s1 [label="Pick\\nCOMPLETED\\n0.0 s", fillcolor="#c8e6c9"]',
        '  s2 [label="Yes\\nWAITING\\n0:02:00", fillcolor="#fff9c4"]',
        '  s3 [label="No\\nSKIPPED", fillcolor="#eeeeee"]',
        '  s4 [label="End\\nPENDING", fillcolor="#ffffff"]',
        "  s0 -> s1 [style=bold]",
        '  s1 -> s2 [style=bold, label="big"]',
        '  s1 -> s3 [style=dotted, label="small"]',
        "  s2 -> s4 [style=solid]",
        "  s3 -> s4 [style=dotted]",
        "}",
    ]


def test_items_and_retries_are_counted() -> None:
    story = alone(agent("each", config={"items": "[1.0, 2.0, 3.0]"}))
    story.link("each[1]", "obj_1")
    story.objective("each[1]", "COMPLETED", "1", done=True)
    assert "Each<br/>RUNNING, 1 of 3 items<br/>0.0 s, $1" in mermaid(story)
    story = alone(agent("again", retry_policy=RetryPolicy(2, 60)))
    story.fault("again/1/PrepareObjective", NO)
    assert "Again<br/>PENDING, retry 1<br/>0.0 s" in mermaid(story)


def test_a_step_that_undoes_another_shows_once_it_is_part_of_the_run() -> None:
    steps = [step("a", compensation_step_id="undo"), step("b"), step("undo")]
    story = Story(version(steps, edges("a>b")))
    story.complete("a")
    assert "Undo" not in mermaid(story)
    story.report("b", StepState.FAILED)
    story.do(CompensateRun(""))
    assert '  s0 -.-|"undone by"| s2' in mermaid(story).splitlines()
    assert '  s0 -> s2 [style=dashed, label="undone by"]' in dot(story).splitlines()


@pytest.mark.parametrize("name", ['"];x["', "a\nb --> c", "<script>&", "back\\", "`#quot;`"])
def test_no_text_breaks_out_of_its_box(name: str) -> None:
    story = alone(step("one", name=name))
    plain = alone(step("one", name="plain"))
    for drawn, like in ((mermaid(story), mermaid(plain)), (dot(story), dot(plain))):
        assert len(drawn.splitlines()) == len(like.splitlines())
    (box,) = [line for line in mermaid(story).splitlines() if line.startswith("  s0[")]
    inner = box.removeprefix('  s0["').removesuffix('"]:::waiting').replace("<br/>", "")
    assert not set(inner) & set('"<>&\\`')


@pytest.mark.parametrize("draw", [mermaid, dot])
def test_no_text_holds_what_a_terminal_would_obey(draw: Callable[[Story], str]) -> None:
    name = "\x1b]0;mine\x07\x9b31m\x7f\u202etxt"
    story = Story(version([step("a", name=name), step("b")], [Edge("a", "b", label=name)]))
    assert all(each.isprintable() for each in draw(story).splitlines())


def test_dot_escapes_quotes_and_backslashes() -> None:
    assert '[label="a\\"b\\\\c\\nWAITING\\n0.0 s",' in dot(alone(step("one", name='a"b\\c')))


def test_a_step_without_a_name_goes_by_its_id() -> None:
    assert '["one<br/>WAITING' in mermaid(alone(step("one", name="")))


def test_a_clock_that_lags_takes_no_time_back() -> None:
    story = alone(step("one"))
    story.now = NOW.replace(year=2025)
    assert "0.0 s" in mermaid(story)
