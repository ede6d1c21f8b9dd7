"""All the numbers: scores by layer, latency by step, settings and effort, warnings, and what it all rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.records import Estimate, Json, Layer, Metric, RungResult, canonical
from rung.report.contents import Report, everyone, fields
from rung.report.headline import differences_table, judged_by
from rung.report.html.markup import Safe, el, join, scrolled, section
from rung.report.numbers import DASH, count, interval, milliseconds, money, percent, seconds, significant

_ASKS: Mapping[Layer, str] = {  # in the order of the page
    "correctness": "Is the answer right?",
    "retrieval": "Did the search find the evidence?",
    "grounding": "Is the answer supported by what was shown?",
    "citation": "Do the marks point at the evidence?",
    "abstention": "Does it refuse where it should, and only there?",
    "format": "Does the output keep the schema?",
    "access": "Did anybody see what they may not read?",
    "tools": "Were the right tools called in the right way?",
    "style": "Does it speak as wanted?",
    "cost": "What does an answer consume?",
}


def scores_section(report: Report) -> Safe:
    """Section 6."""
    rungs = [r for r in everyone(report.verdict) if r.status == "measured"]
    by_layer: dict[Layer, list[Metric]] = {}
    for name in dict.fromkeys(name for r in rungs for name in r.scores):
        by_layer.setdefault(report.metrics[name].layer, []).append(report.metrics[name])
    tables = [_layer_table(layer, by_layer[layer], rungs, report) for layer in _ASKS if layer in by_layer]
    return section(
        "scores", "All scores",
        el("p", "Shares in per cent, each with its 95 % interval. n: cases to which a metric applies.", cls="quiet"),
        *(tables or [el("p", "No scores were recorded.")]),
        _fields_table(report),
        differences_table(report.verdict),
        el("h3", "Speed and effort"), _latency_table(rungs), _effort_table(report),
    )  # fmt: skip


def _layer_table(layer: Layer, metrics: Sequence[Metric], rungs: Sequence[RungResult], report: Report) -> Safe:
    heads = [el("th", "Rung", scope="col")]
    same: dict[str, bool] = {}
    for m in metrics:
        counts = {r.scores[m.name].n for r in rungs if m.name in r.scores}
        same[m.name] = len(counts) == 1
        note = el("span", f"n {counts.pop():,}", cls="n") if same[m.name] else Safe("")
        heads.append(el("th", m.name.replace("_", " "), note, scope="col", title=m.about))
    rows = []
    for r in (r for r in rungs if any(m.name in r.scores for m in metrics)):
        cells = [_cell(r.scores.get(m.name), as_share=m.is_share, with_n=not same[m.name]) for m in metrics]
        rows.append(el("tr", _rung_head(r, report), *cells, cls="chosen" if r.name == report.verdict.winner else None))
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), cls="numbers", aria_label=layer.title())
    return scrolled(table, title=layer.title(), about=_ASKS[layer])


def _fields_table(report: Report) -> Safe:
    """How right each field of JSON answers is; nothing where they are not judged by fields."""
    names = fields(report.verdict)
    if not names:
        return Safe("")
    heads = [el("th", "Rung", scope="col"), *(el("th", name, scope="col") for name in names)]
    rows = []
    for r in (r for r in everyone(report.verdict) if r.fields):
        cells = [_cell(r.fields.get(name), as_share=True, with_n=True) for name in names]
        rows.append(el("tr", _rung_head(r, report), *cells, cls="chosen" if r.name == report.verdict.winner else None))
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), cls="numbers", aria_label="Fields")
    return scrolled(table, title="Fields", about="How right is each field of the JSON answers?")


def _rung_head(rung: RungResult, report: Report) -> Safe:
    tag = "the choice" if rung.name == report.verdict.winner else "reference" if rung.reference else ""
    shown = el("span", tag, cls="tag" if tag == "the choice" else "tag plain") if tag else Safe("")
    return el("th", rung.name, " ", shown, scope="row")


def _cell(estimate: Estimate | None, *, as_share: bool, with_n: bool) -> Safe:
    if estimate is None or estimate.mean is None:
        return el("td", DASH)
    if as_share:
        value, ends = percent(estimate.mean, digits=1), interval(estimate)
    else:
        value = significant(estimate.mean)
        has_interval = estimate.low is not None and estimate.high is not None and estimate.low != estimate.high
        ends = f"{significant(estimate.low or 0.0)}–{significant(estimate.high or 0.0)}" if has_interval else ""
    tail = f"{ends} · n {estimate.n:,}" if with_n and ends else f"n {estimate.n:,}" if with_n else ends
    return el("td", value, join(" ", el("span", tail, cls="ends")) if tail else "")


def _latency_table(rungs: Sequence[RungResult]) -> Safe:
    timed = [(r, r.latency) for r in rungs if r.latency is not None]
    if not timed:
        return el("p", "Latency was not measured in this run.", cls="quiet")
    kinds = list(dict.fromkeys(kind for _, latency in timed for kind in latency.steps))
    rows = []
    for rung, latency in timed:
        cells = [el("td", milliseconds(latency.p50)), el("td", milliseconds(latency.p95)), el("td", f"{latency.n:,}")]
        for kind in kinds:
            p50, p95 = latency.steps.get(kind, (None, None))
            cells.append(el("td", DASH if p50 is None or p95 is None else f"{milliseconds(p50)} / {milliseconds(p95)}"))
        rows.append(el("tr", el("th", rung.name, scope="row"), *cells))
    titles = ["Rung", "p50", "p95", "cases", *(f"{kind.replace('_', ' ')} p50 / p95" for kind in kinds)]
    head = el("thead", el("tr", *(el("th", title, scope="col") for title in titles)))
    table = el("table", head, el("tbody", *rows), cls="numbers", aria_label="Latency")
    return scrolled(table, title="Latency", about="One case at a time, nothing cached.")


def _effort_table(report: Report) -> Safe:
    rungs = everyone(report.verdict)
    if not rungs:
        return Safe("")
    titles = ("Rung", "status", "to build", "to answer", "per 1,000 answers", "settings")
    rows = [
        el(
            "tr",
            _rung_head(r, report),
            el("td", r.status.replace("_", " ")),
            el("td", seconds(r.build_seconds) if r.build_seconds else DASH),
            el("td", seconds(r.answer_seconds) if r.answer_seconds else DASH),
            el("td", money(r.usd_per_1k) if r.status == "measured" else DASH),
            el("td", _settings(r.settings), cls="words"),
        )
        for r in rungs
    ]
    head = el("tr", *(el("th", title, scope="col", cls="words" if title == "settings" else None) for title in titles))
    table = el("table", el("thead", head), el("tbody", *rows), cls="numbers", aria_label="Effort and settings")
    return scrolled(table, title="Effort and settings", about=_steps(report))


def _steps(report: Report) -> str:
    verdict = report.verdict
    return f"{count(verdict.executed, 'step')} executed, {verdict.replayed:,} replayed from earlier work."


def _settings(settings: Mapping[str, Json]) -> Safe:
    if not settings:
        return Safe(DASH)
    return el(
        "code",
        ", ".join(f"{key}: {value if isinstance(value, str) else canonical(value)}" for key, value in settings.items()),
    )


def warnings_block(report: Report) -> Safe:
    """The verdict's warnings, empty where there are none."""
    if not report.verdict.warnings:
        return Safe("")
    items = [el("li", warning, _named(report.verdict.places.get(warning, ()))) for warning in report.verdict.warnings]
    return section("warnings", "Warnings", el("ul", *items, cls="warnings"))


def basis_section(report: Report) -> Safe:
    """What was measured on: materials, models, bar, settings."""
    basis = report.basis
    splits = ", ".join(f"{n:,} {split}" for split, n in basis.cases.items())
    lines: list[tuple[str, str]] = [
        ("Cases judged", f"{report.verdict.cases:,}" + (f" (in the project: {splits})" if splits else "")),
        ("Cases hang together", _groups(report)),
        ("Looks at these cases", f"{report.verdict.looks:,}" if report.verdict.looks else "not counted"),
        ("Documents", f"{basis.documents:,}, in {count(basis.passages, 'passage')}" if basis.documents else "none"),
        ("Examples", f"{basis.examples:,}"),
        ("Model", basis.model or "unknown"),
        ("Embedder", basis.embedder or "none"),
        ("Main score", report.verdict.main_metric),
        ("Judged by", judged_by(report) or "unknown"),
        ("Bar", ", ".join(f"{key} {value}" for key, value in report.bar.items()) or "none"),
    ]
    lines += [(key, value if isinstance(value, str) else canonical(value)) for key, value in basis.settings.items()]
    pairs = [join(el("dt", name), el("dd", value)) for name, value in lines]
    return section("basis", "What this rests on", el("dl", *pairs, cls="facts"))


def _groups(report: Report) -> str:
    groups = report.verdict.clusters
    return f"in {groups:,} groups that share a document; intervals and tests allow for it" if groups else "no"


def _named(cases: Sequence[str]) -> Safe:
    """Every case that a warning speaks of, closed."""
    if len(cases) < 2:
        return Safe("")
    return el("details", el("summary", f"All {len(cases):,} cases"), el("p", ", ".join(cases), cls="quiet small"))
