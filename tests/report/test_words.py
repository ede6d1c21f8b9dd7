"""The words: numbers as people write them, and sentences that say what the intervals say."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import pytest

from rung.records import Bill, Difference, Estimate, Loss, Lost, Metric, RungResult, Verdict
from rung.report.bar_lines import in_unit
from rung.report.headline import how_sure
from rung.report.html.figures import LAYERS
from rung.report.html.page import STYLE, Basis, Report, report_html
from rung.report.numbers import (
    interval,
    listed,
    milliseconds,
    money,
    percent,
    points,
    points_interval,
    seconds,
    significant,
)
from rung.scoring import metrics
from rung.strategies.rag import Rag
from rung.verdict.bar import OF_RUNS
from tests.report.report_sample import sample


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (percent(0.642), "64 %"),
        (percent(0.642, digits=1), "64.2 %"),
        (percent(None), "–"),
        (percent(-0.001), "0 %"),
        (points(0.05), "+5"),
        (points(-0.05), "−5"),
        (points(0.0001), "0"),
        (interval(Estimate(0.6, 0.52, 0.75, 9)), "52–75 %"),
        (interval(Estimate(None, None, None, 0)), ""),
        (points_interval(Estimate(0.1, 0.003, 0.2, 9)), "+0.3 to +20.0"),
        (points_interval(Estimate(0.1, -0.03, 0.2, 9)), "−3 to +20"),
        (milliseconds(340), "340 ms"),
        (milliseconds(1240), "1.24 s"),
        (milliseconds(0.4), "0.4 ms"),
        (seconds(75), "75 s"),
        (seconds(260), "4 min 20 s"),
        (seconds(7500), "2 h 5 min"),
        (money(0.4217), "$0.42"),
        (money(0.00031), "$0.00031"),
        (money(0), "$0.00"),
        (money(None), "unknown"),
        (significant(1234.5), "1,234"),
        (significant(0.01234), "0.0123"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (in_unit(metrics()["correct"], 0.7), "70 %"),
        (in_unit(metrics()["format"], 0.995), "99.5 %"),
        (in_unit(metrics()["leaks"], 0), "0 %"),
        (in_unit(OF_RUNS["p95_seconds"], 2.0), "2 s"),
        (in_unit(OF_RUNS["usd_per_1k"], None), "unknown"),
        (in_unit(OF_RUNS["usd_per_month"], 0.5), "$0.50"),
        (in_unit(metrics()["completion_tokens"], 0.5), "0.5 tokens"),
        (in_unit(metrics()["completion_tokens"], 1200), "1,200 tokens"),
    ],
)
def test_numbers(written: str, wanted: str) -> None:
    assert written.replace("\u202f", " ") == wanted


def test_every_layer_of_the_diagnosis_has_its_words_letter_and_colour() -> None:
    assert {name for name, _, _ in LAYERS} == set(get_args(Loss))
    assert len({code for _, code, _ in LAYERS}) == len(LAYERS)
    assert all(f".part.lost-{i} " in STYLE for i in range(len(LAYERS)))


def test_the_largest_loss_of_the_choice_names_the_next_step() -> None:
    html = report_html(replace(sample(), losses={"hybrid": {"ranked too low": 5, "wrong": 2}, "rag": {"failed": 50}}))
    assert "hybrid loses most as “ranked too low” (5 cases). Show more passages, or rerank." in html


def test_scores_are_listed_under_the_layer_that_they_declare() -> None:
    toxicity = Metric("toxicity", "style", "answers that are <toxic>", better="lower")
    scores = {"toxicity": Estimate(0.25, 0.1, 0.4, 60), "recall@5": Estimate(0.5, 0.4, 0.6, 60)}
    scores["prompt_tokens"] = Estimate(1200, 1100, 1300, 60)
    rung = RungResult("rag", {}, "measured", scores=scores)
    known = {**metrics(), "toxicity": toxicity}
    verdict = Verdict("rag", True, "", {}, (rung,), cases=60)
    html = report_html(Report("p", "", "", verdict, {"toxicity": 0.2}, metrics=known))
    section = html[html.index('id="scores"') :]
    order = [section.index(f"<b>{layer}</b>") for layer in ("Retrieval", "Style", "Cost")]
    assert order == sorted(order)
    assert 'title="answers that are &lt;toxic&gt;"' in section
    assert "1,200" in section
    words = html.replace("\u202f", " ")
    assert "at most 20 %" in words
    assert "✗ missed" in words


def told(mean: float, low: float, high: float, *, bar: float, differences: tuple[Difference, ...] = ()) -> str:
    """What is said of a winner with this estimate."""
    rung = RungResult("rag", {}, "measured", scores={"correct": Estimate(mean, low, high, 60)})
    verdict = Verdict("rag", mean >= bar, "", {}, (rung,), differences=differences, cases=60)
    return " ".join(how_sure(Report("p", "", "", verdict, {"correct": bar}, Basis()), rung)).replace("\u202f", " ")


def test_how_sure_depends_on_where_the_bar_lies() -> None:
    assert "Even the low end of that range clears the bar of 70 %" in told(0.8, 0.75, 0.85, bar=0.7)
    assert "is above the bar of 70 %, but the bar lies inside" in told(0.8, 0.65, 0.9, bar=0.7)
    assert "is below the bar of 70 %, but the bar lies inside" in told(0.65, 0.5, 0.8, bar=0.7)
    assert "Even the high end of that range misses the bar of 70 %" in told(0.4, 0.3, 0.5, bar=0.7)


def test_differences_are_told_from_the_winners_side_nearest_rival_first() -> None:
    near = Difference("hybrid", "rag", Estimate(0.02, -0.03, 0.07, 60), 0.4)
    far = Difference("prompt", "rag", Estimate(-0.4, -0.5, -0.3, 60), 0.001)
    said = told(0.8, 0.7, 0.9, bar=0.7, differences=(far, near))
    assert "2 points below hybrid (interval −7 to +3): too little to tell the two apart" in said
    assert "prompt" not in said
    assert "40 points above prompt (interval +30 to +50): a real difference" in told(
        0.8, 0.7, 0.9, bar=0.7, differences=(far,)
    )
    doubtful = Difference("prompt", "rag", Estimate(-0.1, -0.18, -0.02, 60), 0.03)
    assert "10 points above prompt (interval +2 to +18): likely a real difference (one-sided p 0.01), not surely" in told(
        0.8, 0.7, 0.9, bar=0.7, differences=(doubtful, replace(near, estimate=Estimate(0.2, -0.1, 0.5, 60)))
    )


def test_an_unknown_price_is_neither_met_nor_missed() -> None:
    html = report_html(sample())
    assert "? unknown" in html
    priced = sample()
    rungs = tuple(replace(r, usd_per_1k=3.0) if r.name == "hybrid" else r for r in priced.verdict.rungs)
    assert "✗ missed" in report_html(replace(priced, verdict=replace(priced.verdict, rungs=rungs)))
    assert "✗ missed" not in html


def test_a_sweeps_winner_is_explained_by_its_rung() -> None:
    score = {"correct": Estimate(0.8, 0.7, 0.9, 10)}
    rung = RungResult("rag-2", {"passages": 8}, "measured", scores=score, about=Rag.about)
    html = report_html(Report("p", "", "", Verdict("rag-2", True, "best", {}, (rung,), cases=10), metrics=metrics()))
    assert "That is the model with the passages that a search finds for each question." in html


def test_counts_that_differ_between_rungs_stand_at_each_number() -> None:
    html = report_html(sample())
    assert "· n 47" in html
    assert "· n 48" in html
    assert '<span class="n">n 60</span>' in html


def test_the_page_tells_of_money_of_mending_and_of_what_would_change_it() -> None:
    verdict = sample().verdict
    bill = Bill({"documents": 240.0, "examples": None}, {"storage": 0.01}, 0.002)
    search = Lost("not retrieved", 5, Estimate(0.05, 0.01, 0.09, 60), False)
    lost = (search, Lost("wrong format", 3, Estimate(0.04, 0.0, 0.08, 60)))
    rungs = tuple(replace(rung, bill=bill, losses=lost) for rung in verdict.rungs)
    told = replace(verdict, rungs=rungs, front=("prompt", "hybrid"), front_by=("correct", "p95_seconds"))
    told = replace(told, flips=("With a bar above 0.78, x.",), looks=7)
    html = report_html(replace(sample(), verdict=told))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "Worth a thought by quality and latency (the Pareto front): prompt and hybrid." in text
    assert "Not compared, since it is known of no rung: price." in text
    assert "not retrieved 5 +5.0 +1 to +9 Improve the search" in text
    assert "wrong format 3 at most +4.0" in text
    assert "$240.00 unknown" in text
    assert "What would change this? With a bar above 0.78, x." in text
    assert "Looks at these cases 7" in text
