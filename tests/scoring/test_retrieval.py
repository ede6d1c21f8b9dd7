"""Recall, MRR and nDCG, against ir-measures; and what counts as found."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.exporters.trec import run_lines
from rung.records import Outcome
from rung.records.gold import span_recall, target_ranks
from rung.scoring import ScoringContext
from rung.scoring.retrieval import Retrieval, ndcg
from tests.scoring.making import case, failed, passage, said

SCORER = Retrieval(ScoringContext("f1", retrieves=True))
STANDALONE = Retrieval(ScoringContext("f1"))


def test_agrees_with_ir_measures() -> None:
    """500 random rankings of passages, several to a document; theirs is given the documents in order of first passage."""
    dice = random.Random(11)
    names = {"recall@1": "R@1", "recall@3": "R@3", "recall@5": "R@5", "recall@10": "R@10", "mrr": "RR", "ndcg@10": "nDCG@10"}
    measures = {ours: ir_measures.parse_measure(theirs) for ours, theirs in names.items()}
    for _ in range(500):
        corpus = [f"d{i}" for i in range(dice.randint(1, 40))]
        gold = tuple(dice.sample(corpus, k=dice.randint(1, min(12, len(corpus))))) + (
            ("lost",) if dice.random() < 0.2 else ()
        )
        ranking = [passage(dice.choice(corpus), start * 100) for start in range(dice.randint(1, 60))]
        scores = SCORER(case("x", gold=gold), said("x", retrieved=tuple(ranking)))
        documents = list(dict.fromkeys(p.document for p in ranking))
        run = [ir_measures.ScoredDoc("q", document, -float(rank)) for rank, document in enumerate(documents)]
        qrels = [ir_measures.Qrel("q", document, 1) for document in gold]
        theirs = ir_measures.calc_aggregate(measures.values(), qrels, run)
        for name, measure in measures.items():
            assert scores[name] == pytest.approx(theirs[measure], abs=1e-9), (name, gold, documents)


@pytest.mark.slow
def test_graded_judgements_agree_with_ir_measures(tmp_path: Path) -> None:
    """400 random rankings with grades from -1 to 3, unjudged documents and ties; theirs reads the run that Rung writes."""
    dice = random.Random(12)
    names = {"recall@5": "R@5", "recall@10": "R@10", "mrr": "RR", "ndcg@10": "nDCG@10"}
    measures = {ours: ir_measures.parse_measure(theirs) for ours, theirs in names.items()}
    seen = set()
    for _ in range(400):
        corpus = [f"d{i}" for i in range(dice.randint(2, 40))]
        grades = {d: dice.choice((-1, 0, 1, 2, 3)) for d in dice.sample(corpus, k=dice.randint(1, min(12, len(corpus))))}
        gold = tuple(document for document, grade in grades.items() if grade > 0)
        if not gold:
            continue
        ranked = dice.sample(corpus, k=dice.randint(1, len(corpus)))
        scores = sorted((dice.choice((0.1, 0.2, 0.5, 0.9)) for _ in ranked), reverse=True)
        ranking = tuple(replace(passage(d), score=score) for d, score in zip(ranked, scores, strict=True))
        ours = SCORER(case("x", gold=gold, meta={"grades": grades}), said("x", retrieved=ranking))
        run = tmp_path / "run.txt"
        run.write_text("".join(run_lines("q", ranking)), encoding="utf-8")
        qrels = [ir_measures.Qrel("q", document, grade) for document, grade in grades.items()]
        theirs = ir_measures.calc_aggregate(measures.values(), qrels, ir_measures.read_trec_run(str(run)))
        for name, measure in measures.items():
            assert ours[name] == pytest.approx(theirs[measure], abs=1e-9), (name, grades, ranked)
        seen.add(ours["ndcg@10"] != SCORER(case("x", gold=gold), said("x", retrieved=ranking))["ndcg@10"])
    assert seen == {True, False}  # grades do count


def test_of_a_graded_pair_the_better_one_belongs_first() -> None:
    graded = case("x", gold=("a", "b"), meta={"grades": {"a": 1, "b": 2}})
    value = SCORER(graded, said("x", retrieved=(passage("a"), passage("b"))))["ndcg@10"]
    assert value == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))  # 0.860
    assert SCORER(graded, said("x", retrieved=(passage("b"), passage("a"))))["ndcg@10"] == 1
    odd = case("x", gold=("a",), meta={"grades": {"a": 0}})
    assert SCORER(odd, said("x", retrieved=(passage("a"),)))["ndcg@10"] == 0
    assert (
        SCORER(case("x", gold=("a",), meta={"grades": {"a": "high"}}), said("x", retrieved=(passage("a"),)))["ndcg@10"] == 1
    )


def test_a_document_that_the_case_ignores_takes_no_rank() -> None:
    ranking = (passage("q1"), passage("q1", 100), passage("d"))
    plain, own = (case("x", gold=("d",), meta=meta) for meta in ({}, {"ignored_documents": ["q1"]}))
    assert SCORER(plain, said("x", retrieved=ranking))["mrr"] == 0.5
    assert SCORER(own, said("x", retrieved=ranking)) == SCORER(plain, said("x", retrieved=ranking[2:]))


def test_a_span_is_found_when_half_of_it_was_seen() -> None:
    wanted = case("x", spans=(("d", 100, 200),))
    cut = (passage("e", 100, 200), passage("d", 0, 130), passage("d", 0, 130), passage("d", 180, 300))
    assert target_ranks(wanted, cut) == [4]  # 30 characters, the same 30 again, then 50
    assert target_ranks(wanted, cut[:3]) == [None]
    assert target_ranks(wanted, (passage("d", 0, 149), passage("d", 149, 400))) == [2]
    assert target_ranks(wanted, (passage("d", 0, 150),)) == [1]
    assert target_ranks(wanted, (passage("d", 200, 300), passage("d", 0, 100))) == [None]  # ends are exclusive


def test_each_passage_takes_a_rank_for_spans_and_each_document_for_documents() -> None:
    ranking = (passage("e"), passage("e", 100, 200), passage("d"))
    assert target_ranks(case("x", spans=(("d", 0, 50),)), ranking) == [3]
    assert target_ranks(case("x", gold=("d",)), ranking) == [2]
    assert target_ranks(case("x", gold=("d",), spans=(("e", 100, 150),)), ranking) == [2]  # spans are the finer gold


def test_numbers_of_one_ranking() -> None:
    ranking = tuple(passage(d) for d in "abcdefgh")
    scores = SCORER(case("x", gold=("b", "f", "z")), said("x", retrieved=ranking))
    assert scores["recall@1"] == 0
    assert scores["recall@3"] == pytest.approx(1 / 3)
    assert scores["recall@10"] == pytest.approx(2 / 3)
    assert scores["mrr"] == 0.5


def test_span_recall_is_the_share_of_gold_characters_seen() -> None:
    wanted = case("x", spans=(("d", 0, 100), ("d", 50, 150), ("e", 0, 50)))  # 200 characters, an overlap counted once
    ranking = (passage("d", 0, 60), passage("d", 40, 60), passage("f", 0, 999), passage("e", 25, 400), passage("d", 60, 400))
    scores = SCORER(wanted, said("x", retrieved=ranking))
    assert [scores[f"span_recall@{k}"] for k in (1, 3, 5, 10)] == [0.3, 0.3, 0.875, 0.875]
    assert span_recall(wanted, ()) == 0
    assert span_recall(case("x", gold=("d",)), ranking) is None
    assert "span_recall@1" not in SCORER(case("x", gold=("d",)), said("x", retrieved=ranking))


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 40)), max_size=8), st.integers(1, 30))
def test_span_recall_does_not_depend_on_where_the_text_is_cut(parts: list[tuple[int, int]], size: int) -> None:
    wanted = case("x", spans=tuple(("d", a, a + n) for a, n in parts) or (("d", 0, 1),))
    assert span_recall(wanted, [passage("d", a, a + size) for a in range(0, 200, size)]) == 1
    half = [passage("d", a, min(a + size, 65)) for a in range(0, 65, size)]
    assert span_recall(wanted, half) == span_recall(wanted, [passage("d", 0, 65)])


def test_one_passage_with_all_spans_is_a_perfect_ranking() -> None:
    wanted = case("x", spans=(("d", 0, 10), ("d", 20, 30)))
    assert SCORER(wanted, said("x", retrieved=(passage("d"),)))["ndcg@10"] == 1
    assert SCORER(wanted, said("x", retrieved=(passage("e"), passage("d"))))["ndcg@10"] == pytest.approx(0.6309, abs=1e-4)


@given(st.lists(st.none() | st.integers(1, 15), min_size=1, max_size=20), st.integers(1, 12))
def test_ndcg_stays_within_bounds_and_falls_with_rank(ranks: list[int | None], k: int) -> None:
    ones = [1.0] * len(ranks)
    value = ndcg(ranks, ones, k=k)
    assert 0 <= value <= 1 + 1e-12
    assert ndcg([None if rank is None else rank + 20 for rank in ranks], ones, k=k) == 0
    assert ndcg([1], [1.0], k=k) == 1
    assert ndcg(ranks, [0.0] * len(ranks), k=k) == 0


def test_where_it_applies() -> None:
    gold = case("x", gold=("d",))
    zeros = dict.fromkeys(("recall@1", "recall@3", "recall@5", "recall@10", "mrr", "ndcg@10"), 0.0)
    assert SCORER(case("x"), said("x", retrieved=(passage("d"),))) == {}  # no gold
    assert STANDALONE(gold, said("x")) == {}  # a rung that does not search
    assert SCORER(gold, said("x")) == zeros  # one that searched and found nothing
    assert SCORER(gold, failed("search")) == SCORER(gold, failed("rerank")) == zeros
    assert SCORER(gold, failed("generate")) == {}  # the ranking is not on record
    assert STANDALONE(gold, failed("search")) == {}
    assert STANDALONE(gold, said("x", retrieved=(passage("d"),)))["recall@1"] == 1
    assert SCORER(gold, Outcome("c")) == {}
