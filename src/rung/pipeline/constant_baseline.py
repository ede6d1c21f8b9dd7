"""What one same answer to every case would get, by the project's own measure: the best of those likely to get most.

Whether a rung is better than that is left to `verdict.decide`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rung.records import Answer, Case, Evaluation, Outcome
from rung.scoring import ScoringContext, score_run
from rung.scoring.correctness import Correctness
from rung.scoring.refusal import spoken
from rung.text.matching import tokens
from rung.verdict.bar import MAIN
from rung.verdict.constant import Constant, best_constant, better

ACCEPTED = 12  # accepted answers that are tried: the commonest, then those of the commonest words
SAMPLE = 300  # cases, at most, by which the best of them is picked
_SHOWN = 60  # characters of an answer


def habit(cases: Sequence[Case], measure: ScoringContext, evaluations: Sequence[Evaluation]) -> Constant | None:
    """The same answer that gets most: a refusal, an accepted answer, or what a rung says most often. None: none gets much.

    Where a model judges, only refusals and labels are tried.
    """
    found = best_constant(cases, measure.labels)
    if measure.correct_by == "judge" or measure.labels or not cases:
        return found
    texts = list(dict.fromkeys([*_typical(cases), *_usual(evaluations)]))
    some = cases[:: -(-len(cases) // SAMPLE)]
    tried = [(scored.mean, text) for text in texts if (scored := _scored(text, some, measure)) is not None]
    best = max(tried, default=None, key=lambda one: one[0])
    return found if best is None else better(found, _scored(best[1], cases, measure))


def _typical(cases: Sequence[Case]) -> list[str]:
    """Accepted answers that fit many cases: the commonest and, of equally common ones, those of the commonest words."""
    accepted = Counter(answer for case in cases for answer in dict.fromkeys(case.answers))
    words = {answer: set(tokens(answer)) for answer in accepted}
    common = Counter(word for found in words.values() for word in found)

    def usual(answer: str) -> float:
        return sum(common[word] for word in words[answer]) / max(len(words[answer]), 1)

    return sorted(accepted, key=lambda answer: (-accepted[answer], -usual(answer)))[:ACCEPTED]


def _usual(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """What each rung says most often, where it says anything more than once."""
    for one in evaluations:
        said = Counter(spoken(o.answer).strip() for o in one.outcomes if o.answer is not None)
        text, times = next(iter(said.most_common(1)), ("", 0))
        if text and times > 1:
            yield text


def _scored(text: str, cases: Sequence[Case], measure: ScoringContext) -> Constant | None:
    import numpy as np

    outcomes = [Outcome(case.id, Answer(text)) for case in cases]
    column = score_run(cases, outcomes, scoring_context=measure, scorers={"correctness": Correctness}).values.get(MAIN)
    if column is None:
        return None
    # An answer that fits a single case, say the one that it was taken from, is no habit.
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return Constant(f"'{shown}'", column) if int((np.nan_to_num(column) > 0).sum()) > 1 else None
