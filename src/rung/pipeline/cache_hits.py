"""What a memory of answers did on the cases that judge: how often it answered, and how often wrongly where the rung beneath
answers rightly (a false hit).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rung.records import Evaluation, Json
from rung.strategies.semantic_cache import CACHE, SemanticCache
from rung.verdict.bar import MAIN
from rung.verdict.failure_modes import LOST_BELOW

HITS = "cache"  # among a rung's settings in a verdict


@dataclass(frozen=True, slots=True)
class Hits:
    """Of `cases` answered `hits` came from the memory; of `compared` of these the rung beneath was judged too, and `false`
    of them were wrong where it was right. `saved`: tokens of an answer, over all cases; None where it is unknown. `failed`:
    cases for which the memory could not be searched."""

    cases: int
    hits: int
    compared: int
    false: int
    saved: float | None
    failed: int = 0


def with_hits(evaluations: Sequence[Evaluation]) -> tuple[Evaluation, ...]:
    """The evaluations; those of memories say among their settings what these did."""
    counted = {cached.name: hits for cached, _, hits in _memories(evaluations)}
    return tuple(_shown(one, counted[one.name]) if one.name in counted else one for one in evaluations)


def _shown(cached: Evaluation, hits: Hits) -> Evaluation:
    counts: dict[str, Json] = {"hits": hits.hits, "false_hits": hits.false, "compared": hits.compared}
    counts |= {"not_searched": hits.failed} if hits.failed else {}
    return replace(cached, result=replace(cached.result, settings={**cached.result.settings, HITS: counts}))


def of_hits(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """What to say of memories."""
    for cached, inner, hits in _memories(evaluations):
        saved = "" if hits.saved is None else f", which saved {hits.saved:,.0f} tokens a question"
        if hits.failed:
            yield (
                f"{cached.name}: the memory could not be searched for {hits.failed} of {hits.cases} questions, which "
                f"{inner} answered: they say nothing of how often it hits."
            )
        share = f"{hits.hits} of {hits.cases} answers came from its memory{saved}"
        if not hits.hits and hits.failed == hits.cases:
            continue
        if not hits.hits:
            yield f"{cached.name}: no question of the cases was similar enough to one that was answered before."
        elif hits.compared:
            false = f"{hits.false} of {hits.compared} were wrong where {inner} was right (false hits)"
            yield f"{cached.name}: {share}; {false}."
        else:
            yield f"{cached.name}: {share}; {inner} was not judged on these cases, so false hits are unknown."


def _memories(evaluations: Sequence[Evaluation]) -> Iterator[tuple[Evaluation, str, Hits]]:
    """(the rung with a memory, the label of the rung beneath, what the memory did), of those that answered."""
    by_name = {one.name: one for one in evaluations}
    for cached in evaluations:
        if cached.spec is not None and cached.spec.rung == SemanticCache.name and cached.outcomes:
            label = cached.spec.members[0][0]
            yield cached, label, _counted(cached, by_name.get(label))


def _counted(cached: Evaluation, inner: Evaluation | None) -> Hits:
    by_memory = {o.case for o in cached.outcomes if o.answer is not None and o.answer.by == CACHE}
    beneath = {} if inner is None else {o.case: o for o in inner.outcomes}
    mine, theirs = _right(cached), {} if inner is None else _right(inner)
    both = [case for case in by_memory if case in mine and case in theirs]
    used = [beneath[case].usage for case in by_memory if case in beneath]
    saved = sum(usage.prompt_tokens + usage.completion_tokens for usage in used) / len(cached.outcomes)
    return Hits(
        len(cached.outcomes),
        len(by_memory),
        len(both),
        sum(theirs[case] and not mine[case] for case in both),
        saved if len(used) == len(by_memory) else None,
        sum(o.answer is not None and o.answer.memory_failed for o in cached.outcomes),
    )


def _right(evaluation: Evaluation) -> dict[str, bool]:
    """Of each case that was judged whether the answer is at least half right."""
    card = evaluation.scorecard
    values = card.values.get(MAIN, ())
    return {
        case: float(value) >= LOST_BELOW for case, value in zip(card.cases, values, strict=False) if not math.isnan(value)
    }
