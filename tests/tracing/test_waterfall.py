"""A trace, and two side by side, as a person reads them."""

from __future__ import annotations

from dataclasses import replace

from rung.cli.screen import printable
from rung.records import Passage, plain
from rung.records.steps import GenerateResult, SearchResult
from rung.tracing.comparing import comparison_lines, differences
from rung.tracing.parent import TraceParent
from rung.tracing.waterfall import NOT_CAPTURED, list_lines, trace_lines
from tests.tracing.traces import FOUND, ending, made, opening, run, runs, spans

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u202eevil\u2028line\x9b31m\n[fake] line"


def test_a_trace_with_its_texts() -> None:
    text = "\n".join(trace_lines(made("ab" * 16, content=True)))
    for part in (
        f"{'ab' * 16}: rag, 20",
        "asked by ann (key:0a1b2c3d4e5f), who reads staff",
        "40 tokens read (30 of them cached), 5 made; $0.250000",
        "cites [1] docs/a.md 0-11",
        "##                           0.000    0.100  1. retrieval: 1 passages",
        "  ###################        0.100    0.800  2. chat scripted: 40 read, 5 made, $0.25",
        "   question:\n      What does it cost?",
        "   docs/a.md 0-11, score 0.5\n      Nine euros.",
        "   prompt, user:\n      Nine euros.\n      What does it cost?",
        "   answer:\n      Nine euros. [1]",
    ):
        assert part in text, text
    assert NOT_CAPTURED not in text


def test_where_texts_were_not_captured_it_is_said() -> None:
    text = "\n".join(trace_lines(made()))
    assert NOT_CAPTURED in text
    assert "docs/a.md 0-11, score 0.5" in text
    assert "euros" not in text


def test_an_error_and_a_caller_s_trace_are_told() -> None:
    parent = TraceParent("cd" * 16, "ef" * 8, True)
    text = " ".join("\n".join(trace_lines(made(parent=parent, error="timeout", content=True))).split())
    assert f"part of trace {'cd' * 16}, below the caller's span {'ef' * 8}" in text
    assert "error timeout" in text
    assert text.endswith("there was no answer")


def test_hostile_texts_and_names_do_nothing_to_a_terminal() -> None:
    found = SearchResult((replace(FOUND, document=HOSTILE, text=HOSTILE),))
    steps = [replace(runs()[0], result=found), replace(runs(HOSTILE)[1], result=GenerateResult(HOSTILE, 1, 1))]
    asked = replace(opening(asked=HOSTILE), caller=HOSTILE, deployment=HOSTILE)
    trace = spans(content=True).trace(asked, steps, ending(HOSTILE, error=""))
    lines = [*trace_lines(trace), *list_lines([trace.summary]), *comparison_lines(trace, made(content=True))]
    shown = [printable(line, breaks=False) for line in lines]
    assert not [line for line in shown if any(c in line for c in "\x1b\x07\r\x9b\u202e\u2028\n")]
    assert not [line for line in shown if line.startswith("[fake]")]
    assert sum("\\u001b" in line for line in shown) > 4


def test_a_list_has_a_line_each() -> None:
    unpriced = spans().trace(opening("cd" * 16), [run(runs()[1].step, GenerateResult("x", 1, 1))], ending())
    lines = list(list_lines([made("ab" * 16, error="timeout").summary, unpriced.summary]))
    assert len(lines) == 3
    promoted = replace(unpriced.summary, deployment="rung", deployment_id="0a1b2c3d4e5f")
    assert list(list_lines([promoted]))[1].endswith("rung 0a1b2c3d4e5f, ann")
    assert "abababababab" in lines[1]
    assert lines[1].endswith("0.2500 rag, ann; timeout")
    assert lines[2].endswith("       ? rag, ann")


def test_the_same_again_is_the_same() -> None:
    one, other = made(content=True), made(content=True)
    told = differences(one, other)
    assert told == {"same": dict.fromkeys(told["same"], True), "gone": [], "new": []}  # type: ignore[arg-type]
    text = "\n".join(comparison_lines(one, other))
    assert "answer: the same" in text
    assert "passages: the same 1, in the same order" in text


def test_what_is_other_is_told() -> None:
    one = made(content=True)
    found = SearchResult((Passage("docs/b.md#0-3", "docs/b.md", 0, 3, "Ten"),))
    steps = [replace(runs()[0], result=found, engine="index 2"), replace(runs()[1], result=GenerateResult("Ten.", 41, 2))]
    other = spans(content=True).trace(replace(opening(), digest="e" * 64), steps, ending("Ten."))
    told = differences(one, other)
    same = told["same"]
    assert isinstance(same, dict)
    assert {name for name, is_same in same.items() if is_same} == {"index_version", "error"}
    assert (told["gone"], told["new"]) == ([["docs/a.md", 0, 11]], [["docs/b.md", 0, 3]])
    text = "\n".join(comparison_lines(one, other))
    for part in (
        "digest           dddddddddddd                 eeeeeeeeeeee",
        "tokens read      40                           41",
        "gone: docs/a.md 0-11",
        "new: docs/b.md 0-3",
        "answer, recorded:\n  Nine euros. [1]\nanswer, now:\n  Ten.",
        "cost             $0.250000                    cost unknown",
    ):
        assert part in text, text
    assert plain(told)
