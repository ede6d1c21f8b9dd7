"""What does watching a comparison cost? A race of scripted rungs over many cases, with the board and without.

    python benchmarks/live_board.py [--cases 5000] [--rounds 3]

Each round makes the same comparison twice in projects of their own, in turns, every second round the other way round: once
with nobody watching, and once with all that a terminal takes (events, scores so far, the record for `rung status`, frames
drawn into a file that nobody reads). Four rungs answer every case: `--cases 5000` are 20,000 step cases. Prints the
processor's seconds of each (what other processes take of the machine is not in them), their ratio, and how often scores and
frames came. Aim: at most 1.02.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from rung.cli.live_board import LiveBoard
from rung.config.project import load_project
from rung.loop import compare
from rung.pipeline.budget import CompareRequest
from rung.progress import Silent
from rung.records.run_state import Event, RungEvent

YAML = """\
name: labels
task: Say the label.
behaviour: {labels: [red, blue]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, few_shot, structured]
bar: {correct: 0.6}
"""


class Counting(LiveBoard):
    """A board that counts how often scores came, and draws into nothing."""

    scores = frames = 0

    def post(self, event: Event) -> None:
        """Something happened."""
        self.scores += isinstance(event, RungEvent) and event.scores is not None
        super().post(event)

    def draw(self, _text: str) -> None:
        """A frame."""
        self.frames += 1


def took(cases: int, *, watched: bool) -> tuple[float, Counting | None]:
    """Seconds of the processor for one comparison in a fresh project, every rung answering all cases."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, board = Path(name), None
        rows = (
            {"id": f"c{n}", "question": f"Thing {n} {'red' if n % 3 else 'blue'}?", "answers": ["red"], "split": "test"}
            for n in range(cases)
        )
        (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        (folder / "rung.yaml").write_text(YAML, encoding="utf-8")
        if watched:
            board = Counting(lambda: (120, 40))
            board.start(board.draw)
            stack.callback(board.stop, leave=False)
        else:  # else the record for `rung status` is kept
            stack.enter_context(patch("rung.pipeline.live_feed.watcher", return_value=None))
        began = time.process_time()
        compare(load_project(folder), allowed=CompareRequest(exhaustive=True), reporter=board or Silent())
        return time.process_time() - began, board


def main() -> None:
    """Print a line of JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=5000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    took(40, watched=True)  # imports
    alone, watched, boards = list[float](), list[float](), list[Counting]()
    for number in range(asked.rounds):
        for with_board in (False, True) if number % 2 == 0 else (True, False):
            seconds, board = took(asked.cases, watched=with_board)
            (watched if with_board else alone).append(seconds)
            boards += [board] if board else []
    ratio = min(watched) / min(alone)
    entry = {
        "cases": asked.cases,
        "alone_s": [round(s, 2) for s in alone],
        "watched_s": [round(s, 2) for s in watched],
        "ratio_of_best": round(ratio, 3),
        "scores": [board.scores for board in boards],
        "frames": [board.frames for board in boards],
    }
    print(json.dumps(entry))


if __name__ == "__main__":
    main()
