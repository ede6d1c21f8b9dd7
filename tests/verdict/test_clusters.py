"""Cases of one document are drawn, flipped and counted together, and the numbers stay honest for it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Case, Evidence
from rung.stats.estimates import design_effect, estimate, student
from rung.verdict.clusters import clusters, documents_of
from rung.verdict.probability import cases_needed
from rung.verdict.statistics import paired


def about(*documents: str) -> Case:
    return Case("c", "?", ("x",), gold_documents=documents)


def test_cases_belong_together_by_what_they_are_about() -> None:
    evidence = Case("c", "?", ("x",), evidence=(Evidence("a", 0, 3),))
    unanswerable = Case("c", "?", answerable=False, meta={"context_document": "a"})
    assert documents_of(evidence) == documents_of(unanswerable) == ("a",)
    twice = [about(name) for name in "bcdefghijbcdefghij"]
    found = clusters([evidence, *twice, unanswerable, Case("c", "?"), Case("c", "?")])
    assert found == (0, *range(1, 10), *range(1, 10), 0, 10, 11)


def test_two_documents_are_joined_by_a_question_over_both() -> None:
    chain = [about("a"), about("a", "b"), about("b")]
    assert clusters([*chain, *(about(str(i // 2)) for i in range(20))]) == (0, 0, 0, *(1 + i // 2 for i in range(20)))


def test_chains_that_join_everything_are_cut() -> None:
    ring = [about(f"{i}", f"{(i + 1) % 12}") for i in range(12)]
    assert clusters([*ring, *ring]) == (*range(12), *range(12))


@pytest.mark.parametrize(
    "cases",
    [[], [about("a"), about("b")], [about("a"), about("a")], [Case("c", "?")] * 3, [about(i) for i in "abcdefghi" * 20]],
)
def test_without_clusters_every_case_stands_for_itself(cases: list[Case]) -> None:
    assert clusters(cases) is None


@pytest.mark.parametrize("freedom", [3, 5, 10, 30, 200])
def test_students_t_against_scipy(freedom: int) -> None:
    assert student(freedom) == pytest.approx(scipy.stats.t.ppf(0.975, freedom))


def test_the_design_effect_of_equal_clusters_is_kishs() -> None:
    """Clusters of m with all cases alike: 1 + (m - 1) rho, rho 1."""
    values = np.repeat((np.random.default_rng(2).random(400) < 0.5).astype(float), 5)
    assert design_effect(values, np.repeat(np.arange(400), 5).tolist()) == pytest.approx(5, rel=0.02)
    alone = (np.random.default_rng(3).random(2000) < 0.5).astype(float)
    assert design_effect(alone, np.repeat(np.arange(400), 5).tolist()) == pytest.approx(1, abs=0.15)
    assert design_effect(values, [0] * 2000) == design_effect([1.0] * 9, [0, 0, 0, 1, 1, 1, 2, 2, 2]) == 1


def test_the_mix_of_cases_with_and_without_a_document_is_no_effect() -> None:
    """A rung that always refuses: right on every case without a document, wrong on every other."""
    values = [0.0] * 60 + [1.0] * 60
    numbers = [*np.repeat(np.arange(12), 5).tolist(), *range(12, 72)]
    assert design_effect(values, numbers) == 1
    assert estimate(values, clusters=numbers).low == pytest.approx(estimate(values).low or 0, abs=0.02)


@pytest.mark.parametrize("told", [True, False])
def test_the_interval_of_a_mean_covers_the_truth_only_when_told_of_clusters(told: bool) -> None:
    """400 draws of 30 clusters of 6 alike cases; nominal 95 %, three standard errors are 3.3 points."""
    dice = np.random.default_rng(7)
    numbers = np.repeat(np.arange(30), 6).tolist()
    hits = 0
    for _ in range(400):
        values = np.repeat((dice.random(30) < 0.6).astype(float), 6)
        found = estimate(values, clusters=numbers if told else None)
        hits += (found.low or 0) <= 0.6 <= (found.high or 0)
    assert (hits / 400 >= 0.915) is told
    assert told or hits / 400 < 0.7


def test_clusters_of_equal_size_are_compared_by_their_means() -> None:
    dice = np.random.default_rng(5)
    luck = np.repeat(dice.normal(0, 0.2, 40), 25)
    a = np.clip(0.6 + luck + dice.normal(0, 0.05, 1_000), 0, 1)
    b = np.clip(0.5 + dice.normal(0, 0.05, 1_000), 0, 1)
    found = paired(a, b, clusters=np.repeat(np.arange(40), 25).tolist())
    theirs = scipy.stats.ttest_1samp((a - b).reshape(40, 25).mean(axis=1), 0)
    ends = theirs.confidence_interval(0.95)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((ends.low, ends.high), abs=0.004)
    assert found.p == pytest.approx(theirs.pvalue, abs=0.01)


@pytest.mark.parametrize("per", [1, 4])
def test_p_is_uniform_where_there_is_no_difference(per: int) -> None:
    dice = np.random.default_rng(11)
    numbers = np.repeat(np.arange(60), per)
    p = []
    for _ in range(300):
        luck = dice.uniform(0, 0.5, (2, 60))[:, numbers] if per > 1 else 0.0
        a, b = dice.uniform(0, 0.5, (2, len(numbers))) + luck
        p.append(paired(a, b, share=False, clusters=numbers.tolist()).p)
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01


def test_five_documents_prove_nothing_however_many_cases_they_have() -> None:
    """Every case of five documents won: 2^(1-5) is not below 5 %, and a test of 200 cases would have been sure."""
    dice = np.random.default_rng(1)
    better, base = np.ones(200), (dice.random(200) < 0.4).astype(float)
    numbers = np.repeat(np.arange(5), 40).tolist()
    assert paired(better, base, clusters=numbers).p >= 0.05
    assert paired(better, base).p < 0.001


def test_clustered_cases_must_be_more_to_settle_it() -> None:
    values = np.repeat(np.array([1.0] * 13 + [0.0] * 7), 5)
    numbers = np.repeat(np.arange(20), 5).tolist()
    alone, together = (cases_needed(values, 0.6, risk=0.2, clusters=told) for told in (None, numbers))
    assert alone is not None
    assert together is not None
    assert design_effect(values, numbers) > 4
    assert together > 2 * alone


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=25))
def test_any_scores_and_clusters_give_sane_numbers(rows: list[tuple[float, float, int]]) -> None:
    a, b, numbers = zip(*rows, strict=True)
    found = paired(a, b, clusters=numbers)
    assert 0 < found.p <= 1
    assert found.estimate.n == len(rows)
    if found.estimate.low is not None and found.estimate.high is not None:
        assert -1 <= found.estimate.low <= (found.estimate.mean or 0) <= found.estimate.high <= 1
        assert (found.p < 0.05) is not (found.estimate.low <= 0 <= found.estimate.high)
