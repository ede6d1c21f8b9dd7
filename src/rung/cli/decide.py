"""`rung decide`: the verdict over scores that another tool made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Json
from rung.cli.screen import out

_FILES = "A table of scores (CSV, TSV, JSONL, JSON), or a file for each system, as NAME=FILE."


def decide(  # noqa: PLR0917 - typer reads the options from the parameters
    files: Annotated[list[str], typer.Argument(help=_FILES, metavar="FILE", show_default=False)],
    bar: Annotated[
        float | None, typer.Option(min=0, max=1, help="The mean score that is good enough, on a scale of 0 to 1.")
    ] = None,
    lowest_first: Annotated[
        str | None,
        typer.Option(
            "--order", help="The systems from the lowest rung up, with commas, as in a line of CSV; default: as they stand."
        ),
    ] = None,
    risk: Annotated[float, typer.Option(help="The chance that is taken of being wrong.")] = 0.2,
    scale: Annotated[str, typer.Option(help="The worst score and the best: 0-100, 1-5, 5-1.")] = "0-1",
    score: Annotated[str, typer.Option(help="The column of scores, where each row is one score.", show_default=False)] = "",
    json: Json = False,
) -> int:
    """Which system to use, by scores from any other tool.

    A table has a row for each case and a column for each system, or a row for each score (case, system, score). The
    statistics and the rule are those of compare; no project is needed, nothing is written.

    Exits with 0 when the bar is cleared (or none is set), 1 when it is not, 2 for what is yours to fix.
    """
    from csv import reader
    from json import dumps

    from rung.dataset.score_cells import scale_of
    from rung.dataset.score_tables import read_scores
    from rung.report.decision_table import decision_table
    from rung.verdict.score_columns import decide_scores

    ladder = (
        None
        if lowest_first is None
        else [name.strip() for name in next(reader([lowest_first], skipinitialspace=True), []) if name.strip()]
    )
    named = [_named(word, several=len(files) > 1) for word in files]
    table = read_scores(named, score=score, order=ladder or (), scale=scale_of(scale))
    verdict = decide_scores(
        table.columns, bar, order=ladder, clusters=table.clusters, usd=table.usd, risk=risk, notes=table.notes
    )
    if json:
        out(dumps(verdict.as_json(), ensure_ascii=False, allow_nan=False))
    else:
        out("\n".join(decision_table(verdict, title=", ".join(path.name for _, path in named))))
    return FINE if verdict.clears_bar else MISSED


def _named(word: str, *, several: bool) -> tuple[str, Path]:
    """The system's name and the file of "NAME=FILE"; a file alone is called by its name where there are several."""
    name, equals, path = word.partition("=")
    if equals and name and path and not Path(word).exists():
        return name, Path(path)
    return Path(word).stem if several else "", Path(word)
