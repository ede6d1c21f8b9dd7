"""What to use, why, and how sure that is: the top of the report, in words that need no training.

Deciding is left to `decide`; here its verdict is only told.
"""

from __future__ import annotations

from collections.abc import Mapping

from rung.records import Difference, Estimate, RungResult, Verdict
from rung.report.bar_lines import bar_lines
from rung.report.contents import Report, is_cleared, is_missed, limit
from rung.report.html.markup import Safe, el, join, scrolled
from rung.report.numbers import DASH, count, percent, points, points_interval, significant
from rung.report.summary import chosen, costs, covered
from rung.verdict import reasons
from rung.verdict.bar import State
from rung.verdict.statistics import ALPHA, holm

_MARKS: Mapping[State, tuple[str, str]] = {
    "met": ("✓ met", "good"),
    "missed": ("✗ missed", "bad"),
    "not certain": ("? not certain", "neutral"),
    "unknown": ("? unknown", "neutral"),
}
CORRECT: Mapping[str, str] = {
    "json": "an answer is right when its JSON values equal an accepted answer's",
    "json_fields": "an answer is right as far as the fields of its JSON value agree with an accepted answer's",
    "label": "an answer is right when its label equals the accepted one",
    "match": "an answer is right when a sentence of it states an accepted answer, numbers by their value; words beside it "
    "cost nothing, a part counts in part; where the documents hold no answer, saying so counts as right",
    "f1": "the share of words that an answer and the best accepted answer have in common (F1), numbers by their value; "
    "where the documents hold no answer, saying so counts as right",
    "em": "an answer is right when it equals an accepted answer, apart from case, articles and punctuation",
    "contains": "an answer is right when it contains an accepted answer",
    "judge": "a model judged each answer, from 0 to 1; what it could not judge is neither right nor wrong",
    "rouge_l": "the overlap of an answer with the best accepted answer, in order of words (ROUGE-L)",
}


def judged_by(report: Report) -> str:
    """How answers are judged, in a word and what it means; "" where the report does not say."""
    by = report.basis.correct_by
    return f"{by} ({CORRECT[by]}{_weights(report)})" if by in CORRECT else by


def _weights(report: Report) -> str:
    weights = report.basis.weights
    listed = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
    return f"; weights: {listed}, all others 1" if weights else ""


def verdict_section(report: Report) -> Safe:
    """Section 1."""
    verdict = report.verdict
    winner = chosen(report)
    children = [
        _status(report),
        el("h1", *_headline(verdict), id="verdict-title"),
        _meaning(winner),
        el("p", verdict.reason),
        _warned(verdict),
    ]
    if winner is not None:
        children += [
            _checks(report, winner),
            el("h3", "How sure is this?"),
            *(el("p", line) for line in how_sure(report, winner)),
            el("h3", "What does it cost?"),
            el("p", " ".join(costs(winner))),
        ]
    children += [_flips(verdict), _others(report)]
    return el("section", *children, id="verdict", aria_labelledby="verdict-title")


def _headline(verdict: Verdict) -> tuple[str, ...]:
    if verdict.winner is None:
        return ("No rung can be recommended.",)
    name = el("span", verdict.winner, cls="winner")
    if is_cleared(verdict):
        return ("Use ", name, ".")
    return (f"{missing(verdict)} {standing(verdict)}: ", name, ".")


def missing(verdict: Verdict) -> str:
    """That nothing clears the bar, or is not shown to; where there is no bar, that the comparison was cut short."""
    if verdict.clears_bar and verdict.probability is None:
        return "The comparison was cut short."
    return "Nothing clears the bar." if is_missed(verdict) else "Nothing is shown to clear the bar."


def standing(verdict: Verdict) -> str:
    """What a choice is that does not clear the bar: the last one, the best, or a lower one that is not shown to be worse."""
    if verdict.clears_bar:  # and the comparison was cut short
        return "The choice so far"
    if verdict.code == "kept":
        return "The last choice stays, since it is not likely below"
    best = next((d.b for d in verdict.differences), verdict.winner)
    return "Best so far" if best == verdict.winner else "As good as the best so far"


def _meaning(winner: RungResult | None) -> Safe:
    """What the winner is, for those who do not know the rungs' names."""
    return el("p", f"That is {winner.about}.", cls="lead") if winner is not None and winner.about else Safe("")


def _status(report: Report) -> Safe:
    if not any(limit(report.bar, key) is not None for key in report.bar):
        return el("p", "No bar was set", cls="chip neutral")
    verdict = report.verdict
    winner = chosen(report)
    is_told = winner is not None and verdict.probability is not None
    chance = f" (probability {reasons.reaching(winner, verdict.risk)})" if winner is not None and is_told else ""
    if is_cleared(verdict):
        return el("p", f"✓ Clears the bar{chance}", cls="chip good")
    if not is_missed(verdict):
        return el("p", f"? Not shown to clear the bar{chance}", cls="chip neutral")
    return el("p", f"✗ Misses the bar{chance}", cls="chip bad")


def _warned(verdict: Verdict) -> Safe:
    if not verdict.warnings:
        return Safe("")
    return el(
        "p", "⚠ Read with care: ", el("a", count(len(verdict.warnings), "warning"), href="#warnings"), ".", cls="warned"
    )


def _checks(report: Report, winner: RungResult) -> Safe:
    rows = []
    for line in bar_lines(report, winner):
        mark, cls = _MARKS[line.state]
        mark += f" (probability {line.chance})" if line.chance else ""
        cells = (el("td", line.asked), el("td", line.reached), el("td", mark, cls=cls))
        rows.append(el("tr", el("th", line.title, scope="row"), *cells))
    if not rows:
        return Safe("")
    head = el("tr", *(el("th", title, scope="col") for title in ("What was asked", "Bar", f"{winner.name} reached", "")))
    table = el("table", el("thead", head), el("tbody", *rows), cls="plain checks", aria_label="The bar, line by line")
    return scrolled(table, title="The bar, line by line")


def how_sure(report: Report, winner: RungResult) -> list[str]:
    """What the winner's interval and its differences to the others mean, one sentence or two each."""
    metric = report.verdict.main_metric
    estimate = winner.scores.get(metric)
    if estimate is None or estimate.mean is None:
        return [f"{winner.name} has no measured score, so nothing can be said about how sure this is."]
    asked, few = limit(report.bar, metric), report.verdict.few_documents
    whole = not 0 < winner.answered < report.verdict.cases
    lines = [
        _range(estimate, winner.name, whole=whole),
        _against_bar(estimate, asked),
        _probably(winner, asked, report.verdict.risk),
    ]
    lines += [_few_documents(few)] if few else []
    others = [d for d in report.verdict.differences if winner.name in {d.a, d.b} and d.a != d.b]
    nearest = sorted((d for d in others if d.estimate.mean is not None), key=lambda d: abs(d.estimate.mean or 0.0))
    adjusted = holm({f"{d.a} {d.b}": d.p for d in report.verdict.differences})
    tested = [(_seen_from(d, winner.name), adjusted[f"{d.a} {d.b}"]) for d in nearest[:1]]
    worse = {name for name, why in report.verdict.rejected.items() if why.kind == "worse"}
    lines += [_compared(one, p, report.verdict.risk, is_shown=one.b in worse) for one, p in tested]
    lines += [reasons.repeated(winner.name, winner.repeats)] if winner.repeats else []
    lines.append(covered(report))
    by = report.basis.correct_by
    judged = f"How answers are judged here: {CORRECT[by]}{_weights(report)}. " if by in CORRECT else ""
    lines.append(f"{judged}Scores run from 0 to 1 and stand in per cent on this page: 0.70 is 70\u202f%.")
    return [line for line in lines if line]


def _range(estimate: Estimate, name: str, *, whole: bool) -> str:
    """`whole`: whether it has answered every case; else its interval is of the mean over these cases."""
    tested = f"{name} scored {percent(estimate.mean)} on {count(estimate.n, 'case')}."
    if estimate.low is None or estimate.high is None:
        return tested
    if not whole:
        return (
            f"{tested} It has not answered the others yet: over all of them, its score most likely lies between "
            f"{percent(estimate.low)} and {percent(estimate.high)} (95 % confidence)."
        )
    return (
        f"{tested} A test has luck in it: on other cases of the same kind, its score most likely lies between "
        f"{percent(estimate.low)} and {percent(estimate.high)} (95 % confidence)."
    )


def _against_bar(estimate: Estimate, bar: float | None) -> str:
    if bar is None or estimate.mean is None or estimate.low is None or estimate.high is None:
        return ""
    asked = f"the bar of {percent(bar)}"
    if estimate.low >= bar:
        return f"Even the low end of that range clears {asked}."
    if estimate.high < bar:
        return f"Even the high end of that range misses {asked}."
    side = "above" if estimate.mean >= bar else "below"
    return f"It is {side} {asked}, but the bar lies inside that range: more test cases would make this surer."


def _probably(winner: RungResult, bar: float | None, risk: float) -> str:
    """The probability that the bar is reached, and what was asked."""
    if bar is None or winner.probability is None:
        return ""
    return (
        f"{winner.name} clears the bar of {percent(bar)} with probability {reasons.reaching(winner, risk)}; "
        f"{1 - risk:.2f} is asked, a chance of {percent(risk)} of being wrong is taken."
    )


def _few_documents(few: int) -> str:
    return (
        f"The cases are about {count(few, 'document')} only, so all of this is about further questions on "
        f"{'it' if few == 1 else 'these'}, not on other documents."
    )


def _seen_from(difference: Difference, winner: str) -> Difference:
    """The same difference as winner − other."""
    if difference.a == winner:
        return difference
    e = difference.estimate
    mean, low, high = (None if v is None else -v for v in (e.mean, e.high, e.low))
    turned = Estimate(mean, low, high, e.n)
    return Difference(winner, difference.a, turned, difference.p)


def _compared(difference: Difference, adjusted: float, risk: float, *, is_shown: bool) -> str:
    """`adjusted`: its p by Holm among all comparisons. `is_shown`: the verdict says that the other is worse, at its risk."""
    e = difference.estimate
    mean, low, high = e.mean or 0.0, e.low, e.high
    if abs(mean) < 1e-9 and low is not None and high is not None:
        return (
            f"On the same cases it does exactly as well as {difference.b}; on others either may do better, by "
            f"{points(max(-low, high), digits=1).lstrip('+')} points at most (95 % confidence)."
        )
    size = f"{points(abs(mean)).lstrip('+')} points {'above' if mean >= 0 else 'below'} {difference.b}"
    if low is None or high is None:
        return f"On the same cases it is {size}."
    if adjusted < ALPHA:
        sure = "a real difference"
    elif difference.p / 2 < risk:
        sure = f"likely a real difference (one-sided p {difference.p / 2:.2f}), not surely"
    elif is_shown:
        sure = f"likely a real difference (at a risk of {risk:.0%}), not surely"
    else:
        sure = "too little to tell the two apart"
    return f"On the same cases it is {size} (interval {points_interval(e)}): {sure}."


def _others(report: Report) -> Safe:
    rejected = report.verdict.rejected
    if not rejected:
        return Safe("")
    items: list[Safe] = []
    for rung in sorted(rejected, key=lambda name: _ladder_order(report.verdict, name)):
        items += [el("dt", rung), el("dd", str(rejected[rung]))]
    return join(el("h3", "Why not the others?" if report.verdict.winner else "Why not?"), el("dl", *items, cls="reasons"))


def _flips(verdict: Verdict) -> Safe:
    """What would change the choice."""
    if not verdict.flips:
        return Safe("")
    return join(el("h3", "What would change this?"), el("ul", *(el("li", line) for line in verdict.flips), cls="reasons"))


def _ladder_order(verdict: Verdict, name: str) -> int:
    return next((r.order for r in verdict.rungs if r.name == name), 10_000)


def differences_table(verdict: Verdict) -> Safe:
    """Every paired difference, with interval and p; empty where none was made."""
    if not verdict.differences:
        return Safe("")
    rows = [
        el(
            "tr",
            el("th", f"{d.a} − {d.b}", scope="row"),
            el("td", points(d.estimate.mean, digits=1)),
            el("td", points_interval(d.estimate) or DASH),
            el("td", significant(d.p) if d.p >= 0.001 else "< 0.001"),
            el("td", f"{d.estimate.n:,}"),
        )
        for d in verdict.differences
    ]
    head = el("tr", *(el("th", title, scope="col") for title in ("Difference", "points", "95 % interval", "p", "cases")))
    title = f"Differences in {verdict.main_metric}"
    table = el("table", el("thead", head), el("tbody", *rows), cls="numbers", aria_label=title)
    return scrolled(table, title=title, about="On the same cases. p: of no difference, by Student's t.")
