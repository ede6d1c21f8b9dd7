"""The table fits 80 columns whatever it is given; the JSON is one line that any parser takes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Estimate, Latency, Metric, Reason, RungResult, Verdict
from rung.report.as_json import verdict_json
from rung.report.table import columns, table
from rung.verdict.bar import Bar, bar_of
from rung.verdict.decide import decide
from tests.verdict.weighing import rung, share, unmeasured

N = 200


def verdict() -> Verdict:
    """A verdict with something of everything."""
    format_and_recall = {"format": share(190, N), "recall@5": share(160, N)}
    return decide(
        [
            rung("prompt", share(36, N, seed=1), order=0, p95=0.52, usd=0.0004),
            unmeasured("structured", "the project has no schema", order=2),
            unmeasured(
                "long_context", "the corpus has 1,204,332 tokens and the model takes 8,192; it does not fit", order=3
            ),
            rung("rag[top=5, candidates=20]", share(148, N, seed=3), order=4, others=format_and_recall, p95=12.5, usd=0.9),
            rung("hybrid", share(160, N, seed=4), order=7, p95=180, usd=1234.5),
            rung("closed_book", share(36, N, seed=1), order=8),
            rung("oracle", share(170, N, seed=5), order=9),
        ],
        bar=bar_of({"p95_seconds": 100}, correct=0.6),
    )


def test_a_person_can_read_it() -> None:
    text = "\n".join(table(verdict(), project="handbook", judged_by="f1"))
    assert text.startswith("handbook: 200 cases, correct by f1, 95 % intervals\n")
    assert "\n* rag[top=5, candidates=20]\n" in text
    assert "0.74 [0.68, 0.80] 0.95   0.80     6.25/12.5 0.90    chosen" in text
    assert "\n  prompt          0.18 [0.13, 0.24] -      -        0.26/0.52 <0.001  below bar" in text
    assert "90.0/180  1234.50 over limit" in text
    assert "n/a" in text
    assert "reference" in text
    assert "\nVerdict: rag[top=5, candidates=20] (clears the bar, probability more than 0.99)\n" in text
    assert "knowledge 0.67 [" in text
    assert "the model lacks facts that the documents have" in text
    assert "  structured: not applicable: the project has no schema" in text


def test_what_is_limited_and_has_no_column_stands_below_the_choice() -> None:
    style = Metric("style_fault", "style", "faults of style", better="lower")
    bar = bar_of({"style_fault": 0.1, "p95_seconds": 100, "usd_per_month": 5}, {"style_fault": style}, correct=0.6)
    faults = {"style_fault": share(60, N, seed=7)}
    decided = decide([rung("prompt", share(36, N), order=0), rung("rag", share(148, N), order=1, others=faults)], bar=bar)
    text = " ".join(" ".join(table(decided, limits=bar.limits)).split())
    assert "Limits style_fault, at most 0.1: prompt unknown, rag 0.30 [0.24, 0.37] (over) usd_per_month, at most 5: " in text
    assert "p95_seconds, at most" not in text
    assert "Limits" not in "".join(table(decided))


def test_a_verdict_that_misses_the_bar_says_so_in_its_heading() -> None:
    missed = decide([rung("prompt", share(50, N))], bar=Bar(0.9))
    assert "Verdict: prompt (misses the bar, probability less than 0.01)" in table(missed)
    assert "Verdict: none" in table(decide([]))


def test_a_gap_that_is_not_certain_is_not_claimed() -> None:
    weak = replace(verdict(), gaps={"knowledge": Estimate(0.1, -0.05, 0.2, 9), "retrieval": Estimate(None, None, None, 0)})
    text = " ".join(" ".join(table(weak)).split())
    assert "knowledge 0.10 [-0.05, 0.20] (9 of 200 cases): not certain that there is one" in text
    assert "retrieval: not measured" in text


NASTY = [
    "x" * 300,
    "検索" * 50,
    "a\nb\r\n\tc",
    "\x1b[31mred\x1b[0m",
    "e\u0301" * 90,
    "👩‍👩‍👧‍👦" * 40,
    "\ud800",
    "\u202eevil",
    "",
    " ",
]


@pytest.mark.parametrize("name", NASTY)
def test_every_line_fits_whatever_the_names_are(name: str) -> None:
    result, reason = verdict(), Reason("not_applicable", name)
    odd = RungResult(name, {}, "measured", reason, {"correct": Estimate(0.5, None, None, 1)}, 1e9, Latency(1e9, 1e9, 1))
    nasty = replace(
        result,
        winner=name,
        reason=name * 3,
        rungs=(*result.rungs, odd, RungResult(name + "!", {}, "not_applicable", reason)),
        rejected={**result.rejected, name + "!": reason},
        warnings=(name, f"word {name} word"),
        gaps={name: Estimate(-1.0, -1.0, -1.0, 1)},
    )
    lines = table(nasty, project=name, judged_by=name)
    assert all(columns(line) <= 80 for line in lines), max(lines, key=columns)
    assert not any(c in line for line in lines for c in "\x1b\n\r\t\u202e")
    assert json.loads(verdict_json(nasty))["cases"] == N


@pytest.mark.slow
@given(st.text(max_size=200), st.text(max_size=120))
def test_no_text_breaks_the_width(reason: str, name: str) -> None:
    odd = replace(verdict(), reason=reason, warnings=(name,), winner=name)
    assert all(columns(line) <= 80 for line in table(odd, project=name))


def test_the_json_has_exactly_the_keys_that_were_promised() -> None:
    line = verdict_json(replace(verdict(), executed=7, replayed=5))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    value = json.loads(line)
    keys = ["winner", "clears_bar", "probability", "risk", "reason", "reason_code", "gaps", "rungs", "steps", "cases"]
    keys += ["knowledge_version", "clusters", "few_documents", "looks", "front", "front_by", "flips"]
    keys += ["cases_named", "coverage"]
    assert list(value) == keys
    assert value["steps"] == {"executed": 7, "replayed": 5}
    assert list(value["gaps"]) == ["knowledge", "retrieval", "behaviour"]
    assert set(value["gaps"]["knowledge"]) == {"mean", "low", "high", "n"}
    keys = ["name", "model", "settings", "status", "why", "why_kind", "scores", "probability_of_bar", "probability_alone"]
    keys += ["keeps", "usd_per_1k"]
    keys += ["latency_ms"]
    keys += ["build_seconds", "answer_seconds", "bill", "losses", "partly", "answered", "stopped", "stopped_kind", "repeats"]
    by_name = {one["name"]: one for one in value["rungs"]}
    assert list(by_name["prompt"]) == keys
    assert list(by_name["oracle"]) == [*keys, "reference"]
    assert by_name["oracle"]["reference"] is True
    assert by_name["prompt"]["latency_ms"] == {"p50": 260.0, "p95": 520.0}
    assert by_name["structured"]["latency_ms"] == {"p50": None, "p95": None}
    assert by_name["structured"]["usd_per_1k"] is None
    assert by_name["prompt"]["scores"]["correct"]["n"] == N


def test_unknown_is_null_and_never_nan() -> None:
    nan = float("nan")
    odd = RungResult("prompt", {}, "measured", None, {"x": Estimate(nan, nan, float("inf"), 0)}, nan, Latency(nan, nan, 0))
    line = verdict_json(Verdict(None, False, "", {}, (odd,)))
    assert "NaN" not in line
    assert "Infinity" not in line
    assert json.loads(line)["rungs"][0]["scores"]["x"] == {"mean": None, "low": None, "high": None, "n": 0}


def test_no_verdict_has_a_table_and_a_line_too() -> None:
    nothing = decide([])
    assert "  Nothing was measured: the project names no rung." in table(nothing)
    assert json.loads(verdict_json(nothing))["winner"] is None
