"""The verdict's sentences: plain words around numbers. What they say is decided in `decide`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from rung.records import Coverage, Estimate, Latency, Reason, Repeats, RungResult, Timed, Unanswered
from rung.verdict.bar import Bar, Limit
from rung.verdict.statistics import ALPHA, Paired

_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")  # of an error: what differs from case to case

_RETIME = "rung compare --retime times all of them together, here and now."


def number(value: float, *, beside: float | None = None) -> str:
    """Two decimals, more where two would make a number look like the one beside it: 0.699 misses 0.70."""
    digits = 2
    while beside is not None and value != beside and digits < 5 and f"{value:.{digits}f}" == f"{beside:.{digits}f}":
        digits += 1
    return f"{value:.{digits}f}".replace("-0.00", "0.00") if digits == 2 else f"{value:.{digits}f}"


def interval(estimate: Estimate, *, beside: float | None = None) -> str:
    """ "0.74 [0.68, 0.80]", or the mean alone where the interval is not known."""
    if estimate.mean is None:
        return "unknown"
    if estimate.low is None or estimate.high is None:
        return number(estimate.mean, beside=beside)
    return f"{number(estimate.mean, beside=beside)} [{number(estimate.low)}, {number(estimate.high)}]"


def cases(n: int, *, what: str = "case") -> str:
    """ "1 case", "200 cases"."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def listed(names: Sequence[str], *, most: int = 4) -> str:
    """ "a", "a and b", "a, b and 3 more"."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def chance(probability: float | None) -> str:
    """A probability in two decimals, never as if it were certain."""
    if probability is None:
        return "unknown"
    return "more than 0.99" if probability > 0.99 else "less than 0.01" if probability < 0.01 else f"{probability:.2f}"


def reaching(result: RungResult, risk: float) -> str:
    """The probability that a rung reaches the bar, as `Bar.told_of`; where what was tried beside it makes it less, its own
    too."""
    shown, alone = chance(Bar(risk=risk).told_of(result)), chance(result.probability_alone)
    return shown if shown == alone else f"{shown} counting all that was tried, {alone} by itself"


def cut_short(ended: str, done: int, total: int) -> str:
    """Building was stopped by a budget, so far on."""
    where = f" at {done:,} of {total:,}" if total else ""
    return f"{ended}, and building it was stopped{where}; the next run goes on from what is kept"


def too_long(rows: int, takes: str, left: str) -> str:
    """Training that would not fit into what is left of a budget."""
    return f"training on {rows:,} rows would take about {takes}, as long a row as the last one took, and {left} are left"


def partial(coverage: Coverage) -> str:
    """The comparison ended before its time."""
    return (
        f"Partial verdict: {coverage.partial}, after {coverage.answers:,} of at most {coverage.exhaustive:,} answers. "
        "It may change; the same command with a larger budget goes on from there."
    )


def limited(judged: int, there: int) -> str:
    """Why a comparison is a trial run: it judged by some of the cases only."""
    return f"it judged by {judged:,} of {cases(there, what='test case')}"


def without_model(alias: str) -> str:
    """Why a comparison is a trial run: a model of the project was taken for gone."""
    return f"'{alias}' was left out, as if it were gone"


def trial(why: str) -> str:
    """A comparison that is no verdict."""
    return f"Trial run, since {why}: it replaces no verdict, and is not counted as a look at the test cases."


def timed_apart(timed: Mapping[str, Timed]) -> str:
    """Latencies of several live passes stand side by side."""
    by: dict[str, list[str]] = {}
    for name, one in timed.items():
        by.setdefault(str(one), []).append(name)
    passes = "; ".join(f"{listed(names)} {when}" for when, names in by.items())
    return f"Rungs were timed at different times, so their latencies are not to be compared: {passes}. {_RETIME}"


def timed_elsewhere(timed: Timed) -> str:
    """Latencies are those of another machine."""
    return f"Latencies were taken on another machine: {timed}. {_RETIME}"


def timed_while_busy(timed: Timed) -> str:
    """Other work ran beside the live pass."""
    return f"The machine was busy when rungs were timed: {timed}. {_RETIME}"


def repeated(name: str, repeats: Repeats) -> str:
    """How far a rung's score varies when the same cases are asked again."""
    alike = "every pass gave every case the same score"
    varied = (
        f"the mean of one pass varies by ±{repeats.mean_sd:.3f} (standard deviation), and {repeats.unsettled:.0%} of "
        "the cases passed in some passes only"
    )
    return f"{name} was asked {cases(repeats.cases)} {repeats.passes} times: {varied if repeats.case_sd else alike}."


def drawn_once(temperature: float) -> str:
    """Answers are drawn, and how far they vary was not measured."""
    return (
        f"Answers are drawn at temperature {temperature:g}, each case once: how far scores vary from draw to draw is not "
        "known. sampling.repeats in rung.yaml asks each case several times."
    )


def hanging_together(n: int, groups: int, effect: float) -> str:
    """Cases of one document are right or wrong together."""
    return (
        f"Cases of one document hang together: {cases(n)} in {groups:,} groups tell as much as about "
        f"{cases(max(1, round(n / effect)), what='independent one')}. Intervals and tests allow for it."
    )


def few_documents(documents: int, n: int) -> str:
    """Cases of a few documents tell of these only."""
    what = "document" if documents == 1 else "documents"
    return (
        f"{cases(n)} are about {documents:,} {what}: intervals and probabilities tell of further questions about "
        f"{'it' if documents == 1 else 'these'}, not of other documents, for which they are too narrow. Several cases "
        "about each of ten documents or more tell of those too."
    )


def nothing_to_choose(ladder: Sequence[RungResult], rejected: Mapping[str, Reason]) -> str:
    """Why there is no winner."""
    tried = [r.name for r in ladder if r.status == "measured"]
    if not ladder:
        return "Nothing was measured: the project names no rung."
    if not tried:
        return "Nothing was measured: " + "; ".join(f"{r.name} {rejected[r.name]}" for r in ladder[:3]) + "."
    if all(rejected[name].kind == "nothing_right" for name in tried):
        return f"No rung can be chosen: none of {listed(tried)} got a single case right."
    if all(rejected[name].kind in ("nothing_right", "at_floor") for name in tried):
        return f"No rung can be chosen: {listed(tried)} {'gets' if len(tried) == 1 else 'get'} no further."
    return "No rung can be chosen: " + "; ".join(f"{name} {rejected[name]}" for name in tried[:3]) + "."


def forgetting(name: str, marked: str) -> str:
    """The same as a warning, with what to do."""
    return (
        f"{name} forgot too much in its training and cannot be chosen: {marked}. Mix general rows into the training "
        "(recipe: replay), train fewer epochs at a lower learning_rate, or allow more under bar.forgetting."
    )


def limit_words(limit: Limit) -> str:
    """ "at most 2"."""
    return f"at {'most' if limit.is_upper else 'least'} {limit.value:g}"


def amount(value: float, beside: float) -> str:
    """A number in as few digits, three at least, as tell it from the one beside it."""
    for digits in range(3, 10):
        if f"{value:.{digits}g}" != f"{beside:.{digits}g}":
            return f"{value:.{digits}g}"
    return repr(value)


def turned(e: Estimate) -> Estimate:
    """The same difference seen from the other side."""
    low, high = (None if e.high is None else -e.high), (None if e.low is None else -e.low)
    return Estimate(None if e.mean is None else -e.mean, low, high, e.n)


def commonest(errors: Sequence[str]) -> str:
    """The commonest failure with its count; those that differ in numbers and quoted words only are one, "like" the first."""
    kinds = Counter(_VARYING.sub("…", error) for error in errors)
    (kind, count), *_ = kinds.most_common(1)
    example = next(error for error in errors if _VARYING.sub("…", error) == kind).rstrip(".")
    alike = {error for error in errors if _VARYING.sub("…", error) == kind}
    how = "with" if len(alike) == 1 else "like"
    often = f"most often ({count:,} time{'s' if count != 1 else ''})"
    return f"all {how}: {example}" if count == len(errors) else f"{often} {how}: {example}"


def failures(name: str, count: int, n: int, failing: str = "") -> str:
    """Answers that did not come. `failing`: the commonest failure, in words."""
    return f"{name}: {count:,} of {cases(n)} failed{f', {failing}' if failing else ''}; they count as misses."


def unanswered(name: str, live: Unanswered, latency: Latency | None) -> str:
    """Answers of the live pass that did not come, which is why its times are of the others alone."""
    rest = live.asked - live.failed
    times = "so that it has no p50 and p95"
    if latency is not None:
        times = f"its p50 and p95 are of {f'the other {rest:,}' if latency.n == rest else 'an earlier pass'}"
    return (
        f"{name}: {live.failed:,} of {live.asked:,} questions that were asked one at a time, for its latency, came to no "
        f"answer, {live.why}; {times}."
    )


def passages_cut(name: str, count: int, of: int, room: int) -> str:
    """Passages that do not fit into what the model reads."""
    whole = f"In {count:,} of {of:,} answers the passages of {name} do not fit into the {room:,} tokens that its model reads"
    shown = "the last were left out, or the first was cut. Show fewer, or smaller ones."
    return f"{whole} (server.context_tokens, or what its server says): {shown}"


def turns_left_out(name: str, counts: Sequence[int], n: int) -> str:
    """That conversations were longer than the model reads. `counts`: turns left out, of each of those answers."""
    too_long = f"in {len(counts)} of {n} answers the conversation was longer than the model reads"
    return f"{name}: {too_long}; {_from_to(counts)} of its oldest turns were left out."


def documents_left_out(name: str, counts: Sequence[int], n: int) -> str:
    """That not every document was asked. `counts`: documents left out, of each of those answers."""
    why = "were not asked for want of budget (settings 'tokens' and 'asks')"
    return f"{name}: in {len(counts)} of {n} answers, documents {why}: {_from_to(counts)}."


def _from_to(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def prompt_cut(name: str, count: int, n: int) -> str:
    """A server counted fewer tokens than it was sent words."""
    return (
        f"{name}: for {count:,} of {cases(n)} the server read fewer tokens than the prompt has words: it cut the prompt "
        "without saying so, and these answers did not see all that they were shown. Give the server more context (Ollama: "
        "name the model ollama:<name>, or set OLLAMA_CONTEXT_LENGTH), or show fewer passages."
    )


def unwinnable(count: int, n: int) -> str:
    """Cases whose accepted answers the project's own form forbids."""
    return (
        f"{count:,} of {cases(n)} can never be won: labels or schema allow none of the accepted answers (rung check names "
        "them). They count as misses for every rung."
    )


def documents_ignored(count: int, n: int) -> str:
    """Documents that take no rank in the cases' rankings: BEIR's convention, or what a case names."""
    return (
        f"In {count} of {cases(n)} the search found a document that takes no rank there, such as the query's own "
        "(knowledge.ignore_identical_ids, as in BEIR's evaluation; meta.ignored_documents): it is left out of the ranking."
    )


def labels_forgiven(name: str, count: int, n: int, first: str) -> str:
    """Answers that are a label but for case, quotation marks or a final dot."""
    verb = "is a label" if count == 1 else "are labels"
    return (
        f"{name}: {count} of {cases(n, what='answer')} {verb} only when case, quotation marks and a final dot are forgiven, "
        f"such as {first[:60]!r}: correct forgives them, format does not."
    )


def not_checked(name: str, limit: Limit, *, unknown: Sequence[str], metrics: Sequence[str]) -> str:
    """A limit on something that is not known: it is not held against a rung, and not passed over in silence."""
    head = "cost unknown, " if name == "usd_per_1k" else ""
    statement = f"{head}limit {name} ({limit_words(limit)}) not checked"
    if unknown:
        return f"{listed(list(unknown))}: {statement}."
    if head or name.endswith("_seconds"):
        return f"{statement[0].upper()}{statement[1:]}."
    needs = limit.metric.needs
    because = f"it needs {needs}" if needs else f"no rung has that score; there are {', '.join(metrics) or 'none'}"
    return f"{statement[0].upper()}{statement[1:]}: {because}."


def no_better_than_one_answer(name: str, score: Estimate, what: str, constant: float, better: Paired) -> str:
    """A rung whose score may be a mere habit, or is below it. `better`: the rung less the constant."""
    difference = better.estimate.mean or 0.0
    worse = "is significantly worse" if better.p < ALPHA else "is not better"
    how = worse if difference < 0 else "is not significantly better"
    return (
        f"Saying {what} to every case would get {number(constant, beside=score.mean or 0.0)}: "
        f"{name}, at {interval(score, beside=constant)}, {how}. Look at its cases before you trust it."
    )


def so_far(winner: RungResult, total: int) -> str:
    """A choice that a budget made on some of the cases only."""
    return f"{winner.name} has answered {winner.answered:,} of {cases(total)} so far."


def perhaps_a_habit(name: str, what: str) -> str:
    """The same in short, before the reason for the choice."""
    return f"{name} is not shown to be better than saying {what} to every case: read its answers before you rely on it."


def looked_at(times: int) -> str:
    """How often the test cases have been looked at."""
    return (
        f"These test cases have now judged {times:,} different configurations. Each look lets luck choose a little; "
        "before you rely on the verdict, judge the choice once more by new cases."
    )
