"""What one same answer to every case would get, by the project's own measure: the best of those likely to get most.

Whether a rung is better than that is left to `verdict.decide`. Its words stand in the verdict, which everybody may read: an
answer that only cases or answers of restricted documents have is not named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.records import Answer, Case, Evaluation, Outcome
from rung.report.access import needs_of, needs_of_answer
from rung.report.contents import CasePage
from rung.scoring import ScoringContext, score_run
from rung.scoring.correctness import Correctness
from rung.scoring.refusal import spoken
from rung.text.matching import tokens
from rung.verdict.bar import MAIN
from rung.verdict.constant import Constant, best_constant, better

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

ACCEPTED = 12  # accepted answers that are tried: the commonest, then those of the commonest words
SAMPLE = 300  # cases, at most, by which the best of them is picked
UNNAMED = "one same answer"  # in the place of one that is not for everybody
_SHOWN = 60  # characters of an answer


def habit(cases: Sequence[Case], context: ScoringContext, evaluations: Sequence[Evaluation]) -> Constant | None:
    """The same answer that gets most: a refusal, an accepted answer, or what a rung says most often. None: none gets much.

    Where a model judges, only refusals and labels are tried.
    """
    import numpy as np

    simple = best_constant(cases, context.labels)
    if context.correct_by == "judge" or context.labels or not cases:
        return simple
    texts = list(dict.fromkeys([*_typical(cases), *_usual(evaluations)]))
    step = -(-len(cases) // SAMPLE)
    tried = {text: _scores(text, cases[::step], context) for text in texts}
    means = [(constant.mean, text) for text, column in tried.items() if (constant := _constant(text, column)) is not None]
    best = max(means, default=None, key=lambda one: one[0])
    if best is None:
        return simple
    whole = np.full(len(cases), np.nan)
    whole[::step] = tried[best[1]]
    rest = np.arange(len(cases)) % step > 0
    whole[rest] = _scores(best[1], [case for case, left in zip(cases, rest, strict=True) if left], context)
    constant = _constant(best[1], whole)
    restricted = {id: groups for id, groups in (context.document_groups or {}).items() if groups}
    if constant is not None and restricted and not _is_for_everybody(best[1], cases, evaluations, restricted):
        constant = replace(constant, what=UNNAMED)
    return better(simple, constant)


def _is_for_everybody(
    text: str, cases: Sequence[Case], evaluations: Sequence[Evaluation], restricted: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether a case that everybody may read accepts this, or an answer to one that everybody may read says it."""
    outcomes_of: dict[str, dict[str, Outcome]] = {}
    for one in evaluations:
        for outcome in one.outcomes:
            outcomes_of.setdefault(outcome.case, {})[one.name] = outcome
    for case in cases:
        outcomes = outcomes_of.get(case.id, {})
        saying = [o for o in outcomes.values() if o.answer is not None and spoken(o.answer).strip() == text]
        if (text not in case.answers and not saying) or needs_of(CasePage(case, outcomes), restricted):
            continue
        if text in case.answers or any(not needs_of_answer(outcome, restricted) for outcome in saying):
            return True
    return False


def _typical(cases: Sequence[Case]) -> list[str]:
    """Accepted answers that fit many cases: the commonest and, of equally common ones, those of the commonest words."""
    accepted = Counter(answer for case in cases for answer in dict.fromkeys(case.answers))
    words = {answer: set(tokens(answer)) for answer in accepted}
    common = Counter(word for vocabulary in words.values() for word in vocabulary)

    def usual(answer: str) -> float:
        return sum(common[word] for word in words[answer]) / max(len(words[answer]), 1)

    return sorted(accepted, key=lambda answer: (-accepted[answer], -usual(answer)))[:ACCEPTED]


def _usual(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """What each rung says most often, where it says anything more than once."""
    for one in evaluations:
        counts = Counter(spoken(o.answer).strip() for o in one.outcomes if o.answer is not None)
        text, times = next(iter(counts.most_common(1)), ("", 0))
        if text and times > 1:
            yield text


def _scores(text: str, cases: Sequence[Case], context: ScoringContext) -> Floats:
    """`correct` of this answer to each case, NaN where it is not judged."""
    import numpy as np

    outcomes = [Outcome(case.id, Answer(text)) for case in cases]
    card = score_run(cases, outcomes, scoring_context=context, scorers={"correctness": Correctness})
    return card.values.get(MAIN, np.full(len(cases), np.nan))


def _constant(text: str, column: Floats) -> Constant | None:
    """The habit of saying this; an answer that fits a single case, say the one that it was taken from, is none."""
    import numpy as np

    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return Constant(f"'{shown}'", column) if int((np.nan_to_num(column) > 0).sum()) > 1 else None
