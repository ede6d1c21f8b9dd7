"""The page "What if" as HTML: the form with its numbers, and what would be chosen by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from rung.records import RungResult, Verdict
from rung.report.contents import is_cleared, ladder
from rung.report.html.markup import Safe, el, join, scrolling
from rung.report.numbers import DASH, interval, listed, money, percent, seconds
from rung.verdict.bar import MAIN, Bar
from rung.verdict.sensitivity import unchecked
from rung.verdict.sensitivity_words import not_checked, rounded
from rung.verdict.turns import Turn, in_words
from rung.web.forms import choice
from rung.web.what_if_inputs import GOOD, PREFER, PREFERENCES, PRICES, Changed, Field, written

_INPUTS = {
    "traffic": "Questions a month",
    "changes": "Changes of the documents a month",
    "price": "What an answer costs, times",
    "bar": "Bar for correct",
    "risk": "Risk of being wrong",
}


def form_part(fields: tuple[Field, ...], values: Mapping[str, float | None], prefer: str, *, action: str) -> Safe:
    """All numbers, by group; the sliders are the script's."""
    taken = choice("Of those that are good enough", PREFER, list(PREFERENCES.items()), prefer)
    groups = []
    for group, some in groupby(fields, key=lambda field: field.group):
        inputs = [_input(field, values[field.name]) for field in some]
        if group.startswith(PRICES):
            groups.append(el("details", el("summary", group), *inputs))
        else:
            groups.append(el("fieldset", el("legend", group), *inputs, taken if group == GOOD else ""))
    buttons = el(
        "p",
        el("button", "What would be chosen?", cls="main"),
        " ",
        el("a", "The verdict's own numbers", href=action, cls="button"),
    )
    return el("form", *groups, buttons, method="get", action=action, id="what-if", cls="inputs")


def _input(field: Field, value: float | None) -> Safe:
    low, high, is_log = field.slider or (None, None, False)
    control = el(
        "input",
        type="number",
        name_=field.name,
        value="" if value is None else written(value),
        min=f"{field.least:g}",
        step="any",
        inputmode="decimal",
        required=field.needed,
        data_low=None if low is None else f"{low:g}",
        data_high=None if high is None else f"{high:g}",
        data_scale="log" if is_log else None,
    )
    return el("label", field.label, control)


def result_part(
    changed: Changed,
    verdict: Verdict,
    turns: tuple[Turn, ...],
    own: str | None,
    stopped: Sequence[str],
    *,
    guessed: str = "",
) -> Safe:
    """What would be chosen. `own`: the verdict's choice; `stopped`: rungs that the race stopped; `guessed`: by what it is a
    guess, "" where it is none."""
    bar = changed.decision.bar
    shown = el("span", verdict.winner or "no rung", cls="winner")
    chip = "Clears the bar" if is_cleared(verdict) else "Not shown to clear the bar"
    tone = "good" if is_cleared(verdict) and verdict.winner else "bad"
    state = el("span", chip, cls=f"chip {tone}") if bar.correct is not None else Safe("")
    head = el("h2", f"It {'might' if guessed else 'would'} be " if changed.names else "The verdict: ", shown, " ", state)
    by = el("p", f"A guess, {guessed}.") if guessed else Safe("")
    wrong = [el("p", words, cls="error", role="alert") for words in changed.wrong]
    parts = (head, by, _changes(changed, verdict.winner, own), el("p", verdict.reason), _rungs(verdict, changed))
    rest = (_not_checked(verdict, bar), _why_not(verdict), _turns(turns), _left(verdict, stopped))
    return el("div", *wrong, *parts, *rest, id="result", data_winner=verdict.winner or "")


def _changes(changed: Changed, winner: str | None, own: str | None) -> Safe:
    if not changed.names:
        return el("p", "These are the numbers that it was decided by.", cls="quiet")
    same = "as in the verdict" if winner == own else f"the verdict chose {own or 'none'}"
    return el("p", f"Other than in the verdict: {'; '.join(changed.names)}. The choice: {same}.", cls="quiet")


def _rungs(verdict: Verdict, changed: Changed) -> Safe:
    with_bar = changed.decision.bar.correct is not None
    heads = ["Rung", MAIN, *(["reaches the bar"] if with_bar else []), "1,000 answers", "a month, whole", "p95"]
    rows = [_row(rung, verdict, changed, with_bar=with_bar) for rung in ladder(verdict) if rung.status == "measured"]
    head = el("tr", *(el("th", words, scope="col") for words in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="numbers", aria_label="Rungs")
    return scrolling(table, "Rungs")


def _row(rung: RungResult, verdict: Verdict, changed: Changed, *, with_bar: bool) -> Safe:
    is_chosen = rung.name == verdict.winner
    score = rung.scores.get(MAIN)
    correct = DASH if score is None else join(percent(score.mean), " ", el("span", interval(score), cls="ends"))
    chance = [el("td", percent(changed.decision.bar.told_of(rung)))] if with_bar else []
    tag = join(" ", el("span", "the choice", cls="tag")) if is_chosen else Safe("")
    return el(
        "tr",
        el("th", rung.name, tag, scope="row", dir="auto"),
        el("td", correct),
        *chance,
        el("td", money(rung.usd_per_1k)),
        el("td", *_monthly(rung, changed.decision.context.demand.queries)),
        el("td", DASH if rung.latency is None else seconds(rung.latency.p95 / 1000)),
        cls="chosen" if is_chosen else None,
    )


def _monthly(rung: RungResult, queries: float | None) -> list[str]:
    bill = rung.bill
    if bill is None or queries is None:
        return ["no traffic is stated" if queries is None else "unknown"]
    if bill.per_month is not None:
        return [money(bill.per_month)]
    answers = "" if bill.per_query is None else f"answers {money(bill.per_query * queries)}; "
    return ["unknown", el("span", f"{answers}no price of {listed(list(bill.unknown))}", cls="note")]


def _not_checked(verdict: Verdict, bar: Bar) -> Safe:
    """That the choice may break a limit for all that is known."""
    words = not_checked(unchecked(verdict.winner, verdict.rungs, bar))
    return el("p", f"{verdict.winner}: {words}.") if words else Safe("")


def _why_not(verdict: Verdict) -> Safe:
    others = [rung.name for rung in ladder(verdict) if rung.name in verdict.rejected]
    items = [join(el("dt", name, dir="auto"), el("dd", str(verdict.rejected[name]))) for name in others]
    return el("details", el("summary", "Why not the others"), el("dl", *items, cls="reasons")) if items else Safe("")


def _turns(turns: tuple[Turn, ...]) -> Safe:
    rows = []
    for turn in turns:
        name = _INPUTS.get(turn.what, f"{turn.what}, limit")
        now = DASH if turn.now is None else written(turn.now) if turn.now < 1 else rounded(turn.now)
        words = [join(where, ": ", el("b", then)) for where, then in map(in_words, turn.changes)]
        cell = join(*(el("div", one) for one in words)) if words else el("span", turn.note, cls="quiet")
        rows.append(el("tr", el("th", name, scope="row"), el("td", now, cls="number"), el("td", cell)))
    heads = (("What", None), ("now", "number"), ("where the choice changes", None))
    head = el("tr", *(el("th", words, scope="col", cls=kind) for words, kind in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list")
    return join(el("h3", "Where it flips"), el("p", "One at a time, the others as they are above.", cls="quiet"), table)


def _left(verdict: Verdict, stopped: Sequence[str]) -> Safe:
    if not stopped:
        return Safe("")
    out = [rung.name for rung in verdict.rungs if rung.stopped and rung.name in stopped]
    how = "cannot be chosen by the verdict's own numbers; with others they may" if out else "count as far as they answered"
    return el("p", f"Stopped early by the race: {listed(list(stopped))}. They {how}.", cls="quiet small")
