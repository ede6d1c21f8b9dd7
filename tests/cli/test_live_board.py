"""Does the board grow on one screen of a real terminal, whatever its size, and is nothing lost when it goes?"""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from rung.cli.live_board import LiveBoard
from rung.cli.streams import messages_to
from rung.records.run_state import RunEvent, RungEvent
from rung.report.table import columns
from tests.cli.conftest import Run
from tests.cli.terminal import Terminal

SLOW = {"RUNG_SCRIPTED_DELAY": "0.15"}  # seconds an answer: what would be seen for a moment stays to be looked at
MOVES = re.compile(r"\x1b\[\d*[A-KJ]")


def watched(folder: Path, *words: str, columns: int = 80, rows: int = 24, **more: str) -> Terminal:
    return Terminal("-m", "rung", "compare", folder, *words, columns=columns, rows=rows, env={**SLOW, **more})


@pytest.mark.slow
def test_it_grows_in_its_place_and_leaves_the_verdict(shop: Path) -> None:
    with watched(shop) as terminal:
        terminal.shows(lambda screen: bool(re.search(r"^prompt +\d\.\d\d \[\d\.\d\d, \d\.\d\d\] [1-7]/7 ", screen, re.M)))
        lines = terminal.shows(lambda screen: bool(re.search(r"^rag .* answering$", screen, re.M)))
        assert lines[0] == "shop: 7 cases, correct by match, 95 % intervals, so far"
        assert re.fullmatch(r"\d+:\d\d; at most \d+:\d\d left", lines[1])
        assert re.search(r"^structured +- +- +- +- +n/a$", "\n".join(lines), re.M)
        assert re.search(r"^prompt +\d\.\d\d \[\d\.\d\d, \d\.\d\d\] 7/7 +- +0\.00 +answered$", "\n".join(lines), re.M)
        assert sum(line.startswith("rung ") for line in terminal.everything) == 1
        assert terminal.ended() in (0, 1)
        whole = "\n".join(terminal.everything)
    assert "so far" not in whole  # the board is gone
    assert whole.count("Verdict: ") == 1
    assert whole.count("report: ") == 1
    assert re.search(r"^\* ?\w+ +\d\.\d\d \[", whole, re.M)


@pytest.mark.slow
@pytest.mark.parametrize(("wide", "high"), [(40, 10), (24, 6)])
def test_any_size_does(shop: Path, wide: int, high: int) -> None:
    with watched(shop, columns=wide, rows=high) as terminal:
        lines = terminal.shows(lambda screen: re.search(r"\d/7", screen) is not None and "more: " in screen)
        assert all(columns(line) <= wide for line in lines)
        assert any(re.match(r"… \d more: ", line) for line in lines)
        terminal.ended()
        assert "Verdict: " in "\n".join(terminal.everything)
        assert sum("so far" in line for line in terminal.everything) == 0


@pytest.mark.slow
def test_a_terminal_may_change_its_size(shop: Path) -> None:
    with watched(shop, columns=100, rows=30) as terminal:
        terminal.shows(lambda screen: "answering" in screen)
        terminal.resize(44, 12)
        terminal.shows(lambda screen: re.match(r"shop: 7 cases, correct by match, 95 % in\w*…\n", screen) is not None)
        terminal.resize(90, 24)
        lines = terminal.shows(lambda screen: "intervals, so far" in screen)
        assert sum("so far" in line for line in lines) == 1
        assert terminal.ended() in (0, 1)
        assert "so far" not in "\n".join(terminal.lines)


@pytest.mark.slow
def test_ctrl_c_leaves_how_far_it_came(shop: Path) -> None:
    with watched(shop, RUNG_SCRIPTED_DELAY="0.8") as terminal:
        terminal.shows(lambda screen: bool(re.search(r"[1-7]/7 ", screen)))
        terminal.type("\x03")
        assert terminal.ended() == 130
        lines = [line for line in terminal.everything if line]
    assert re.match(r"rung: stopped; \d+ step results are kept", lines[-1])
    assert "shop: 7 cases, correct by match, 95 % intervals, so far" in lines
    assert sum(line.startswith("prompt ") for line in lines) == 1


@pytest.mark.slow
def test_an_error_stands_below_the_board(shop: Path) -> None:
    code = (
        "from rung.models.scripted import ScriptedGenerator as G; from rung.errors import UserError; inner = G.run\n"
        "def run(self, requests):\n"
        "    yield next(inner(self, requests)); import time, sys; time.sleep(2)\n"
        "    sys.stderr.write('a word of a library\\n')\n"
        "    raise UserError('the model went away')\n"
        "G.run = run; from rung.cli.main import main; main()"
    )
    with Terminal("-c", code, "compare", shop) as terminal:
        assert terminal.ended() == 2
        lines = [line for line in terminal.everything if line]
    assert lines[-2:] == ["a word of a library", "rung: the model went away"]
    assert any("so far" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"CI": "true"}])
def test_lines_where_nothing_may_move(shop: Path, env: dict[str, str]) -> None:
    with Terminal("-m", "rung", "compare", shop, env=env) as terminal:
        terminal.ended()
        assert "so far" not in terminal.text.replace("so far, while", "")
        assert "Verdict: " in terminal.text
        assert not MOVES.search(terminal.text)


@pytest.mark.slow
def test_without_colours_there_are_no_styles(shop: Path) -> None:
    with watched(shop, NO_COLOR="1", RUNG_SCRIPTED_DELAY="0.8") as terminal:
        terminal.shows(lambda screen: "answering" in screen)
        assert not re.search(r"\x1b\[\d*m", terminal.text)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended() == 130


def test_a_pipe_gets_lines(rung: Run, shop: Path) -> None:
    done = rung("compare", shop, code=None)
    assert "\x1b" not in done.out + done.err
    assert "so far" not in done.out


def test_what_is_written_meanwhile_comes_in_whole_lines() -> None:
    board = LiveBoard(lambda: (80, 24))
    with messages_to(board.take):
        sys.stderr.write("a warn")
        sys.stderr.write("ing\nand the next\n\nhalf")
        board.say("said")
    board.start(lambda _text: None)
    board.stop(leave=False)
    assert board.messages == ["a warning", "and the next", "said", "half"]


def test_a_frame_goes_over_the_rows_that_a_narrower_terminal_made_of_the_last() -> None:
    size = [80, 24]
    board = LiveBoard(lambda: (size[0], size[1]))
    board.post(RunEvent(project="shop", cases=7))
    for name in ("prompt", "rag"):
        board.post(RungEvent(name, "waiting", note=""))
    drawn = board._lines(messages=[])
    first = board._canvas.frame(drawn)
    assert not MOVES.search(first.replace("\x1b[J", ""))
    size[0] = 30
    rows = sum(-(-columns(text) // 30) for text, _ in drawn)
    assert board._canvas.frame([]).startswith(f"\r\x1b[{rows}A\x1b[J")
