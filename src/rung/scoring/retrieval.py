"""Whether the search found what the answer stands in: recall@k, MRR and nDCG@10 of the whole ranking against the gold.

Applies to cases with gold (evidence spans, else gold documents) in runs that search: there an empty ranking, or a search
that failed, scores 0; where a later step failed the ranking is not on record and the case is left out. What a span being
found means is said in `rung.records.gold`. Whether the model used what was found is left to `citation` and `correctness`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import ClassVar

from rung.records import Case, Metric, Outcome, Passage
from rung.records.gold import counted, gains, has_gold, span_recall, target_ranks
from rung.scoring.protocol import ScoringContext

CUTS = (1, 3, 5, 10)
_GOLD = "a rung that searches, and a case that says where its answer stands"
_SPANS = "a rung that searches, and a case with evidence spans"
_SEARCHING = ("search", "rerank")


class Retrieval:
    """`recall@1`, `recall@3`, `recall@5`, `recall@10`, `mrr`, `ndcg@10`; with spans also `span_recall@1` … `@10`."""

    metrics: ClassVar[tuple[Metric, ...]] = (
        *(
            Metric(f"recall@{k}", "retrieval", f"share of the gold found by rank {k}", needs=_GOLD, headline=k == 5)
            for k in CUTS
        ),
        Metric("mrr", "retrieval", "1 divided by the rank of the first gold", needs=_GOLD),
        Metric("ndcg@10", "retrieval", "nDCG of the first 10, graded where the case has grades", needs=_GOLD),
        *(
            Metric(f"span_recall@{k}", "retrieval", f"share of the evidence's characters covered by rank {k}", needs=_SPANS)
            for k in CUTS
        ),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        self._retrieves = scoring_context.retrieves

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """Metrics of one outcome; none where they do not apply."""
        ranking = self._ranking(outcome)
        if ranking is None or not has_gold(case):
            return {}
        ranking = counted(case, ranking)
        ranks = target_ranks(case, ranking)
        hits = sorted(rank for rank in ranks if rank is not None)
        recalls = {f"recall@{k}": bisect_right(hits, k) / len(ranks) for k in CUTS}
        recalls |= _span_recalls(case, ranking)
        return {**recalls, "mrr": 1 / hits[0] if hits else 0.0, "ndcg@10": ndcg(ranks, gains(case), k=10)}

    def _ranking(self, outcome: Outcome) -> Sequence[Passage] | None:
        if outcome.failure is not None:
            return () if self._retrieves and outcome.failure.step in _SEARCHING else None
        if outcome.answer is None:
            return None
        return outcome.answer.retrieved if outcome.answer.retrieved or self._retrieves else None


def _span_recalls(case: Case, ranking: Sequence[Passage]) -> dict[str, float]:
    """Each cut once, and only where a further passage of a gold document came: most passages are of other ones."""
    if not case.evidence:
        return {}
    gold = {span.document for span in case.evidence}
    gold_ranks = [rank for rank, passage in enumerate(ranking, start=1) if passage.document in gold]
    recalls: dict[str, float] = {}
    share, counted = 0.0, 0
    for k in CUTS:
        within = bisect_right(gold_ranks, k)
        if within > counted:
            share, counted = span_recall(case, [ranking[rank - 1] for rank in gold_ranks[:within]]) or 0.0, within
        recalls[f"span_recall@{k}"] = share
    return recalls


def case_ndcg(case: Case, ranking: Sequence[Passage], *, k: int) -> float:
    """nDCG@k of one case's ranking, in [0, 1]."""
    return ndcg(target_ranks(case, ranking), gains(case), k=k)


def ndcg(ranks: Sequence[int | None], gained: Sequence[float], *, k: int) -> float:
    """nDCG@k (Järvelin and Kekäläinen 2002), with linear gains as trec_eval has them, in [0, 1].

    Args:
        ranks: of each target, from 1; None where it was not found.
        gained: what finding each target is worth, from 0.
        k: ranks that count.

    Where one passage completes several spans its gain is their sum, and the ideal ranking is the best order of the same
    passages, so that nDCG never passes 1. With one target a rank this is the usual formula.
    """
    gain_at: dict[int, float] = {}
    missed: list[float] = []
    for rank, gain in zip(ranks, gained, strict=True):
        if rank is None:
            missed.append(gain)
        else:
            gain_at[rank] = gain_at.get(rank, 0.0) + gain
    reached = sum(gain / math.log2(rank + 1) for rank, gain in gain_at.items() if rank <= k)
    best = sorted([*gain_at.values(), *missed], reverse=True)[:k]
    ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, start=1))
    return reached / ideal if ideal else 0.0
