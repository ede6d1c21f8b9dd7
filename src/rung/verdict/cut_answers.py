"""Answers that the room for them ended: what they lost is no fault of the model, so a verdict says so before anything else.

A rung counts as cut where more than `MANY` of its answers are. Where so many were cut and are not right, nothing is said of
what its model knows or reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rung.records import Evaluation, Reason, rung_of
from rung.verdict import cut_words
from rung.verdict.bar import MAIN
from rung.verdict.failure_modes import RIGHT_FROM
from rung.verdict.gaps import CLOSED_BOOK, ORACLE, RAG, Gaps

MANY = 0.1  # of a rung's answers
_ARMS = {"knowledge": (ORACLE, CLOSED_BOOK), "retrieval": (ORACLE, RAG), "behaviour": (ORACLE,)}  # that a gap is told by


def is_cut(evaluation: Evaluation) -> bool:
    """Whether more than `MANY` of a rung's answers were cut off."""
    return evaluation.cut_answers > MANY * len(evaluation.outcomes)


def loses_by_cuts(evaluation: Evaluation) -> bool:
    """Whether more than `MANY` of a rung's answers were cut off and are not right: its score is then that of its room."""
    if not is_cut(evaluation) or MAIN not in evaluation.values:
        return is_cut(evaluation)
    scores = zip(evaluation.scorecard.cases, evaluation.values[MAIN], strict=True)
    right = {case for case, score in scores if score >= RIGHT_FROM}
    cut = (one.case for one in evaluation.outcomes if one.answer is not None and one.answer.truncated)
    return sum(case not in right for case in cut) > MANY * len(evaluation.outcomes)


def said_first(evaluations: Sequence[Evaluation]) -> str:
    """What a verdict says before its reason, with a blank after it: which rungs and arms were cut, and at how many tokens;
    "" where none was."""
    cut = [(e.name, e.cut_answers, len(e.outcomes), _room(e)) for e in evaluations if is_cut(e)]
    return f"{cut_words.cut_off_first(cut)} " if cut else ""


def with_the_cut(rejected: Mapping[str, Reason], evaluations: Sequence[Evaluation]) -> dict[str, Reason]:
    """The reasons against rungs, those of rungs that were cut with that."""
    cut = {e.name: e for e in evaluations if is_cut(e) and not e.is_reference}
    return {
        name: replace(why, cut=cut_words.cut_off(e.cut_answers, len(e.outcomes), _room(e))) if (e := cut.get(name)) else why
        for name, why in rejected.items()
    }


def doubted(gaps: Gaps, evaluations: Sequence[Evaluation], *, documents: bool) -> Gaps:
    """The gaps; nothing follows from one that a rung or an arm tells of that loses by cuts. `documents`: see `gaps.gaps`."""
    doubts = dict(gaps.doubts)
    for name, arms in _ARMS.items():
        by = arms if documents else (CLOSED_BOOK,)
        cut = next((e for e in evaluations if rung_of(e.name) in by and loses_by_cuts(e)), None)
        if cut is not None and gaps.estimates[name].n:
            doubts[name] = cut_words.nothing_from_the_cut(cut.name, cut.cut_answers, len(cut.outcomes), _room(cut))
    return replace(gaps, doubts=doubts)


def _room(evaluation: Evaluation) -> int:
    """Tokens that each answer of a rung might have; 0 where that is not one number, or not known."""
    spec = evaluation.spec
    if spec is None or spec.members or spec.rung == "tools":  # that one has room for a call, too
        return 0
    stated = spec.settings.get("max_tokens")
    return stated if isinstance(stated, int) and stated else spec.answer_tokens
