"""A comparison for a pull request or a wiki: the report in Markdown, a page for managers, then tables.

It is made of the same records and sentences as the page (`report`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rung.records import Estimate, RungResult, canonical
from rung.report.bar_lines import bar_lines
from rung.report.contents import Report, everyone, fields, is_cleared, ladder, lost_counts
from rung.report.headline import how_sure, judged_by, missing, standing
from rung.report.numbers import DASH, count, interval, money, percent, points, points_interval, seconds
from rung.report.summary import chosen, costs
from rung.verdict.gap_words import gap_sentence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def report_md(report: Report) -> str:
    """The whole report as Markdown (GitHub's, with tables). What comes from the records is escaped."""
    parts = [*_summary(report), *_details(report)]
    return "\n".join(parts).rstrip() + "\n"


def _summary(report: Report) -> Iterator[str]:
    verdict, winner = report.verdict, chosen(report)
    yield f"# {_text(report.project)}: {_headline(report)}\n"
    if report.task:
        yield f"> {_text(report.task)}\n"
    if winner is not None:
        yield f"**What.** {_text(winner.name)}" + (f": {_text(winner.about)}." if winner.about else ".") + "\n"
    yield f"**Why.** {_text(verdict.reason)}\n"
    if winner is not None:
        yield f"**How sure.** {_text(' '.join(how_sure(report, winner)))}\n"
        yield f"**What it costs.** {_text(' '.join(costs(winner)))}\n"
    if verdict.flips:
        yield "**What would change it.**\n"
        yield from _items(verdict.flips)
    if winner is not None:
        yield from _checks(report, winner)


def _headline(report: Report) -> str:
    verdict = report.verdict
    if verdict.winner is None:
        return "no rung can be recommended"
    name = _text(verdict.winner)
    if is_cleared(verdict):
        return f"use {name}"
    return f"{missing(verdict).rstrip('.').lower()}; {standing(verdict).lower()}: {name}"


def _checks(report: Report, winner: RungResult) -> Iterator[str]:
    rows = []
    for line in bar_lines(report, winner):
        mark = f"**{line.state}**" if line.state == "missed" else line.state
        mark += f" (probability {line.chance})" if line.chance else ""
        rows.append((_text(line.name), line.asked, line.reached, mark))
    if rows:
        yield from _table(("asked", "bar", "reached", ""), rows)


def _details(report: Report) -> Iterator[str]:
    verdict = report.verdict
    yield "## All rungs\n"
    yield from _table(("rung", verdict.main_metric, "95 %", "cases", "p50 / p95", "$ / 1,000", "why not"), _rungs(report))
    yield "## Gaps\n"
    gaps = [
        (name, points(e.mean), points_interval(e) or DASH, f"{e.n:,}", _text(gap_sentence(verdict, name)))
        for name, e in verdict.gaps.items()
    ]
    yield from _table(("gap", "points", "95 %", "cases", "says"), gaps)
    lost = [(_text(r.name), _losses(report, r.name)) for r in ladder(verdict) if lost_counts(report, r.name)]
    if lost:
        yield "## Where cases were lost\n"
        yield from _table(("rung", "cases by layer"), lost)
    if named := fields(verdict):
        yield "## Fields\n"
        judged = [rung for rung in everyone(verdict) if rung.fields]
        rows = [(_text(name), *(percent(_mean(rung.fields.get(name))) for rung in judged)) for name in named]
        yield from _table(("field", *(_text(rung.name) for rung in judged)), rows)
    if verdict.warnings:
        yield "## Read with care\n"
        yield from _items(verdict.warnings)
    basis = report.basis
    yield "## What this rests on\n"
    facts = [
        f"{count(verdict.cases, 'case')}, {count(basis.documents, 'document')}, {count(basis.examples, 'example')}",
        f"model {basis.model or 'unknown'}" + (f", embedder {basis.embedder}" if basis.embedder else ""),
        *([f"judged by {judged_by(report)}"] if basis.correct_by else []),
        *(f"{key}: {value if isinstance(value, str) else canonical(value)}" for key, value in basis.settings.items()),
    ]
    yield from _items([*facts, *([f"made on {report.created}"] if report.created else [])])


def _rungs(report: Report) -> Iterator[tuple[str, ...]]:
    verdict = report.verdict
    for rung in everyone(verdict):
        score = rung.scores.get(verdict.main_metric, Estimate(None, None, None, 0))
        latency = rung.latency
        times = DASH if latency is None else f"{seconds(latency.p50 / 1000)} / {seconds(latency.p95 / 1000)}"
        name = f"**{_text(rung.name)}**" if rung.name == verdict.winner else _text(rung.name)
        why = "the choice" if rung.name == verdict.winner else str(verdict.rejected.get(rung.name, rung.why) or "")
        cost = DASH if rung.usd_per_1k is None else money(rung.usd_per_1k)
        yield name, percent(score.mean), interval(score) or DASH, f"{score.n:,}", times, cost, _text(why)


def _mean(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.mean


def _losses(report: Report, rung: str) -> str:
    return _text(", ".join(f"{layer} {n}" for layer, n in lost_counts(report, rung).items()))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _items(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"- {_text(line)}" for line in lines)
    yield ""


def _text(text: str) -> str:
    """On one line, with no mark that Markdown or HTML would read."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
