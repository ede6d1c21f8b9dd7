"""The bar, line by line, against what the choice reached: the same words on the page, in Markdown and for JUnit."""

from __future__ import annotations

from dataclasses import dataclass

from rung.records import Metric, RungResult
from rung.report.contents import Report, limit
from rung.report.numbers import money, percent, seconds, significant
from rung.verdict import reasons
from rung.verdict.bar import MAIN, OF_RUNS, Limit, State, measured, state_of


@dataclass(frozen=True, slots=True)
class BarLine:
    """One number that was asked for; how the choice stands to it, and the chance that it meets it, "" where unknown."""

    name: str
    title: str
    asked: str  # "at most 5 %"
    reached: str
    state: State
    chance: str


def bar_lines(report: Report, winner: RungResult) -> list[BarLine]:
    """A line for each number of the bar."""
    metrics = {**report.metrics, **OF_RUNS}
    lines = []
    for name in report.bar:
        if (value := limit(report.bar, name)) is None:
            continue
        metric = metrics[name]
        asked, reached = Limit(metric, value), measured(winner, name)
        state, probability = state_of(winner, asked, report.verdict.risk)
        chance = reasons.reaching(winner, report.verdict.risk) if name == MAIN else reasons.chance(probability)
        lines.append(
            BarLine(
                name,
                metric.about if name in OF_RUNS else name.replace("_", " "),
                f"at {'most' if asked.is_upper else 'least'} {in_unit(metric, value)}",
                in_unit(metric, reached),
                state,
                "" if probability is None else chance,
            )
        )
    return lines


def in_unit(metric: Metric, value: float | None) -> str:
    """A number of the bar in its unit."""
    if value is None:
        return "unknown"
    if metric.unit == "usd":
        return money(value)
    if metric.unit == "seconds":
        return seconds(value)
    if not metric.is_share:
        return f"{significant(value)} {metric.unit}"
    return percent(value, digits=0 if abs(value * 100 - round(value * 100)) < 1e-9 else 1)
