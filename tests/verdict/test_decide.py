"""Which rung wins, and what is said about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import InternalError
from rung.records import Case, Metric
from rung.scoring import metrics
from rung.verdict.bar import Bar, bar_of
from rung.verdict.constant import best_constant
from rung.verdict.decide import Weighed, decide
from tests.verdict.weighing import rung, share, unmeasured

N = 200


def ladder() -> list[Weighed]:
    """prompt 0.18, few_shot 0.30, rag 0.74, hybrid 0.80 of 200 cases; closed book 0.18, oracle 0.85."""
    return [
        rung("prompt", share(36, N, seed=1), order=0),
        rung("few_shot", share(60, N, seed=2), order=1),
        rung("rag", share(148, N, seed=3), order=4),
        rung("hybrid", share(160, N, seed=4), order=7),
        rung("closed_book", share(36, N, seed=1), order=8),
        rung("oracle", share(170, N, seed=5), order=9),
    ]


def test_the_lowest_rung_that_clears_the_bar_wins() -> None:
    verdict = decide(ladder(), bar=Bar(0.70), steps=(12, 3), warnings=["told before"])
    assert (verdict.winner, verdict.clears_bar, verdict.cases) == ("rag", True, N)
    assert verdict.reason.startswith(
        "rag is the lowest rung that clears the bar: correct 0.74 [0.68, 0.80] against 0.70; "
        "prompt misses it by 0.52, few_shot misses it by 0.40."
    )
    assert (verdict.executed, verdict.replayed) == (12, 3)
    assert verdict.warnings[0] == "told before"
    assert verdict.rejected["prompt"] == "misses the bar: correct 0.18 [0.13, 0.24] is 0.52 below 0.70"
    assert verdict.rejected["hybrid"].startswith("not needed: rag is lower on the ladder; correct 0.80 [0.74, 0.85] is ")
    assert verdict.rejected["oracle"].startswith("reference arm")
    assert verdict.why_not("rag").startswith("rag is the choice")
    assert {d.a for d in verdict.differences} == {"prompt", "few_shot", "rag"}
    assert {d.b for d in verdict.differences} == {"hybrid"}


def test_the_order_of_the_ladder_decides_and_not_that_of_the_list() -> None:
    assert decide(ladder()[::-1], bar=Bar(0.70)).winner == "rag"


def test_a_bar_within_the_interval_is_said_with_what_would_settle_it() -> None:
    doubt = decide(ladder(), bar=Bar(0.70)).reason
    assert "Not certain: the bar lies within the interval; about " in doubt
    assert "more cases would likely settle it." in doubt
    assert "Not certain" not in decide(ladder(), bar=Bar(0.60)).reason
    assert "hardly settle" in decide(ladder(), bar=Bar(0.74)).reason
    tie = decide(ladder(), bar=Bar(0.84))
    assert tie.winner == "rag"
    assert "Not certain: the bar lies within the interval of hybrid" in tie.reason  # the best may yet clear it
    assert "Not certain" not in decide(ladder(), bar=Bar(0.99)).reason


def test_a_mean_at_the_bar_clears_it_whatever_the_last_digit() -> None:
    below = rung("prompt", [0.1] * 7)
    assert (below.result.scores["correct"].mean or 0) < 0.1
    assert decide([below], bar=Bar(0.1)).clears_bar


def test_numbers_that_would_look_alike_get_more_digits() -> None:
    verdict = decide([rung("prompt", share(699, 1000))], bar=Bar(0.70))
    assert "0.699 [0.67, 0.73], 0.001 below the bar" in verdict.reason


def test_if_none_clears_a_tie_goes_to_the_lower_rung() -> None:
    near = [
        rung("prompt", share(20, N, seed=1), order=0),
        rung("rag", share(150, N), order=1),
        rung("hybrid", share(152, N), order=2),
    ]
    verdict = decide(near, bar=Bar(0.95))
    assert (verdict.winner, verdict.clears_bar) == ("rag", False)
    assert verdict.reason.startswith(
        "No rung clears the bar of 0.95. rag is the lowest rung that is not significantly worse"
    )
    assert "0.76 for hybrid" in verdict.reason
    assert verdict.rejected["prompt"].startswith("worse: significantly below the best, hybrid, by 0.6")
    assert verdict.rejected["hybrid"].startswith("not needed: rag is lower on the ladder")
    assert "not significantly better (by 0.01" in verdict.rejected["hybrid"]


def test_a_difference_that_counts_alone_and_not_among_many_says_so() -> None:
    right = share(30, 60)
    lower = right.copy()
    lower[:7] = 0.0  # seven cases lost and none won: p of about .016 alone, .06 among four
    others = [rung(f"rag[passages={n}]", np.roll(right, 2), order=1) for n in range(3)]
    verdict = decide([rung("prompt", lower), *others, rung("hybrid", right, order=2)], bar=Bar(0.9))
    assert verdict.winner == "prompt"
    assert "that of one comparison; so much comes by chance among 4 comparisons (Holm's correction)." in verdict.reason
    assert verdict.rejected["hybrid"].startswith("not needed: prompt is lower on the ladder; correct 0.50 ")
    assert verdict.rejected["hybrid"].endswith("; so much comes by chance among 4 comparisons (Holm's correction)")


def test_if_none_clears_the_best_wins_where_the_others_are_worse() -> None:
    verdict = decide(ladder(), bar=Bar(0.99))
    assert (verdict.winner, verdict.clears_bar) in {("hybrid", False), ("rag", False)}
    alone = decide(ladder()[:1], bar=Bar(0.99))
    assert alone.reason.startswith("No rung clears the bar of 0.99. prompt is the only rung that could be chosen")


def test_without_a_bar_the_same_rule_holds_and_is_said() -> None:
    verdict = decide(ladder())
    assert verdict.clears_bar
    assert verdict.reason.startswith("No bar was set. ")
    assert "below the bar" not in verdict.reason


def test_reference_arms_are_never_chosen() -> None:
    verdict = decide([w for w in ladder() if w.result.reference], bar=Bar(0.5))
    assert verdict.winner is None
    assert not verdict.clears_bar
    assert verdict.reason == "Nothing was measured: the project names no rung."
    assert decide([]).winner is None


@pytest.mark.parametrize("bar", [None, Bar(0.0), Bar(0.5)])
def test_a_rung_that_got_nothing_right_never_wins(bar: Bar | None) -> None:
    verdict = decide([rung("prompt", share(0, 5), failures=5), rung("rag", share(1, 5), order=1)], bar=bar)
    assert verdict.winner == "rag"
    assert verdict.rejected["prompt"] == "no case right: 0 of 5, 5 of them failed"
    assert "prompt: 5 of 5 cases failed; they count as misses." in verdict.warnings
    nobody = decide([rung("prompt", share(0, 50)), rung("rag", share(0, 50), order=1)], bar=bar)
    assert nobody.winner is None
    assert nobody.reason == "No rung can be chosen: none of prompt and rag got a single case right."


def test_what_was_not_measured_says_why() -> None:
    verdict = decide(
        [
            unmeasured("long_context", "the corpus has 9,000 tokens, 8,192 fit."),
            unmeasured("rag", "disk full", status="failed"),
        ]
    )
    assert verdict.winner is None
    assert verdict.rejected["long_context"] == "not applicable: the corpus has 9,000 tokens, 8,192 fit"
    assert verdict.rejected["rag"] == "failed: disk full"
    assert verdict.reason.startswith("Nothing was measured: long_context not applicable: the corpus")


def test_a_rung_without_a_single_score_is_not_judged() -> None:
    verdict = decide([rung("prompt", share(3, 9)), rung("rag", [float("nan")] * 9, order=1)])
    assert verdict.winner == "prompt"
    assert verdict.rejected["rag"] == "not judged: no case has a score"


def test_hard_limits_come_first() -> None:
    fast = rung("prompt", share(20, N), others={"format": share(N, N), "leaks": share(0, N)}, p95=0.4, usd=0.1)
    slow = rung("rag", share(190, N), others={"format": share(N, N), "leaks": share(0, N)}, p95=2.4, usd=0.1, order=1)
    leaky = rung("hybrid", share(195, N), others={"format": share(190, N), "leaks": share(1, N)}, p95=1, usd=2, order=2)
    bar = bar_of({"format": 0.99, "leaks": 0, "p95_seconds": 2.0, "usd_per_1k": 1}, metrics(), correct=0.7)
    verdict = decide([fast, slow, leaky], bar=bar)
    assert (verdict.winner, verdict.clears_bar) == ("prompt", False)
    assert verdict.rejected["rag"] == "breaks a limit: p95_seconds is 2.4, allowed at most 2"
    assert verdict.rejected["hybrid"] == (
        "breaks a limit: format is 0.95, allowed at least 0.99; leaks is 0.005, allowed at most 0; "
        "usd_per_1k is 2, allowed at most 1"
    )
    assert not any("not checked" in warning for warning in verdict.warnings)


def test_no_rung_within_the_limits_is_a_verdict() -> None:
    verdict = decide([rung("prompt", share(20, N), p95=3)], bar=bar_of({"p95_seconds": 2}, correct=0.05))
    assert (verdict.winner, verdict.clears_bar) == (None, False)
    assert verdict.reason == "No rung can be chosen: prompt breaks a limit: p95_seconds is 3, allowed at most 2."


def test_a_limit_on_something_unknown_is_said_and_not_held_against_a_rung() -> None:
    limits = {"usd_per_1k": 1.0, "leaks": 0.0, "em": 0.9, "p95_seconds": 1.0}
    bar = bar_of(limits, metrics(), correct=0.7)
    verdict = decide([rung("prompt", share(150, N)), rung("rag", share(3, N), p95=0.1, order=1)], bar=bar)
    assert verdict.winner == "prompt"
    assert set(verdict.warnings) == {
        "Cost unknown, limit usd_per_1k (at most 1) not checked.",
        "Limit leaks (at most 0) not checked: it needs a case that says who asks.",
        "Limit em (at least 0.9) not checked: it needs answers in words.",
        "prompt: limit p95_seconds (at most 1) not checked.",
    }


def test_any_score_may_be_a_limit() -> None:
    refusing = rung("prompt", share(150, N), others={"false_refusal": share(60, N)})
    verdict = decide([refusing], bar=bar_of({"false_refusal": 0.15}, metrics()))
    assert verdict.rejected["prompt"] == "breaks a limit: false_refusal is 0.3, allowed at most 0.15"


def test_which_way_a_limit_points() -> None:
    lower = Metric("toxicity", "style", "answers that are toxic", better="lower")
    bar = bar_of({"toxicity": 0.05, "usd_per_month": 9, "format": 0.9}, {**metrics(), "toxicity": lower})
    assert {name: limit.is_upper for name, limit in bar.limits.items()} == {
        "toxicity": True,
        "usd_per_month": True,
        "format": False,
    }
    assert [bar.limits["toxicity"].holds(value) for value in (0.0, 0.05, 0.06)] == [True, True, False]
    assert [bar.limits["format"].holds(value) for value in (0.89, 0.9, 1.0)] == [False, True, True]


def test_few_cases_and_a_hopeless_oracle_are_told() -> None:
    few = decide([rung("prompt", share(5, 9))], bar=Bar(0.5))
    assert few.warnings == ("9 cases only: the intervals are wide; five test cases make a start, fifty a judgement.",)
    hopeless = decide([rung("rag", share(20, N)), rung("oracle", share(60, N), order=9)], bar=Bar(0.8))
    assert hopeless.warnings[0].startswith(
        "Even with the gold passages (oracle) correct is 0.30 [0.24, 0.37], below the bar"
    )
    assert decide(ladder(), bar=Bar(0.8)).warnings == ()


def test_the_earlier_setting_wins_between_settings_of_one_rung() -> None:
    twins = [rung("rag[top=3]", share(150, N), order=4), rung("rag[top=5]", share(160, N), order=4)]
    assert decide(twins, bar=Bar(0.7)).winner == "rag[top=3]"


def test_broken_promises_are_ours() -> None:
    with pytest.raises(InternalError, match="two rungs are called 'rag'"):
        decide([rung("rag", share(1, 5)), rung("rag", share(2, 5))])
    with pytest.raises(InternalError, match="different numbers of cases"):
        decide([rung("rag", share(1, 5)), rung("prompt", share(2, 6))])


_rungs = st.lists(st.lists(st.sampled_from([0.0, 0.3, 1.0, float("nan")]), min_size=6, max_size=6), max_size=5)


@settings(max_examples=60, deadline=None)
@given(_rungs, st.none() | st.floats(0, 1), st.floats(0, 5))
def test_every_verdict_keeps_its_promises(columns: list[list[float]], bar: float | None, limit: float) -> None:
    weighed = [rung(f"r{i}", column, order=i, p95=float(i)) for i, column in enumerate(columns)]
    verdict = decide(weighed, bar=bar_of({"p95_seconds": limit}, correct=bar))
    names = {w.result.name for w in weighed}
    assert set(verdict.rejected) == names - {verdict.winner}
    assert all(verdict.rejected.values())
    assert verdict.reason
    if verdict.winner is None:
        assert not verdict.clears_bar
    else:
        place = int(verdict.winner[1:])
        mean = weighed[place].result.scores["correct"].mean
        assert mean
        assert place <= limit + 1e-6
        assert verdict.clears_bar == (bar is None or mean >= bar - 1e-9)
        if bar is not None and verdict.clears_bar:
            lower = [w.result.scores["correct"].mean or 0 for w in weighed[:place] if w.result.order <= limit]
            assert all(mean < bar or not mean for mean in lower)  # without a case right none wins, whatever the bar


def test_a_winner_that_is_no_better_than_one_same_answer_is_told_of() -> None:
    cases = [Case(str(n), "?", ("x",) if n % 2 else (), answerable=bool(n % 2)) for n in range(N)]
    constant = best_constant(cases)
    assert constant is not None
    habit = [rung("prompt", share(36, N, seed=1), order=0), rung("tuned_model", constant.values, order=6)]
    verdict = decide(habit, constant=constant)
    assert verdict.winner == "tuned_model"
    assert verdict.warnings[0].startswith(
        "Saying that it is not known to every case would get 0.50: tuned_model, at 0.50 [0.43, 0.57], is not"
    )
    assert verdict.reason.startswith("tuned_model is not shown to be better than saying that it is not known to every case")
    assert not any("Saying" in warning for warning in decide(ladder(), constant=constant).warnings)


def test_the_commonest_label_is_the_constant_of_labels() -> None:
    cases = [Case(str(n), "?", ("spam" if n < 6 else "ham",)) for n in range(10)]
    found = best_constant(cases, labels=("spam", "ham"))
    assert found is not None
    assert (found.what, found.mean) == ("'spam'", 0.6)
    assert best_constant([Case("1", "?", ("x",))]) is None
    assert best_constant([]) is None


def test_a_rung_that_forgot_too_much_is_not_chosen_and_it_is_said() -> None:
    rungs = [rung("prompt", share(60, N, seed=1)), rung("tuned_model", share(190, N, seed=2), order=5)]
    assert decide(rungs, bar=Bar(0.70)).winner == "tuned_model"
    marked = [rungs[0], replace(rungs[1], marked="the loss on general answers rose by 0.90 nats")]
    verdict = decide(marked, bar=Bar(0.70))
    assert (verdict.winner, verdict.clears_bar) == ("prompt", False)
    assert verdict.rejected["tuned_model"] == "breaks a limit: the loss on general answers rose by 0.90 nats"
    warned = next(w for w in verdict.warnings if w.startswith("tuned_model forgot too much"))
    assert "replay" in warned
    assert "bar.forgetting" in warned
