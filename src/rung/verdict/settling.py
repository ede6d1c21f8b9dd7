"""What is not settled about the bar: how many more cases would settle it, and who may clear it that was stopped before."""

from __future__ import annotations

from collections.abc import Sequence

from rung.records import Evaluation
from rung.verdict import choice_words
from rung.verdict.bar import MAIN, Bar
from rung.verdict.probability import cases_needed, tries_of


def more_cases(evaluation: Evaluation, bar: Bar, *, of: str) -> str:
    """The sentence that says that a rung may reach the bar or not, and what would settle it; or nothing. `of`: its name, ""
    for the choice."""
    if bar.correct is None:
        return ""
    column, clusters, result = evaluation.values[MAIN], evaluation.clusters, evaluation.result
    if bar.is_likely_missed(result.probability_alone) or bar.is_cleared(result.probability):
        return ""
    tries = tries_of(result.probability_alone, result.probability)
    needed = cases_needed(column, bar.correct, risk=bar.risk, tries=tries, clusters=clusters)
    more = None if needed is None else needed - result.scores[MAIN].n
    return choice_words.not_certain(more, bar.risk, of=of, clustered=clusters is not None)


def may_too(evaluations: Sequence[Evaluation], winner: Evaluation, bar: Bar) -> str:
    """The sentence that says which lower rungs were stopped and may clear the bar as well, as a lower one than theirs may
    be asked about afterwards; or nothing. A race by this bar stops none of these."""
    if bar.correct is None or bar.prefer != "ladder":
        return ""
    lower = [e for e in evaluations if not e.is_reference and e.result.order < winner.result.order]
    some = [e.result for e in lower if e.interval is not None and e.interval[1] >= bar.correct]
    return choice_words.may_too(some, len(winner.values[MAIN]))
