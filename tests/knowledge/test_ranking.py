"""The arithmetic that makes one ranking of two: laws that hold for any scores."""

from __future__ import annotations

from typing import Literal, get_args

from hypothesis import given
from hypothesis import strategies as st

from rung.knowledge.protocol import Fusion
from rung.knowledge.ranking import Ranking, fused, ordered

SCORES = st.dictionaries(st.sampled_from([f"p{n}" for n in range(12)]), st.floats(-1, 1).map(lambda s: round(s, 4)))
WORDS = st.dictionaries(st.sampled_from([f"p{n}" for n in range(12)]), st.floats(0.01, 40).map(lambda s: round(s, 4)))
WEIGHT = st.floats(0.05, 0.95)
By = Literal["scores", "ranks"]
BY = st.sampled_from(get_args(By))


def ranking(scores: dict[str, float]) -> Ranking:
    return ordered(list(scores), list(scores.values()), len(scores))


def ids(found: Ranking) -> list[str]:
    return [id for id, _ in found]


@given(SCORES, WORDS, BY)
def test_the_ends_are_the_rankings_themselves(dense: dict[str, float], bm25: dict[str, float], by: By) -> None:
    near, worded = ranking(dense), ranking(bm25)
    assert ids(fused(near, worded, Fusion(1.0, by=by))) == ids(near)
    assert ids(fused(near, worded, Fusion(0.0, by=by))) == ids(worded)


@given(SCORES, WORDS, WEIGHT, BY)
def test_nothing_is_lost_and_nothing_added(dense: dict[str, float], bm25: dict[str, float], weight: float, by: By) -> None:
    found = fused(ranking(dense), ranking(bm25), Fusion(weight, by=by))
    assert sorted(ids(found)) == sorted({*dense, *bm25})
    assert found == ordered(ids(found), [score for _, score in found], len(found))
    assert fused(ranking(dense), ranking(bm25), Fusion(weight, by=by), 3) == found[:3]


@given(SCORES, WORDS, WEIGHT)
def test_what_is_better_in_both_is_better(dense: dict[str, float], bm25: dict[str, float], weight: float) -> None:
    found = dict(fused(ranking(dense), ranking(bm25), Fusion(weight)))
    both = [id for id in dense if id in bm25]
    for one in both:
        for other in both:
            if dense[one] >= dense[other] and bm25[one] >= bm25[other]:
                assert found[one] >= found[other]


@given(WORDS, WORDS, WEIGHT, st.floats(0.1, 100))
def test_the_unit_does_not_matter(near: dict[str, float], bm25: dict[str, float], weight: float, unit: float) -> None:
    """BM25 of a long query is many times that of a short one: only shares of the best count."""
    scaled = [(id, score * unit) for id, score in ranking(bm25)]
    plain, other = (dict(fused(ranking(near), r, Fusion(weight))) for r in (ranking(bm25), scaled))
    assert plain.keys() == other.keys()
    assert all(abs(plain[id] - other[id]) < 1e-6 for id in plain)


def test_a_clear_hit_by_words_beats_a_crowd_that_is_alike() -> None:
    """Ranks hide that the first is far ahead; scores do not."""
    near = [(f"p{n}", 0.5 - n / 1000) for n in range(10)]
    found = fused([*near, ("rare", 0.45)], [("rare", 20.0), *((f"p{n}", 4.0 - n / 10) for n in range(10))], Fusion(0.5))
    assert found[0][0] == "rare"


def test_reciprocal_ranks_are_weighted() -> None:
    found = fused([("a", 0.9), ("b", 0.1)], [("b", 7.0), ("c", 6.9)], Fusion(0.6, by="ranks"))
    assert found == [("b", round(0.6 / 62 + 0.4 / 61, 9)), ("a", round(0.6 / 61, 9)), ("c", round(0.4 / 62, 9))]
