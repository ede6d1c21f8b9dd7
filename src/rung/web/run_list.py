"""All runs of a project in short, for a list: of each the line of JSON alone is read, and again only when it has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from rung.config.project import Project
from rung.errors import Damaged
from rung.files.durable import standing
from rung.pipeline.publishing import LINE, Line, list_lines, read_list, verdicts_of
from rung.records import Estimate
from rung.verdict.bar import MAIN

BarState = Literal["cleared", "missed", "no bar", "unknown"]


@dataclass(frozen=True, slots=True)
class Brief:
    """A run in short. `bar`: how its choice stands to it; `correct`, `usd_per_1k`, `per_month`: of its choice; `models`:
    names that its rungs ask; `partial`: why it was cut short, "" where it was not."""

    winner: str | None
    bar: BarState
    correct: Estimate | None
    cases: int
    models: tuple[str, ...]
    usd_per_1k: float | None
    per_month: float | None
    partial: str
    rescored: str


@dataclass(frozen=True, slots=True)
class Run:
    """A line of the list. `brief` None: it cannot be shown, `wrong` says why. `written`: when its file was, on the clock of
    this machine; None where that is not of the day on which it was made."""

    line: Line
    brief: Brief | None = None
    wrong: str = ""
    written: datetime | None = None


def runs_in(project: Project) -> tuple[list[Line], list[str]]:
    """The lines of all runs, the last first; and what is wrong with the list."""
    lines, wrong = list[Line](), list[str]()
    for number, text in enumerate(list_lines(project), 1):
        try:
            lines.append(Line.read(text))
        except ValueError as error:
            wrong.append(f"line {number} of the list of runs is none: {error}; 'rung doctor --repair' mends it")
    if not lines and not wrong:
        try:
            read_list(project)
        except Damaged as error:
            wrong.append(str(error))
    return sorted(lines, key=lambda line: line.number, reverse=True), wrong


def unlisted(project: Project, lines: list[Line]) -> int:
    """Folders of verdicts that are on no list: a comparison is just writing one, or was killed while it did."""
    listed = {line.verdict for line in lines}
    folder = verdicts_of(project)
    return sum(path.is_dir() and path.name not in listed for path in folder.iterdir()) if folder.is_dir() else 0


def brief_of(project: Project, line: Line) -> Run:
    """A run in short, or why it cannot be shown."""
    folder = verdicts_of(project) / line.verdict
    try:
        stands = standing(folder / LINE)
        written = datetime.fromtimestamp(stands[1] / 1e9).astimezone()
        is_of_its_day = f"{written:%Y-%m-%d}" == line.created
        return Run(line, _brief(folder / LINE, tuple(stands)), written=written if is_of_its_day else None)
    except FileNotFoundError:
        gone = "its folder is gone" if not folder.is_dir() else "it is half written, or its numbers were taken away"
        return Run(line, wrong=f"{gone}: 'rung compare' makes it again")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Run(line, wrong=f"it cannot be read ({error}): 'rung doctor --repair' mends it")


def bar_of(entry: Mapping[str, Any]) -> BarState:
    """How the choice of a verdict stands to the bar; "no bar": none was set, "unknown": nothing tells.

    Args:
        entry: the verdict's line of JSON: no rung has a probability of a bar that is not set.
    """
    if any(rung.get("probability_of_bar") is not None for rung in entry["rungs"]):
        is_partial = bool((entry.get("coverage") or {}).get("partial"))
        return "cleared" if entry["clears_bar"] and not is_partial else "missed"
    return "no bar" if entry["clears_bar"] else "unknown"


@lru_cache(maxsize=10_000)
def _brief(path: Path, _stands: tuple[int, ...]) -> Brief:
    entry: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    rungs, winner = entry["rungs"], entry["winner"]
    chosen = next((rung for rung in rungs if rung["name"] == winner), None)
    score = None if chosen is None else chosen["scores"].get(MAIN)
    coverage = entry.get("coverage") or {}
    partial = str(coverage.get("partial") or "")
    return Brief(
        winner=winner,
        bar=bar_of(entry),
        correct=None if score is None else Estimate(score["mean"], score["low"], score["high"], score["n"]),
        cases=int(entry["cases"]),
        models=tuple(dict.fromkeys(str(rung["model"]) for rung in rungs if rung.get("model"))),
        usd_per_1k=None if chosen is None else chosen["usd_per_1k"],
        per_month=None if chosen is None else (chosen.get("bill") or {}).get("per_month"),
        partial=partial,
        rescored=str(coverage.get("rescored") or ""),
    )
