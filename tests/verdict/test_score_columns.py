"""Do scores from elsewhere get the verdict that the same scores get from `decide`, and bad ones a sentence?"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import numpy as np
import pytest

import rung
from rung.errors import UserError
from rung.verdict.bar import Bar
from rung.verdict.decide import decide
from tests.verdict import weighing

PROMPT = weighing.share(36, 200, seed=1)
RAG = weighing.share(148, 200, seed=3)
HYBRID = weighing.share(160, 200, seed=4)
COLUMNS = {"prompt": PROMPT, "rag": RAG, "hybrid": HYBRID}


@pytest.mark.parametrize("bar", [None, 0.5, 0.7, 0.78, 0.95])
def test_the_same_scores_get_the_same_verdict(bar: float | None) -> None:
    found = rung.decide(COLUMNS, bar=bar)
    same = decide([weighing.rung(n, c, order=i) for i, (n, c) in enumerate(COLUMNS.items())], bar=Bar(bar))
    assert (found.winner, found.reason, found.probability, found.clears_bar) == (
        same.winner,
        same.reason,
        same.probability,
        same.clears_bar,
    )
    assert found.differences == same.differences
    for line, result in zip(found.rungs, same.rungs, strict=True):
        score = result.scores["correct"]
        assert (line.name, line.mean, line.low, line.high, line.n) == (
            result.name,
            score.mean,
            score.low,
            score.high,
            score.n,
        )
        assert line.probability_of_bar == result.probability


def test_the_json_has_what_the_record_has() -> None:
    found = rung.decide(COLUMNS, 0.7)
    line = found.as_json()
    assert line["winner"] == "rag"
    assert {"probability", "reason", "rungs", "differences"} <= set(line)
    assert set(line["rungs"][0]) >= {"name", "mean", "low", "high", "n", "probability_of_bar"}  # type: ignore[index,arg-type]
    assert [d["a"] for d in line["differences"]] == ["prompt", "rag"]  # type: ignore[union-attr,index,call-overload]


def test_the_order_is_the_ladder() -> None:
    alike = {"dear": RAG, "cheap": RAG}
    assert rung.decide(alike, 0.7).winner == "dear"
    assert rung.decide(alike, 0.7, order=["cheap", "dear"]).winner == "cheap"
    some = rung.decide(COLUMNS, 0.7, order=["hybrid", "prompt"])
    assert some.winner == "hybrid"
    assert [r.name for r in some.rungs] == ["hybrid", "prompt"]
    assert "rag" in some.warnings[0]


def test_a_name_with_a_number_is_a_rung_of_its_own() -> None:
    """For rungs "rag-2" is a setting of rag, of which the best counts; models are called so without being any."""
    better = weighing.share(158, 200, seed=9)
    assert rung.decide({"gpt-4": RAG, "gpt-5": better}, 0.7).winner == "gpt-4"
    assert rung.decide({"[openai:a] x": RAG, "[openai:b] x": better}, 0.7).winner == "[openai:a] x"
    assert rung.decide({"rag[passages=3]": RAG, "rag[passages=8]": better}, 0.7).winner == "rag[passages=8]"


def test_reference_arms_are_never_chosen_and_tell_the_gaps() -> None:
    found = rung.decide({"closed_book": PROMPT, "rag": RAG, "oracle": weighing.share(190, 200, seed=2)}, 0.7)
    assert found.winner == "rag"
    assert found.verdict.gaps["knowledge"].mean == pytest.approx((190 - 36) / 200)
    assert rung.decide(COLUMNS).as_json()["gaps"] == {}


def test_a_missing_score_is_no_miss() -> None:
    column = [1.0] * 30 + [None] * 30
    found = rung.decide({"a": [1, 0] * 30, "b": column})
    a, b = found.rungs
    assert (b.mean, b.n, a.n) == (1.0, 30, 60)
    assert found.differences[0].estimate.n == 30
    assert found.differences[0].estimate.mean == pytest.approx(-0.5)
    assert any("b 30" in warning for warning in found.warnings)


def test_cases_of_one_cluster_hang_together() -> None:
    random.seed(3)
    documents = [n // 10 for n in range(200)]
    right = [random.random() < 0.7 for _ in range(20)]
    column = [float(right[d]) for d in documents]
    alone, together = rung.decide({"a": column}), rung.decide({"a": column}, clusters=documents)
    assert (together.rungs[0].high or 0) - (together.rungs[0].low or 0) > 2 * (
        (alone.rungs[0].high or 0) - (alone.rungs[0].low or 0)
    )
    assert together.verdict.clusters == 20
    assert any("hang together" in warning for warning in together.warnings)
    by_itself = rung.decide({"a": column}, clusters=[None] * 200)
    assert by_itself.rungs == alone.rungs


def test_all_cases_of_one_document_are_said() -> None:
    found = rung.decide(COLUMNS, 0.7, clusters=["handbook"] * 200)
    assert found.winner == "rag"
    assert found.verdict.few_documents == 1
    assert any("about 1 document" in warning for warning in found.warnings)


def test_costs_by_case_or_by_system() -> None:
    found = rung.decide(COLUMNS, 0.7, usd={"prompt": 0.001, "rag": [0.002, 0.004] * 100, "hybrid": 0})
    assert [r.usd_per_1k for r in found.rungs] == pytest.approx([1.0, 3.0, 0.0])
    assert found.verdict.front == ("hybrid",)
    assert found.as_json()["front"] == ["hybrid"]


def test_an_unknown_cost_is_said_and_is_not_zero() -> None:
    found = rung.decide(COLUMNS, 0.7, usd={"prompt": 0.001, "rag": [0.002] * 199 + [None], "hybrid": None})
    assert [r.usd_per_1k for r in found.rungs] == [1.0, None, None]
    assert any("rag and hybrid" in warning for warning in found.warnings)
    assert found.verdict.front == ()


def test_little_is_said_to_be_little() -> None:
    nothing = rung.decide({"a": [0, 0, 0], "b": [False, False, False]}, 0.5)
    assert (nothing.winner, nothing.clears_bar, nothing.probability) == (None, False, None)
    assert "single case right" in nothing.reason
    one = rung.decide({"a": [1], "b": [1]}, 0.7)
    assert one.clears_bar is False
    assert any("1 case only" in warning for warning in one.warnings)
    alone = rung.decide({"a": RAG}, 0.7)
    assert alone.winner == "a"
    assert any("one system" in warning for warning in alone.warnings)
    unjudged = rung.decide({"a": [None, None], "b": [1, 1]})
    assert unjudged.winner == "b"
    assert unjudged.rungs[0].mean is None
    assert unjudged.why_not("a")


def test_any_sequence_of_numbers_is_a_column() -> None:
    some: dict[str, Iterable[float]] = {
        "a": np.array([True, False] * 30),
        "b": np.array([1, 1] * 30),
        "c": (x for x in [0.5] * 60),
    }
    assert [r.mean for r in rung.decide(some).rungs] == [0.5, 1.0, 0.5]


@pytest.mark.parametrize(
    ("columns", "given", "words"),
    [
        ({}, {}, "no column"),
        ([[1, 0]], {}, "found list"),
        ({"oracle": [1, 1]}, {}, "reference arms alone"),
        ({"a": []}, {}, "no case"),
        ({"a": [1, 0], "b": [1]}, {}, "unequal length (a 2, b 1)"),
        ({"a": [1, math.nan]}, {}, "a[1] is nan"),
        ({"a": [1, math.inf]}, {}, "a[1] is inf"),
        ({"a": [1, 85]}, {}, "a[1] is 85"),
        ({"a": [1, -0.1]}, {}, "a[1] is -0.1"),
        ({"a": [1, "yes"]}, {}, "a[1] is 'yes'"),
        ({"a": "yes"}, {}, "a column is a list"),
        ({"a": 1}, {}, "a column is a list"),
        ({"": [1]}, {}, "name"),
        ({"a": [1], "b": [1]}, {"order": ["b", "x"]}, "'x'"),
        ({"a": [1], "b": [1]}, {"order": ["b", "b"]}, "'b' twice"),
        ({"a": [1], "b": [1]}, {"order": "a"}, "list of names"),
        ({"a": [1]}, {"order": []}, "no system"),
        ({"a": [1]}, {"bar": 70}, "the bar is 70"),
        ({"a": [1]}, {"bar": math.nan}, "the bar is nan"),
        ({"a": [1]}, {"risk": 0}, "the risk is 0"),
        ({"a": [1]}, {"risk": 0.9}, "the risk is 0.9"),
        ({"a": [1, 1]}, {"clusters": ["x"]}, "clusters has 1"),
        ({"a": [1, 1]}, {"usd": {"b": 1}}, "'b'"),
        ({"a": [1, 1]}, {"usd": {"a": [1]}}, "1 values for 2 cases"),
        ({"a": [1, 1]}, {"usd": {"a": [1, -1]}}, "-1"),
        ({"a": [1, 1]}, {"usd": {"a": [1, "x"]}}, "'x'"),
    ],
)
def test_what_cannot_be_judged_is_a_sentence(columns: dict, given: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError) as caught:
        rung.decide(columns, **given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
