"""How long do the board's pages of runs take? Many cases, ten rungs; and a move of a slider on the page "What if".

    python benchmarks/board_runs.py PROJECT [--cases 50000] [--moves 20]

`PROJECT` was compared (`examples/handbook`, say). It is copied, and two runs of ten rungs over so many cases are put beside
its own: made up, of the size that real ones have in the files that these pages read. Prints of each page the seconds of the
first time in this process and the median of five later ones, by the clock, and the memory at the end; of What if, on the
project's own last run, the seconds of the processor and by the clock of a move. Aim: 1 s for the first, 0.3 s for a move.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from rung.config.project import Project, load_project
from rung.pipeline.publishing import LINE, RECORD, Line, read_list, verdicts_of, write_list
from rung.web.board import board_alone
from rung.web.entry import OwnersDoor
from rung.web.project_at_hand import ProjectAtHand

RUNGS = 10


def add_runs(project: Project, cases: int) -> tuple[int, int]:
    """Two runs over so many cases, of which a hundred differ; their numbers."""
    state, lines, rng = verdicts_of(project), read_list(project), random.Random(0)
    source = state / lines[-1].verdict
    verdict = json.loads((source / LINE).read_text(encoding="utf-8"))
    measured = next(rung for rung in verdict["rungs"] if rung["status"] == "measured")
    names = [f"rung{n}" for n in range(RUNGS)]
    for number in range(2):
        folder = Path(shutil.copytree(source, state / f"large{number}"))
        (folder / "sealed.json").unlink(missing_ok=True)
        ids = [f"case-{n}@{n:012x}" for n in range(number * 100, cases + number * 100)]
        scores = {name: [float(rng.random() < 0.5 + n / 40) for _ in ids] for n, name in enumerate(names)}
        rungs = {name: {"correct": column, "settings": {}} for name, column in scores.items()}
        record = {"cases": ids, "rungs": rungs, "winner": names[3], "clears_bar": True, "clusters": []}
        (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")
        named = [{"says": "cases that no answer can win", "cases": ids}]
        entry = {**verdict, "cases": cases, "rungs": [{**measured, "name": name} for name in names], "winner": names[3]}
        (folder / LINE).write_text(json.dumps({**entry, "cases_named": named}), encoding="utf-8")
        lines.append(Line(lines[-1].number + 1, folder.name, "2026-11-29"))
    write_list(project, lines)
    return lines[-2].number, lines[-1].number


def took(ask: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    began, spent = time.perf_counter(), time.process_time()
    response = ask()
    assert response.status_code == 200, response.text[:500]
    return time.perf_counter() - began, time.process_time() - spent


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--moves", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(given.project, Path(name) / "project"))
        project = load_project(folder)
        own = read_list(project)[-1].number
        one, two = add_runs(project, given.cases)
        door = OwnersDoor()
        with TestClient(board_alone(ProjectAtHand(folder), door), base_url="http://127.0.0.1") as client:
            client.get(f"/board/live?token={door.token}")
            for path in ("", f"/runs/{one}", f"/runs/{two}", f"/runs/compare?run={one}&run={two}", "/live"):
                first, *later = (took(lambda path=path: client.get(f"/board{path}"))[0] for _ in range(6))  # type: ignore[misc]
                print(f"/board{path}: first {first:.3f} s, then {statistics.median(later):.3f} s")
            what_if = f"/board/runs/{own}/what-if?part=1"
            print(f"what if: first {took(lambda: client.get(what_if))[0]:.3f} s")
            moves = [took(lambda n=n: client.get(f"{what_if}&queries={1000 + n}")) for n in range(given.moves)]  # type: ignore[misc]
            clock, processor = (statistics.median(column) for column in zip(*moves, strict=True))
            print(f"what if, a move: {clock:.3f} s by the clock, {processor:.3f} s of the processor")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")


if __name__ == "__main__":
    main()
