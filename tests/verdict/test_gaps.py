"""The three gaps, from the arms that are measured for them."""

from __future__ import annotations

import numpy as np
import pytest

from rung.verdict.gaps import gaps
from tests.verdict.weighing import share

N = 100


def test_three_gaps() -> None:
    found = gaps(
        {"closed_book": share(20, N), "rag": share(70, N), "oracle": share(85, N), "prompt": share(20, N)}
    ).estimates
    assert found["knowledge"].mean == pytest.approx(0.65)
    assert found["retrieval"].mean == pytest.approx(0.15)
    assert found["behaviour"].mean == pytest.approx(0.15)
    assert all(gap.n == N and gap.low is not None and gap.low < (gap.mean or 0) for gap in found.values())


def test_without_documents_behaviour_is_all_that_the_model_gets_wrong() -> None:
    found = gaps({"closed_book": share(20, N)}, documents=False).estimates
    assert (found["knowledge"].n, found["retrieval"].n) == (0, 0)
    assert found["behaviour"].mean == pytest.approx(0.8)


def test_what_was_not_measured_has_no_cases() -> None:
    found = gaps({"closed_book": share(20, N), "oracle": share(85, N)}).estimates
    assert found["retrieval"].n == 0
    assert found["retrieval"].mean is None
    assert {gap.n for gap in gaps({}).estimates.values()} == {0}
    assert gaps({"closed_book": share(20, N), "rag": share(50, N)}).estimates["behaviour"].n == 0  # no oracle: not known


def test_the_best_of_several_searches_counts() -> None:
    columns = {"oracle": share(80, N), "rag[top=1]": share(30, N), "rag[top=9]": share(60, N), "ragged": share(79, N)}
    assert gaps(columns).estimates["retrieval"].mean == pytest.approx(0.2)


def test_only_cases_that_both_arms_have_are_compared() -> None:
    oracle = share(80, N)
    oracle[:50] = np.nan
    assert gaps({"oracle": oracle, "closed_book": share(20, N)}).estimates["knowledge"].n == 50


def test_of_fewer_than_ten_cases_no_gap_is_stated() -> None:
    for n in (3, 9, 10):
        found = gaps({"closed_book": share(0, n), "rag": share(1, n), "oracle": share(n, n)})
        assert {e.n for e in found.estimates.values()} == {n if n >= 10 else 0}
        assert ("10 are the least" in found.doubts.get("knowledge", "")) == (n < 10)


def test_behaviour_that_is_wanting_where_no_document_is_named_is_said_beside_the_gap() -> None:
    """Half of the cases need documents, half a house style: examples mend these, and the oracle had nothing to show."""
    half = N // 2
    held = np.concatenate([np.ones(half), np.zeros(half)])
    alone = np.concatenate([share(5, half), share(4, half)])
    oracle = np.concatenate([share(48, half), share(3, half)])
    shots = np.concatenate([share(5, half), share(46, half)])
    columns = {"closed_book": alone, "oracle": oracle, "prompt": alone, "few_shot": shots, "rag": oracle}
    found = gaps(columns, held=held)
    assert found.estimates["behaviour"].n == half
    assert found.estimates["behaviour"].mean == pytest.approx(0.04)
    assert (
        "In 50 cases more the oracle had no answer to show, and few_shot, without any document" in found.notes["behaviour"]
    )
    assert "by 0.84" in found.notes["behaviour"]
    assert "behaviour" not in gaps({**columns, "few_shot": alone}, held=held).notes
    assert "behaviour" not in gaps(columns, held=np.ones(N)).notes or "more the oracle" not in found.doubts.get(
        "behaviour", ""
    )
