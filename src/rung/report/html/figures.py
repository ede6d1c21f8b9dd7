"""The report's four figures: how good each rung is, at what cost, with what gaps, and where cases got lost.

Drawing is left to `charts`. Each figure is a table with a picture in its rows, or has its table beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rung.records import Estimate, RungResult, kind_of
from rung.report.contents import WHAT_IS_RIGHT, Report, everyone, ladder, limit, lost_counts, references
from rung.report.html import charts
from rung.report.html.markup import Safe, el, join, scrolling, section
from rung.report.html.money import bills_table, front_line, wins_table
from rung.report.numbers import (
    DASH,
    count,
    interval,
    listed,
    milliseconds,
    money,
    percent,
    points,
    points_interval,
    significant,
)
from rung.verdict.gap_words import gap_sentence, has_oracle, measured_on, proven
from rung.verdict.remedies import in_general, remedy

# name, code in the bar, what it means. In the order in which a case can be lost.
LAYERS: tuple[tuple[str, str, str], ...] = (
    ("failed", "F", "no answer came: an error or a time-out"),
    ("leaked", "L", "showed what the asker may not read"),
    ("cannot be won", "V", "labels or schema allow none of its accepted answers"),
    ("cut off", "M", "the room for an answer ended it, and the rest is missing"),
    ("wrong format", "S", "the output breaks the schema"),
    ("should have refused", "U", "answered though the documents hold no answer"),
    ("tool failed", "T", "a tool that it called was away, broke, or refused the call"),
    ("wrong tool call", "O", "another tool, or other arguments, than the calls that the case names"),
    ("not in the corpus", "A", "no document has the answer"),
    ("not read", "E", "the file that has it could not be read"),
    ("gold in doubt", "G", "the documents that the case names do not hold the answer, and a search finds it elsewhere"),
    ("forbidden", "X", "it stands where this asker may not read"),
    ("cut by chunking", "H", "it stands split over passages, in none of them whole"),
    ("refused wrongly", "R", "said “I don’t know” though there is an answer"),
    ("not retrieved", "N", "the search did not find the passage with the answer"),
    ("ranked too low", "K", "found, but too far down to be shown to the model"),
    ("retrieved but not used", "P", "had the right passage before it, and answered from something else"),
    ("used but wrong", "C", "answered from the right passage, and still wrongly"),
    ("wrong", "W", "a wrong answer, with no passage involved"),
    ("wrong style", "Y", "right, and not said as wanted"),
)

GAPS: tuple[tuple[str, str, str, str], ...] = (
    ("knowledge", "What the model does not know", "oracle − closed book: what the right passages add to the bare model",
     "Closed by giving it documents: long_context or rag."),
    ("retrieval", "What the search does not find", "oracle − rag: what is lost because the search is not perfect",
     "Closed by better search: reranking or tuned_retriever."),
    ("behaviour", "What the model does not do as needed", "what the oracle gets wrong with the right passages before it",
     "Closed by teaching it: few_shot, structured, tuned_model; together with documents, hybrid."),
)  # fmt: skip


def quality_section(report: Report) -> Safe:
    """Section 2: the main score by rung, in ladder order."""
    metric, bar = report.verdict.main_metric, limit(report.bar, report.verdict.main_metric)
    shown = [r for r in ladder(report.verdict) if r.status == "measured"]
    arms = [r for r in references(report.verdict) if r.status == "measured"]
    ticks = [(value, percent(value)) for value in charts.ticks(charts.SHARES)]
    named = None if bar is None else (bar, f"bar {percent(bar)}")
    rows = [
        _axis_row(charts.axis(charts.SHARES, labels=ticks, bar=named), "Rung", f"{metric} and its 95 % interval", "Score")
    ]
    rows += [_quality_row(r, report, "chosen" if r.name == report.verdict.winner else "rung", bar) for r in shown]
    if arms:
        rows.append(_band("Reference arms: measured to find the gaps, never served"))
        rows += [_quality_row(r, report, "reference", bar) for r in arms]
    body: list[Safe] = [
        el("p", "Lowest rung first: simple and cheap at the top. Dot: mean; whisker: 95 % interval.", cls="quiet")
    ]
    body.append(_chart_table(f"{metric} by rung", rows) if shown or arms else el("p", "No rung was measured."))
    return section("quality", "How good is each rung?", *body, _not_measured(report))


def _quality_row(rung: RungResult, report: Report, style: str, bar: float | None) -> Safe:
    e = rung.scores.get(report.verdict.main_metric, Estimate(None, None, None, 0))
    words = f"{percent(e.mean)}, 95 % interval {interval(e) or 'unknown'}, {count(e.n, 'case')}"
    picture = charts.interval_row(
        e.mean, e.low, e.high, scale=charts.SHARES, title=f"{rung.name}: {words}", style=style, bar=bar
    )
    note = el("span", "the choice", cls="tag") if style == "chosen" else Safe("")
    value = join(el("b", percent(e.mean)), " ", el("span", interval(e), cls="quiet"))
    return _chart_row(join(el("span", rung.name, title=rung.about or None), " ", note), picture, value)


def _chart_table(caption: str, rows: Sequence[Safe]) -> Safe:
    # The roles keep it a table where narrow screens lay its rows out as blocks.
    widths = el("colgroup", el("col", cls="c-who"), el("col"), el("col", cls="c-value"))
    return el("table", el("caption", caption), widths, el("tbody", *rows, role="rowgroup"), cls="chart", role="table")


def _chart_row(name: str, picture: Safe, value: str) -> Safe:
    return el(
        "tr",
        el("th", name, scope="row", role="rowheader", cls="who"),
        el("td", picture, role="cell", cls="drawn"),
        el("td", value, role="cell", cls="value"),
        role="row",
    )


def _axis_row(picture: Safe, who: str, what: str, value: str) -> Safe:
    def cell(text: str, *, cls: str, drawn: Safe | None = None) -> Safe:
        return el("th", el("span", text, cls="unseen"), drawn or Safe(""), scope="col", role="columnheader", cls=cls)

    return el(
        "tr", cell(who, cls="who"), cell(what, cls="drawn", drawn=picture), cell(value, cls="value"), role="row", cls="axis"
    )


def _band(text: str) -> Safe:
    return el("tr", el("td", text, colspan=3, role="cell"), role="row", cls="band")


def _not_measured(report: Report) -> Safe:
    left = [r for r in everyone(report.verdict) if r.status != "measured"]
    if not left:
        return Safe("")
    items: list[Safe] = []
    for rung in left:
        what, why = ("failed" if rung.status == "failed" else "does not apply here"), str(rung.why or "")
        kind = kind_of(rung.why)
        if kind == "not_begun":
            what = "not begun"
        elif kind in ("not_built", "not_needed"):
            what, _, why = why.partition(": ")
        items += [el("dt", rung.name), el("dd", el("b", f"{what}: "), why or "no reason was recorded")]
    return join(el("h3", "Not measured"), el("dl", *items, cls="reasons"))


@dataclass(frozen=True, slots=True)
class _Price:
    """One thing to keep small: how it is read from a rung, written, and limited."""

    name: str
    title: str
    unit: str
    read: Callable[[RungResult], float | None]
    write: Callable[[float], str]
    limit: float | None


def price_section(report: Report) -> Safe:
    """Section 3: quality against cost and against latency."""
    rungs = [r for r in ladder(report.verdict) if r.status == "measured" and _score(r, report) is not None]
    if not rungs:
        return section("price", "What does quality cost?", el("p", "No rung was measured."))
    bar = limit(report.bar, "p95_seconds")
    latency = _Price(
        "latency", "Quality against latency", "95 % of answers come within (p95, one at a time)",
        lambda r: None if r.latency is None else r.latency.p95, milliseconds, None if bar is None else bar * 1000,
    )  # fmt: skip
    return section(
        "price", "What does quality cost?",
        el("p", "Better is up; cheaper and faster is left. Reference arms cannot be served and are not shown.", cls="quiet"),
        el("div", _against(report, rungs, _cost(report, rungs)), _against(report, rungs, latency), cls="pair"),
        front_line(report.verdict), bills_table(report),
    )  # fmt: skip


def _cost(report: Report, rungs: Sequence[RungResult]) -> _Price:
    if all(r.usd_per_1k is not None for r in rungs):
        return _Price(
            "cost",
            "Quality against cost",
            "US dollars per 1,000 answers",
            lambda r: r.usd_per_1k,
            money,
            limit(report.bar, "usd_per_1k"),
        )
    missing = [r.name for r in rungs if r.usd_per_1k is None]
    whose = "this model" if len(missing) == len(rungs) else listed(missing)
    return _Price(
        "cost", "Quality against tokens", f"tokens per answer, prompt and completion (the price of {whose} is unknown)",
        lambda r: _tokens(report, r), significant, None,
    )  # fmt: skip


def _tokens(report: Report, rung: RungResult) -> float | None:
    parts = [rung.scores[k].mean for k in ("prompt_tokens", "completion_tokens") if k in rung.scores]
    means = [p for p in parts if p is not None]
    if len(means) == 2:
        return sum(means)
    used = [p.outcomes[rung.name].usage for p in report.cases if rung.name in p.outcomes]
    spent = [u.prompt_tokens + u.completion_tokens for u in used]
    return sum(spent) / len(spent) if any(spent) else None


def _score(rung: RungResult, report: Report) -> float | None:
    estimate = rung.scores.get(report.verdict.main_metric)
    return None if estimate is None else estimate.mean


def _against(report: Report, rungs: Sequence[RungResult], price: _Price) -> Safe:
    prices = {r.name: value for r in rungs if (value := price.read(r)) is not None}
    priced = [r for r in rungs if r.name in prices]
    if not priced:
        return el("figure", el("h3", price.title), el("p", "Not measured in this run.", cls="quiet"))
    values = [prices[r.name] for r in priced]
    points_ = [
        charts.Point(r.name, value, e.mean or 0.0, e.low, e.high, r.name == report.verdict.winner)
        for r, value in zip(priced, values, strict=True)
        for e in (r.scores[report.verdict.main_metric],)
    ]
    x, bar = charts.spread(values, also=price.limit), limit(report.bar, report.verdict.main_metric)
    about = f"{report.verdict.main_metric} upwards, {price.unit} to the right. The numbers are in the table below."
    picture = charts.scatter(
        points_,
        name=f"plot-{price.name}",
        x=x,
        ticks=[(v, price.write(v)) for v in charts.ticks(x)],
        words=(price.title, about),
        bar=None if bar is None else (bar, f"bar {percent(bar)}"),
        limit=None if price.limit is None else (price.limit, f"limit {price.write(price.limit)}"),
    )
    scale = f"{price.unit}{' (logarithmic scale)' if x.log else ''} →"
    return el("figure", el("h3", price.title), picture, el("figcaption", scale), _price_table(report, rungs, prices, price))


def _price_table(report: Report, rungs: Sequence[RungResult], prices: Mapping[str, float], price: _Price) -> Safe:
    rows = [
        el(
            "tr",
            el("th", r.name, scope="row"),
            el("td", percent(_score(r, report), digits=1)),
            el("td", price.write(prices[r.name]) if r.name in prices else "unknown"),
            el("td", "yes" if r.name in report.verdict.front else DASH),
        )
        for r in rungs
    ]
    head = el(
        "tr",
        *(
            el("th", t, scope="col")
            for t in (
                "Rung",
                report.verdict.main_metric,
                "p95" if price.name == "latency" else price.name,
                "on the Pareto front",
            )
        ),
    )
    return el("details", el("summary", "As a table"), el("table", el("thead", head), el("tbody", *rows), cls="numbers"))


def gaps_section(report: Report) -> Safe:
    """Section 4: the three gaps."""
    verdict = report.verdict
    gaps = {name: e for name, e in verdict.gaps.items() if e.mean is not None}
    gap_names = [g[0] for g in GAPS]
    unstated = [name for name in gap_names if name not in gaps and name in verdict.doubts]
    missing = [name for name in gap_names if name not in gaps and name not in unstated]
    notes = [el("p", f"{name} gap: {gap_sentence(verdict, name)}", cls="quiet") for name in unstated]
    if not gaps and not notes:
        there = {r.ladder_rung for r in everyone(verdict) if r.status == "measured"}
        lacking = [name for name in ("closed_book", "oracle", "rag") if name not in there]
        text = "The gaps need the reference arms closed_book and oracle and, for retrieval, rag."
        text += f" Not measured here: {listed(lacking)}." if lacking else ""
        return section("gaps", "What is missing?", el("p", text))
    notes += [el("p", f"Not measured: {listed(missing)}.", cls="quiet")] if missing else []
    if not gaps:
        return section("gaps", "What is missing?", *notes)
    ends = [
        (e.low if e.low is not None else e.mean or 0.0, e.high if e.high is not None else e.mean or 0.0)
        for e in gaps.values()
    ]
    scale = charts.covering([(min(a, b), max(a, b)) for a, b in ends])
    labels = [(v, points(v) if v else "0") for v in charts.ticks(scale)]
    rows = [_axis_row(charts.axis(scale, labels=labels), "Gap", "size and its 95 % interval", "Points")]
    for name in [*(n for n in gap_names if n in gaps), *(n for n in gaps if n not in gap_names)]:
        rows.append(_gap_row(name, gaps[name], scale))
        rows.append(_band(_gap_sentence(name, report)))
    largest = " The largest gap is where the next effort pays most." if any(proven(verdict, name) for name in gaps) else ""
    intro = el("p", f"In percentage points of {verdict.main_metric}.{largest}", cls="quiet")
    return section("gaps", "What is missing?", intro, _chart_table("Gaps", rows), *notes)


def _gap_row(name: str, e: Estimate, scale: charts.Scale) -> Safe:
    words = f"{points(e.mean)} points, 95 % interval {points_interval(e) or 'unknown'}, {count(e.n, 'case')}"
    picture = charts.interval_row(e.mean, e.low, e.high, scale=scale, title=f"{name} gap: {words}", style="gap")
    return _chart_row(
        f"{name} gap", picture, join(el("b", points(e.mean)), " ", el("span", points_interval(e), cls="quiet"))
    )


def _gap_sentence(name: str, report: Report) -> Safe:
    """What is measured, what that says and, where there surely is a gap, what closes it."""
    verdict = report.verdict
    sentence = gap_sentence(verdict, name)
    for gap, means, formula, cure in GAPS:
        if gap == name:
            how = formula if has_oracle(verdict) else "what the model gets wrong; there are no documents that could help"
            closed = f" {cure}" if proven(verdict, name) else ""
            return join(el("b", means), f" ({how}){measured_on(verdict, name)}: {sentence}{closed}")
    return join(f"{sentence} {count(verdict.gaps[name].n, 'case')}.")


def losses_section(report: Report) -> Safe:
    """Section 5: stacked bars of where each rung lost its cases."""
    rungs = [r for r in everyone(report.verdict) if r.status == "measured" and r.name in report.losses]
    if not rungs:
        return section("losses", "Where were cases lost?", el("p", "No losses were recorded for this run."))
    layers = _layers(report, [r.name for r in rungs])
    totals = {r.name: _total(report, r) for r in rungs}
    rows = [_loss_row(r, report, layers, totals[r.name]) for r in rungs]
    legend = [el("li", el("span", "✓", cls="key right"), el("span", el("b", "right")))]
    if any(r.partly for r in rungs):
        legend.append(el("li", el("span", "◐", cls="key partly"), el("span", el("b", "partly right"))))
    legend += [
        el("li", el("span", code, cls=f"key {style}"), el("span", el("b", name), f": {about}" if about else ""))
        for name, code, style, about in layers
    ]
    body = _chart_table("Cases right, and lost by layer", rows) if rows else Safe("")
    return section(
        "losses", "Where were cases lost?",
        el("p", f"Each bar holds all cases of a rung. A lost case counts once, where it was lost first. {WHAT_IS_RIGHT}",
           cls="quiet"),
        body,
        el("ul", *legend, cls="legend"),
        _next_step(report),
        wins_table(report),
        _loss_table(report, rungs, layers, totals),
    )  # fmt: skip


def _next_step(report: Report) -> Safe:
    """What the choice loses most by, and what helps against that."""
    winner = report.verdict.winner
    lost = lost_counts(report, winner) if winner is not None else {}
    if not lost:
        return Safe("")
    layer = max(lost, key=lambda name: lost[name])
    losses = next((r.losses for r in report.verdict.rungs if r.name == winner), ())
    won = next((remedy(one) for one in losses if one.layer == layer), in_general(layer))
    text = f"{winner} loses most as “{layer}” ({count(lost[layer], 'case')}). {won}"
    return el("p", el("b", "Next step: "), text.strip())


def _layers(report: Report, names: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """(words, code, style, meaning) of the layers that lost anything, known ones first."""
    lost = {layer for name in names for layer in lost_counts(report, name)}
    familiar = [(name, code, f"lost-{i}", about) for i, (name, code, about) in enumerate(LAYERS) if name in lost]
    new = sorted(lost - {name for name, _, _ in LAYERS})
    return familiar + [(name, str(i + 1), "lost-other", "") for i, name in enumerate(new)]


def _total(report: Report, rung: RungResult) -> int:
    e = rung.scores.get(report.verdict.main_metric)
    return max(sum(lost_counts(report, rung.name).values()), e.n if e else 0)


def _loss_row(rung: RungResult, report: Report, layers: Sequence[tuple[str, str, str, str]], total: int) -> Safe:
    lost = lost_counts(report, rung.name)
    right = total - sum(lost.values()) - rung.partly
    parts = [
        charts.Segment(right, "✓", "right", f"{rung.name}: {count(right, 'case')} right"),
        charts.Segment(rung.partly, "◐", "partly", f"{rung.name}: {count(rung.partly, 'case')} partly right"),
    ]
    for name, code, style, _ in layers:
        n = lost.get(name, 0)
        parts.append(charts.Segment(n, code, style, f"{rung.name}: {count(n, 'case')} {name}"))
    picture = charts.stacked_row(parts, total=total, title=f"{rung.name}: {right} of {total} right")
    name = join(rung.name, " ", el("span", "reference", cls="tag plain")) if rung.reference else join(rung.name)
    return _chart_row(name, picture, join(el("b", f"{right:,}"), el("span", f" of {total:,}", cls="quiet")))


def _loss_table(
    report: Report, rungs: Sequence[RungResult], layers: Sequence[tuple[str, str, str, str]], totals: Mapping[str, int]
) -> Safe:
    head = el(
        "tr", *(el("th", t, scope="col") for t in ("Rung", "cases", "right", "partly", *(name for name, *_ in layers)))
    )
    rows = []
    for r in rungs:
        lost = lost_counts(report, r.name)
        right = totals[r.name] - sum(lost.values()) - r.partly
        cells = [totals[r.name], right, r.partly, *(lost.get(name, 0) for name, *_ in layers)]
        rows.append(el("tr", el("th", r.name, scope="row"), *(el("td", f"{n:,}" if n else DASH) for n in cells)))
    table = el("table", el("thead", head), el("tbody", *rows), cls="numbers")
    return el(
        "details",
        el("summary", "As a table"),
        scrolling(table, "Cases lost by layer"),
    )
