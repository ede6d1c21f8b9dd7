"""Which layer lost a case? Each lost case of a rung goes to exactly one, told from records alone.

First cut: what needs the corpus (not read, cut by chunking) or the project's style is not told apart yet.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from rung.gold import has_gold, is_gold, target_ranks
from rung.records import Answer, Case, Outcome, Passage

if TYPE_CHECKING:
    from rung.estimating import Floats

Loss = Literal[
    "failed",
    "leaked",
    "wrong format",
    "should have refused",
    "not retrieved",
    "ranked too low",
    "refused wrongly",
    "retrieved but not used",
    "used but wrong",
    "wrong",
]

REMEDIES: Mapping[Loss, str] = {
    "failed": "Look at the errors: a server, a limit or a prompt that is too long.",
    "leaked": "Check the groups of these documents and of the asker before anything else.",
    "wrong format": "Constrain the output (structured) or teach the format (tuned_model).",
    "should have refused": "Ground more strictly, or teach refusing with unanswerable questions.",
    "not retrieved": "Improve the search: chunking, hybrid weights, more candidates, a tuned retriever.",
    "ranked too low": "Show more passages, or rerank.",
    "refused wrongly": "Ground less strictly, or teach with fewer unanswerable questions.",
    "retrieved but not used": "Show fewer passages, or teach answering from passages (hybrid).",
    "used but wrong": "Give instructions or examples, tune, or use a stronger model.",
    "wrong": "The model does not know or does not act as needed: the gaps say which.",
}

RIGHT_FROM = 0.5  # a case is lost below so much `correct`
USED_SHARE = 0.5  # of an answer's words that stand in the gold passages


def diagnose(case: Case, outcome: Outcome, scores: Mapping[str, float], *, retrieves: bool = False) -> Loss | None:
    """The layer that lost the case; None where it was not lost (`correct` of at least one half, and nothing leaked).

    The first layer that went wrong counts: a refusal for want of the passage is the search's, not the model's.

    Args:
        case: the question with its gold.
        outcome: the answer or failure.
        scores: the metrics that apply to this case (`Scorecard.of`).
        retrieves: whether the rung searches, so that an empty ranking is a miss of the search.
    """
    answer = outcome.answer
    if answer is None:
        return "failed"
    if scores.get("leaks", 0.0) > 0:
        return "leaked"
    if "correct" not in scores or scores["correct"] >= RIGHT_FROM:
        return None
    if scores.get("format", 1.0) == 0:
        return "wrong format"
    if not case.answerable:
        return "should have refused"
    lost_in_search = _search(case, answer, retrieves) if has_gold(case) else None
    if lost_in_search is not None:
        return lost_in_search
    if scores.get("false_refusal", 0.0) > 0:
        return "refused wrongly"
    if has_gold(case) and answer.passages:
        return "used but wrong" if _used(case, answer) else "retrieved but not used"
    return "wrong"


def losses(
    cases: Sequence[Case], outcomes: Sequence[Outcome], values: Mapping[str, Floats]
) -> tuple[dict[Loss, int], list[Loss | None]]:
    """A run's lost cases by layer (in the order of a pipeline, those with none left out), and the layer of each case.

    Cases, outcomes and the columns of `values` are in the same order.
    """
    retrieves = any(o.answer is not None and o.answer.retrieved for o in outcomes)
    found: list[Loss | None] = []
    for place, (case, outcome) in enumerate(zip(cases, outcomes, strict=True)):
        row = {name: float(column[place]) for name, column in values.items()}
        scores = {name: value for name, value in row.items() if not math.isnan(value)}
        found.append(diagnose(case, outcome, scores, retrieves=retrieves))
    counts = Counter(found)
    order: tuple[Loss, ...] = get_args(Loss)
    return {loss: counts[loss] for loss in order if counts[loss]}, found


def _search(case: Case, answer: Answer, retrieves: bool) -> Loss | None:
    """Whether the search lost it. Rungs that neither search nor show passages have no search to lose it."""
    ranking = answer.retrieved or answer.passages
    if not ranking and not retrieves:
        return None
    if _complete(case, answer.passages):
        return None
    return "ranked too low" if _complete(case, ranking) else "not retrieved"


def _complete(case: Case, ranking: Sequence[Passage]) -> bool:
    """Whether everything that the answer stands in is among the passages: a question over two documents needs both."""
    return all(rank is not None for rank in target_ranks(case, ranking))


def _used(case: Case, answer: Answer) -> bool:
    """Whether the gold went into the answer: it is cited or, without citations, has at least half of the answer's words."""
    if answer.citations:
        return any(is_gold(case, citation) for citation in answer.citations)
    words = _words(answer.plain or answer.text)
    gold = set().union(*(_words(passage.text) for passage in answer.passages if is_gold(case, passage)))
    return bool(words) and len(words & gold) >= USED_SHARE * len(words)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
