"""A verdict that was published, for notebooks: its numbers, its answers case by case, and how it looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from rung.commands.verdict_rows import VerdictAnswers, judged_cases
from rung.config.project import Project
from rung.dataset.load import load_dataset
from rung.errors import MissingExtra, UserError
from rung.pipeline.publishing import Published
from rung.plugins import hint
from rung.records import Case, Json

Rows = list[dict[str, Json]]
As = Literal["records", "pandas", "polars"]


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """A verdict as `rung compare` published it. Shows itself in a notebook as a table.

    `project`: whose cases tell what was asked, and who may see it, where no rung answered.
    """

    published: Published
    project: Project | None = None

    @property
    def json(self) -> Mapping[str, Json]:
        """All of it, as `rung report --json` has it."""
        return self.published.said

    @property
    def winner(self) -> str | None:
        """The label of the rung that was chosen."""
        return self.published.winner

    @property
    def clears_bar(self) -> bool:
        """Whether it clears the bar, and the comparison was whole."""
        return self.published.clears_bar

    @property
    def reason(self) -> str:
        """Why, in words."""
        return str(self.json["reason"])

    def why_not(self, rung: str) -> str:
        """Why a rung was not chosen.

        Raises:
            UserError: no rung of that name was weighed.
        """
        if rung == self.winner:
            return f"{rung} is the choice: {self.reason}"
        why = {str(one["name"]): str(one["why"] or one["status"]) for one in self._rungs}
        if rung not in why:
            raise UserError(f"'{rung}' was not weighed in this verdict; {hint(rung, why)}")
        return why[rung]

    def scores(self, as_: As = "records") -> Any:
        """A row for each rung and metric: `rung`, `metric`, `mean`, `low`, `high`, `n`, `reference`.

        Args:
            as_: a list of dictionaries, or a DataFrame of a library that is installed.

        Raises:
            UserError: that library is not installed.
        """
        rows: Rows = []
        for rung in self._rungs:
            for metric, estimate in (rung["scores"] or {}).items():
                rows.append({"rung": rung["name"], "metric": metric, **estimate, "reference": bool(rung.get("reference"))})
        return framed(rows, as_)

    def cases(self, as_: As = "records", *, rung: str = "", groups: frozenset[str] | None = None) -> Any:
        """A row for each rung and case: `rung`, `case`, `question`, `answer`, `failure`, `lost_in`, and each metric.

        Args:
            as_: as of `scores`.
            rung: of one rung alone.
            groups: leave out what an asker with these may not read; None: nothing.

        Raises:
            UserError: no such rung, its answers were taken away, or the library is not installed.
        """
        return framed(VerdictAnswers(self.published, rung=rung, groups=groups, cases=self._asked).table(), as_)

    def plot(self, metric: str = "correct", *, ax: Any = None) -> Any:
        """A metric of each rung with its 95 % interval, and the bar; drawn by matplotlib, which has to be installed.

        Args:
            metric: one of those in `scores`.
            ax: matplotlib's axes to draw on; None: a figure of its own.

        Returns:
            The axes.

        Raises:
            UserError: matplotlib is not installed, or no rung has this metric.
        """
        rows = [row for row in self.scores() if row["metric"] == metric and row["mean"] is not None]
        if not rows:
            names = dict.fromkeys(str(row["metric"]) for row in self.scores())
            raise UserError(f"no rung of this verdict has '{metric}'; {hint(metric, names)}")
        bar = self.project.settings.bar.correct if self.project is not None and metric == "correct" else None
        return drawn(_axes(len(rows)) if ax is None else ax, rows, metric=metric, winner=self.winner, bar=bar)

    def _asked(self) -> Iterable[Case]:
        return () if self.project is None else judged_cases(load_dataset(self.project, judging=False))

    @property
    def _rungs(self) -> list[dict[str, Any]]:
        rungs: Any = self.json["rungs"]
        return list(rungs)

    def __str__(self) -> str:
        """As `rung report` prints it."""
        return self.published.table

    def _repr_html_(self) -> str:
        """What a notebook shows: the choice, why, and a row for each rung."""
        rows = "".join(_row(rung, chosen=rung["name"] == self.winner) for rung in self._rungs)
        head = "".join(f"<th>{name}</th>" for name in ("rung", "correct", "95 %", "cases", "why"))
        title = f"<b>{escape(self.winner or 'no rung can be chosen')}</b>: {escape(self.reason)}"
        return f"<div>{title}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _axes(rungs: int) -> Any:
    """The axes of a new figure.

    Raises:
        UserError: matplotlib is not installed.
    """
    from importlib import import_module

    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError as error:
        raise UserError(
            "matplotlib, which draws, is not installed: pip install matplotlib, or take .scores()", code=MissingExtra.kind
        ) from error
    return pyplot.subplots(figsize=(7, 1 + 0.4 * rungs), layout="constrained")[1]


def drawn(ax: Any, rows: Rows, *, metric: str, winner: str | None, bar: float | None) -> Any:
    """The axes, a point for each row from the top, its interval to both sides; reference arms are hollow."""
    names = [str(row["rung"]) for row in rows]
    for line, row in enumerate(rows):
        mean = float(str(row["mean"]))
        low, high = (mean if row[end] is None else float(str(row[end])) for end in ("low", "high"))
        colour = "tab:green" if row["rung"] == winner else "tab:gray" if row["reference"] else "tab:blue"
        face = "white" if row["reference"] else colour
        ax.errorbar(
            [mean], [line], xerr=[[mean - low], [high - mean]], fmt="o", color=colour, markerfacecolor=face, capsize=3
        )
    if bar is not None:
        ax.axvline(bar, color="tab:red", linestyle="--", label=f"bar {bar:g}")
        ax.legend(loc="best")
    ax.set_yticks(range(len(names)), labels=names)
    ax.invert_yaxis()
    ax.set_xlabel(f"{metric}, mean with its 95 % interval")
    return ax


def framed(rows: Rows, as_: As) -> Any:
    """Rows as they are, or as a DataFrame.

    Raises:
        UserError: it is none of the three, or its library is not installed.
    """
    if as_ == "records":
        return rows
    if as_ not in ("pandas", "polars"):
        raise UserError(f"rows come as records, pandas or polars, not as {as_!r}")
    from importlib import import_module

    try:
        library = import_module(as_)
    except ImportError as error:
        raise UserError(f"{as_} is not installed: pip install {as_}, or take the records", code=MissingExtra.kind) from error
    return library.DataFrame(rows)


def _row(rung: Mapping[str, Any], *, chosen: bool) -> str:
    score = (rung["scores"] or {}).get("correct") or {}
    mean = "–" if score.get("mean") is None else f"{score['mean']:.2f}"
    ends = "" if score.get("low") is None else f"{score['low']:.2f} to {score['high']:.2f}"
    cells: Sequence[str] = (rung["name"], mean, ends, str(score.get("n", "")), rung["why"] or rung["status"])
    shown = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
    return f"<tr style='font-weight:bold'>{shown}</tr>" if chosen else f"<tr>{shown}</tr>"
