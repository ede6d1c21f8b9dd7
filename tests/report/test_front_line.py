"""The Pareto front in a sentence: what is unknown, and that the choice is not on it, is said."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from rung.records import Estimate, Latency, Reason, RungResult, Verdict
from rung.report.html.money import front_line
from rung.verdict.pareto import axes, front


def words(*rungs: RungResult, winner: str) -> str:
    by = axes(rungs)
    verdict = Verdict(winner, True, "", {}, rungs, front=front(rungs, by), front_by=by)
    return html.unescape(re.sub("<[^>]+>", "", str(front_line(verdict))))


def rung(name: str, correct: float, usd: float | None, p95: float | None = None) -> RungResult:
    latency = None if p95 is None else Latency(p95 * 500, p95 * 1000, 9)
    scores = {"correct": Estimate(correct, None, None, 9)}
    return RungResult(name, {}, "measured", scores=scores, usd_per_1k=usd, latency=latency)


def test_a_choice_that_is_off_the_front_is_not_left_out_without_a_word() -> None:
    assert words(rung("prompt", 0.9, 0.26), rung("rag", 0.9, 0.03), rung("poor", 0.2, 1.0), winner="prompt") == (
        "Worth a thought by quality and price of answering (the Pareto front): rag. poor: another is at least as good in "
        "all of it. The choice, prompt, is not among them: rag is at least as good in all of it. Not compared, since it is "
        "known of no rung: latency."
    )


def test_whose_price_is_unknown_is_named_and_the_others_are_compared_by_it() -> None:
    rungs = [rung("cheap", 0.9, 0.2, 0.06), rung("mute", 0.9, 0.4, 0.07), rung("half", 0.9, None, 0.08)]
    assert words(*rungs, winner="cheap") == (
        "Worth a thought by quality, price of answering and latency (the Pareto front): cheap and half. mute: another is at "
        "least as good in all of it. The price of answering of half is unknown, so nobody can say whether another is at "
        "least as good in all of it."
    )
    assert "not among them" not in words(*(replace(one, stopped=Reason("worse", "worse")) for one in rungs), winner="cheap")
