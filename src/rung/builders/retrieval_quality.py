"""How good a search of the documents is on cases that name their gold, at each weight of its two rankings.

When a weight is chosen for the project is left to `pipeline.dense_weight`, for a tuned retriever to `retriever`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.records import Case, Json, Passage
from rung.scoring.retrieval import case_ndcg
from rung.verdict.clusters import clusters
from rung.verdict.statistics import ALPHA, paired

if TYPE_CHECKING:
    from rung.knowledge import Fusion, Knowledge
    from rung.knowledge.protocol import Explained

EVEN = 0.5
WEIGHTS = tuple(round(0.1 * tenth, 1) for tenth in range(11))
TOLERANCE = 0.25  # standard errors, see `choose`; measured: docs/LOG.md
MIN_CASES = 20  # cases that may choose; fewer choose by luck: benchmarks/dense_weight.py
DEPTH = 100  # passages that each ranking is looked at


def tried(
    knowledge: Knowledge, cases: Sequence[Case], tick: Callable[[int], None] = lambda _done: None
) -> list[list[float]]:
    """nDCG@10 of every case (rows) at each of `WEIGHTS` (columns): each case is searched for once, and fused anew."""
    values: list[list[float]] = []
    for done, case in enumerate(cases, 1):
        explained = knowledge.explain(case.question, asker=case.asker, top=2 * DEPTH)
        rankings = (fused_anew(explained, replace(knowledge.fusion, dense_weight=weight)) for weight in WEIGHTS)
        values.append([case_ndcg(case, ranking, k=10) for ranking in rankings])
        tick(done)
    return values


def choose(values: Sequence[Sequence[float]], *, current: float = EVEN) -> int:
    """Which of `WEIGHTS`, by nDCG@10 of every case (rows) at every weight (columns).

    Fewer than `MIN_CASES` cases choose nothing: then it is the one nearest to `current`, the weight as it is.
    """
    if len(values) < MIN_CASES:
        return min(range(len(WEIGHTS)), key=lambda index: abs(WEIGHTS[index] - current))
    return chosen_among(values)


def chosen_among(values: Sequence[Sequence[float]]) -> int:
    """`choose`, however few the cases are.

    Of all weights that are as good as the best one within `TOLERANCE` standard errors of the paired difference, the one
    nearest to the even weight: where errors are wide it moves less far.
    """
    import numpy as np

    table = np.asarray(values, dtype=np.float64)
    means = table.mean(axis=0)
    best = int(means.argmax())
    behind = table[:, [best]] - table
    error = behind.std(axis=0, ddof=1) / len(table) ** 0.5 if len(table) > 1 else np.full(len(means), np.inf)
    good = np.flatnonzero(behind.mean(axis=0) <= TOLERANCE * error)
    return int(min(good, key=lambda index: (abs(WEIGHTS[index] - EVEN), -means[index])))


def compared(new: Sequence[float], old: Sequence[float], cases: Sequence[Case], *, than: str) -> dict[str, Json]:
    """What a manifest says of nDCG@10 of the same cases with and without something that was trained.

    It is better where both tests of a verdict say so, by clusters where cases have them (`verdict.statistics.paired`).
    """
    test = paired(new, old, clusters=clusters(cases))
    before, after = sum(old) / len(old), sum(new) / len(new)
    low, high = test.estimate.low, test.estimate.high
    better = test.p < ALPHA and after > before
    summary = f"nDCG@10 {before:.3f} before, {after:.3f} after, p {test.p:.3f}, on {len(cases)} cases"
    return {
        "metrics": {
            "ndcg@10_before": round(before, 4),
            "ndcg@10": round(after, 4),
            "ndcg@10_difference": [round(end, 4) for end in (after - before, low, high) if end is not None],
            "ndcg@10_p": round(test.p, 4),
            "compared_on": len(cases),
        },
        "better": better,
        "why": "" if better else f"not shown to be better than {than}: {summary}",
    }


def fused_anew(explained: Sequence[Explained], fusion: Fusion) -> list[Passage]:
    """The ranking that this fusion makes of the same two rankings."""
    from rung.knowledge.ranking import fused

    dense, bm25 = (_ranking(explained, which) for which in ("dense", "bm25"))
    by_id = {one.passage.id: one.passage for one in explained}
    return [by_id[id] for id, _ in fused(dense, bm25, fusion, DEPTH)]


def _ranking(explained: Sequence[Explained], which: str) -> list[tuple[str, float]]:
    placed = [(getattr(one, which), one.passage.id) for one in explained]
    return [(id, ranked.score) for ranked, id in sorted((p for p in placed if p[0]), key=lambda pair: pair[0].rank)]
