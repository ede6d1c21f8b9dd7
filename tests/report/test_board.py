"""Does the board fit every terminal, say what is left out, and show the numbers that it is told?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Estimate, Latency
from rung.records.run_state import Event, RunEvent, RungEvent, RunState, WorkEvent
from rung.report.board import Clock, board_lines, clock_time
from rung.report.table import columns

SCORE = Estimate(0.62, 0.5, 0.73, 24)
RUNGS = (
    "prompt",
    "few_shot",
    "rag[passages=1]",
    "rag[passages=3]",
    "tuned_model",
    "a rung with a name that is very long indeed",
)


def state(*events: Event) -> RunState:
    now = RunState()
    for event in events:
        now = now.after(event)
    return now


def running(rungs: int = len(RUNGS)) -> RunState:
    names = [*RUNGS, *(f"rag[chunk={n}]" for n in range(rungs))][:rungs]
    return state(
        RunEvent(project="helpdesk", cases=60, judged_by="f1", limits=("leaks",), seconds_allowed=180.0),
        *(RungEvent(name, "waiting", order=n, note="") for n, name in enumerate(names)),
        RungEvent("oracle", "waiting", order=0, reference=True),
        RungEvent(names[0], answered=24, judged=24, scores={"correct": SCORE, "leaks": SCORE}, latency=Latency(70, 900, 9)),
        RungEvent(
            names[1], "stopped", answered=20, scores={"correct": SCORE}, note="stopped after 20 …", note_kind="misses"
        ),
        RungEvent(names[2], "answering"),
        WorkEvent("answer rag[passages=1]", 3, 20, "loss 1.2, 900 tokens/s, 3:20 left"),
    )


def text(now: RunState, width: int, height: int, messages: tuple[str, ...] = (), left: float | None = None) -> list[str]:
    return [line for line, _ in board_lines(now, Clock(83.0, left), width=width, height=height, messages=messages)]


@given(st.integers(1, 220), st.integers(1, 60), st.integers(3, 40), st.booleans())
def test_it_fits_every_terminal(width: int, height: int, rungs: int, spoke: bool) -> None:
    lines = text(running(rungs), width, height, ("! a message\nof two lines",) * 3 if spoke else (), 140.0)
    assert 1 <= len(lines) <= height
    assert max(map(columns, lines)) <= width
    assert not any("\n" in line for line in lines)


def test_on_eighty_columns_it_has_the_numbers_of_the_table() -> None:
    lines = text(running(), 80, 24, left=140.0)
    assert lines[0] == "helpdesk: 60 cases, correct by f1, 95 % intervals, so far"
    assert lines[1] == "1:23; at most 2:20 left; budget: 1:37 left"
    (prompt,) = (line for line in lines if line.startswith("prompt "))
    assert prompt.split() == ["prompt", "0.62", "[0.50,", "0.73]", "24/60", "0.07/0.90", "-", "waiting"]
    (few_shot,) = (line for line in lines if line.startswith("few_shot "))
    assert few_shot.endswith(" below bar")
    assert lines[-1] == "> answer rag[passages=1]: 3 of 20, loss 1.2, 900 tokens/s, 3:20 left"


def test_a_limited_metric_has_a_column_where_there_is_room() -> None:
    assert any("leaks" in line for line in text(running(), 140, 24))
    assert not any("leaks" in line for line in text(running(), 80, 24))


def test_on_a_low_terminal_those_at_work_are_shown_and_the_rest_is_counted() -> None:
    lines = text(running(20), 60, 9)
    assert any(line.startswith("rag[passages=1]") for line in lines)
    (rest,) = (line for line in lines if line.startswith("… "))
    rows = lines[3:-2]
    assert rest.startswith(f"… {21 - len(rows)} more: ")


def test_settings_of_one_rung_are_told_apart_on_narrow_terminals() -> None:
    lines = text(running(), 40, 24)
    one, three = (line for line in lines if line.startswith("rag"))
    assert one.split()[0] != three.split()[0]


def test_the_last_message_is_shown_with_how_many_there_are() -> None:
    assert text(running(), 80, 24, ("first", "! second\nand more"))[-1] == (
        "2 messages, in full at the end; the last: ! second and more"
    )


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (83, "1:23"), (3723, "1:02:03"), (-5, "0:00")])
def test_times(seconds: float, words: str) -> None:
    assert clock_time(seconds) == words


def test_an_event_changes_what_it_names_alone() -> None:
    now = state(RungEvent("rag", "answering", order=3, answered=5), RungEvent("rag", answered=9), RungEvent("rag", note=""))
    assert now.rungs["rag"] == RungEvent("rag", "answering", order=3, answered=9, note="")
    assert state(RunEvent(project="a", usd=0.0), RunEvent(usd=1.0)).run == RunEvent(project="a", usd=1.0)
