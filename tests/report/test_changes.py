"""Does comparing two comparisons find what got worse, on common cases only, and nothing else?"""

from __future__ import annotations

import json

import pytest

from rung.records import Json
from rung.report.changes import Record, as_json, change_json, change_lines, changes, record_of
from tests.verdict.weighing import share

N = 120


def kept(name: str, winner: str | None = "rag", clears: bool = True, start: int = 0, **right: int) -> Record:
    columns = {rung: tuple(share(n, N, seed=len(rung))) for rung, n in right.items()}
    return Record(name, tuple(f"c{n}" for n in range(start, start + N)), columns, {"rag": {"k": 3}}, winner, clears)


def test_a_rung_that_got_worse_is_told_and_one_that_did_not_is_not() -> None:
    told = changes(kept("one", rag=90, prompt=30, old=5), kept("two", rag=60, prompt=31, new=9))
    how = {change.rung: change.how for change in told.rungs}
    assert how == {
        "rag": "worse",
        "prompt": "no significant difference",
        "new": "only in the second",
        "old": "only in the first",
    }
    assert told.worse == ("rag",)
    assert told.cases == N
    difference = told.rungs[0].difference
    assert difference is not None
    assert difference.estimate.mean == pytest.approx(-0.25)
    assert changes(kept("two", rag=60), kept("one", rag=90)).rungs[0].how == "better"


def test_only_common_cases_count() -> None:
    told = changes(kept("one", rag=90), kept("two", start=100, rag=90))
    assert told.cases == 20
    apart = changes(kept("one", rag=90), kept("two", start=500, rag=10))
    assert apart.rungs[0].how == "not comparable"
    assert apart.worse == ()


def test_settings_that_differ_are_named_and_unanswered_cases_left_out() -> None:
    first = kept("one", rag=90)
    column = (None,) * 60 + first.correct["rag"][60:]
    second = Record("two", first.cases, {"rag": column}, {"rag": {"k": 5, "rerank": True}}, None, False)
    told = changes(first, second)
    assert told.rungs[0].settings == ("k", "rerank")
    assert told.rungs[0].difference is not None
    assert told.rungs[0].difference.estimate.n == 60
    lines = list(change_lines(told))
    assert "choice: rag -> none" in lines
    assert "two is not shown to clear the bar" in lines
    assert change_json(told)["worse"] == []


def test_a_record_survives_being_kept_and_what_is_none_is_refused() -> None:
    record = kept("one", rag=90)
    again = record_of(json.loads(json.dumps(as_json(record))), "one")
    assert again == record
    broken: list[dict[str, Json]] = [{}, {"cases": ["a"], "rungs": {"x": {"correct": []}}}, {"cases": [], "rungs": []}]
    for bad in broken:
        with pytest.raises(ValueError, match="no record"):
            record_of(bad, "bad")
