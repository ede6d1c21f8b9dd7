"""Which rung wins, and what is said about it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import InternalError
from rung.records import Case, Evaluation, Latency, Metric, Reason
from rung.scoring import metrics
from rung.verdict import reasons
from rung.verdict.bar import Bar, bar_of
from rung.verdict.constant import best_constant
from rung.verdict.decide import decide
from rung.verdict.judging import DecisionContext
from tests.verdict.weighing import rung, share, unmeasured

N = 200


def ladder() -> list[Evaluation]:
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
    verdict = decide(ladder(), bar=Bar(0.70), context=DecisionContext(warnings=("told before",)))
    assert (verdict.winner, verdict.code, verdict.clears_bar, verdict.cases) == ("rag", "clears", True, N)
    assert verdict.probability == pytest.approx(0.887, abs=0.001)
    assert "clears the bar with probability 0.89" in verdict.reason
    assert verdict.warnings[0] == "told before"
    assert [r.probability is None for r in verdict.rungs] == [False] * 6
    assert {r.name for r in verdict.rungs if (r.probability or 0) >= 0.8} == {"rag", "hybrid", "oracle"}
    assert verdict.why_not("prompt").startswith("misses the bar: correct 0.18 [0.13, 0.24] reaches 0.70 with probability ")
    assert verdict.why_not("hybrid").startswith("not needed: rag is lower on the ladder; correct 0.80 [0.74, 0.85] is ")
    assert verdict.why_not("oracle").startswith("reference arm")
    assert verdict.why_not("rag").startswith("rag is the choice")
    assert {d.a for d in verdict.differences} == {"prompt", "few_shot", "rag"}
    assert {d.b for d in verdict.differences} == {"hybrid"}


def test_the_order_of_the_ladder_decides_and_not_that_of_the_list() -> None:
    assert decide(ladder()[::-1], bar=Bar(0.70)).winner == "rag"


def test_a_rung_that_may_reach_the_bar_or_not_does_not_clear_it_and_what_would_settle_it_is_said() -> None:
    open_ = decide([rung("prompt", share(120, N))], bar=Bar(0.62))
    assert (open_.winner, open_.code, open_.clears_bar) == ("prompt", "only", False)
    assert open_.probability == pytest.approx(0.27, abs=0.02)
    found = re.search(r"Not certain: about ([\d,]+) more cases would likely settle it", open_.reason)
    assert found
    assert int(found[1].replace(",", "")) > 100
    above = decide(ladder(), bar=Bar(0.74))
    assert (above.winner, above.code) == ("hybrid", "clears")
    assert above.why_not("rag").startswith(
        "not shown to clear the bar: correct 0.74 [0.68, 0.80] reaches 0.74 with probability"
    )
    for bar in (0.60, 0.99):
        assert "Not certain" not in decide(ladder(), bar=Bar(bar)).reason


def test_the_risk_is_the_projects() -> None:
    bold, shy = (decide(ladder(), bar=Bar(0.70, risk=risk)) for risk in (0.5, 0.05))
    assert (bold.winner, bold.clears_bar, bold.risk) == ("rag", True, 0.5)
    assert (shy.winner, shy.clears_bar, shy.risk) == ("hybrid", True, 0.05)


def test_the_last_choice_stays_while_it_is_not_likely_below() -> None:
    rungs = [rung("prompt", share(60, 100)), rung("rag", share(69, 100), order=1), rung("hybrid", share(90, 100), order=2)]
    assert decide(rungs, bar=Bar(0.7)).winner == "hybrid"
    stays = decide(rungs, bar=Bar(0.7), context=DecisionContext(incumbent="rag"))
    assert (stays.winner, stays.code, stays.clears_bar) == ("rag", "kept", False)
    assert stays.probability == pytest.approx(0.39, abs=0.03)
    assert set(stays.rejected) == {"prompt", "hybrid"}
    assert decide(rungs, bar=Bar(0.7), context=DecisionContext(incumbent="prompt")).winner == "hybrid"


def test_numbers_that_would_look_alike_get_more_digits() -> None:
    verdict = decide([rung("prompt", share(699, 1000))], bar=Bar(0.70))
    assert "0.699 [0.67, 0.73]" in verdict.reason


def test_if_none_clears_a_tie_goes_to_the_lower_rung() -> None:
    near = [
        rung("prompt", share(20, N, seed=1), order=0),
        rung("rag", share(150, N), order=1),
        rung("hybrid", share(152, N), order=2),
    ]
    verdict = decide(near, bar=Bar(0.95))
    assert (verdict.winner, verdict.code, verdict.clears_bar) == ("rag", "not_worse", False)
    assert "0.76 for hybrid" in verdict.reason
    assert verdict.why_not("prompt").startswith("worse: below the best, hybrid, by 0.6")
    assert verdict.why_not("hybrid").startswith("not needed: rag is lower on the ladder")
    assert "not significantly better (by 0.01" in verdict.why_not("hybrid")


def test_if_none_clears_the_best_wins_where_the_others_are_worse() -> None:
    verdict = decide(ladder(), bar=Bar(0.99))
    assert (verdict.winner, verdict.code, verdict.clears_bar) == ("hybrid", "best", False)
    assert all(verdict.rejected[name].kind == "worse" for name in ("prompt", "few_shot", "rag"))
    alone = decide(ladder()[:1], bar=Bar(0.99))
    assert (alone.winner, alone.code) == ("prompt", "only")


def test_without_a_bar_the_same_rule_holds_and_is_said() -> None:
    verdict = decide(ladder())
    assert (verdict.winner, verdict.code, verdict.clears_bar, verdict.probability) == ("hybrid", "best", True, None)
    assert verdict.reason.startswith("No bar was set. ")
    assert {r.probability for r in verdict.rungs} == {None}


def test_reference_arms_are_never_chosen() -> None:
    verdict = decide([w for w in ladder() if w.result.reference], bar=Bar(0.5))
    assert verdict.winner is None
    assert not verdict.clears_bar
    assert verdict.reason == "Nothing was measured: the project names no rung."
    assert decide([]).winner is None


@pytest.mark.parametrize("bar", [None, Bar(0.0), Bar(0.5)])
def test_a_rung_that_got_nothing_right_never_wins(bar: Bar | None) -> None:
    verdict = decide([rung("prompt", share(0, 5), failures=4), rung("rag", share(1, 5), order=1)], bar=bar)
    assert verdict.winner == "rag"
    assert verdict.why_not("prompt") == "no case right: 0 of 5, 4 of them failed"
    assert "prompt: 4 of 5 cases failed, all with: no; they count as misses." in verdict.warnings
    assert reasons.commonest(["it said 'a'", "it said 'b'"]) == "all like: it said 'a'"
    assert reasons.commonest(["it said 'a'", "it said 'b'", "gone"]) == "most often (2 times) like: it said 'a'"
    nobody = decide([rung("prompt", share(0, 50)), rung("rag", share(0, 50), order=1)], bar=bar)
    assert nobody.winner is None
    assert nobody.reason == "No rung can be chosen: none of prompt and rag got a single case right."


def test_a_rung_whose_every_answer_failed_was_not_measured() -> None:
    verdict = decide([rung("prompt", share(0, 5), failures=5), rung("rag", share(1, 5), order=1)])
    assert (verdict.winner, verdict.rungs[0].status) == ("rag", "failed")
    assert verdict.why_not("prompt") == "failed: every answer failed, all with: no"


def test_what_was_not_measured_says_why() -> None:
    verdict = decide(
        [
            unmeasured("long_context", "the corpus has 9,000 tokens, 8,192 fit."),
            unmeasured("rag", Reason("failed", "disk full")),
        ]
    )
    assert verdict.winner is None
    assert verdict.why_not("long_context") == "not applicable: the corpus has 9,000 tokens, 8,192 fit"
    assert verdict.why_not("rag") == "failed: disk full"
    assert verdict.reason.startswith("Nothing was measured: long_context not applicable: the corpus")


def test_a_rung_without_a_single_score_is_not_judged() -> None:
    verdict = decide([rung("prompt", share(3, 9)), rung("rag", [float("nan")] * 9, order=1)])
    assert verdict.winner == "prompt"
    assert verdict.why_not("rag") == "not judged: no case has a score"


def test_hard_limits_come_first() -> None:
    fast = rung("prompt", share(20, N), others={"format": share(N, N), "leaks": share(0, N)}, p95=0.4, usd=0.1)
    slow = rung("rag", share(190, N), others={"format": share(N, N), "leaks": share(0, N)}, p95=2.4, usd=0.1, order=1)
    leaky = rung("hybrid", share(195, N), others={"format": share(190, N), "leaks": share(1, N)}, p95=1, usd=2, order=2)
    bar = bar_of({"format": 0.99, "leaks": 0, "p95_seconds": 2.0, "usd_per_1k": 1}, metrics(), correct=0.7)
    verdict = decide([fast, slow, leaky], bar=bar)
    assert (verdict.winner, verdict.clears_bar) == ("prompt", False)
    assert verdict.why_not("rag") == "breaks a limit: p95_seconds is 2.4, allowed at most 2"
    assert verdict.why_not("hybrid") == (
        "breaks a limit: format is 0.95, allowed at least 0.99 (kept with probability less than 0.01); leaks is 0.005, "
        "allowed at most 0; usd_per_1k is 2, allowed at most 1"
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
    assert verdict.why_not("prompt").startswith("breaks a limit: false_refusal is 0.3, allowed at most 0.15 (kept with")


def test_a_limit_that_may_well_be_kept_throws_nobody_out() -> None:
    bar = bar_of({"format": 0.99}, metrics(), correct=0.5)
    one, three = (rung("prompt", share(90, 98), others={"format": share(98 - n, 98)}) for n in (1, 3))
    kept, out = decide([one], bar=bar), decide([three], bar=bar)
    assert kept.winner == "prompt"
    assert kept.rungs[0].keeps["format"] == pytest.approx(0.24, abs=0.01)
    assert out.winner is None
    assert out.rungs[0].keeps["format"] < 0.2


def test_a_limit_on_time_is_told_from_the_times() -> None:
    def timed(slow: int) -> Evaluation:
        one = rung("prompt", share(90, 98))
        times = tuple([500.0] * (40 - slow) + [2500.0] * slow)
        p95 = float(np.percentile(times, 95))
        return replace(one, result=replace(one.result, latency=Latency(500, p95, 40, times=times)))

    bar = bar_of({"p95_seconds": 2.0}, correct=0.5)
    assert decide([timed(3)], bar=bar).winner == "prompt"  # p95 of these forty is 2.5 s, and may well be below 2 of all
    assert decide([timed(6)], bar=bar).winner is None


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


def test_the_best_setting_wins_between_settings_of_one_rung() -> None:
    twins = [rung("rag[top=3]", share(150, N), order=4), rung("rag[top=5]", share(160, N), order=5)]
    verdict = decide(twins, bar=Bar(0.7))
    assert verdict.winner == "rag[top=5]"
    assert verdict.why_not("rag[top=3]").startswith("not needed: rag[top=5] is a setting of the same rung")
    same = [rung("rag[top=3]", share(150, N), order=4), rung("rag[top=5]", share(150, N), order=5)]
    assert decide(same, bar=Bar(0.7)).winner == "rag[top=3]"


def test_broken_promises_are_ours() -> None:
    with pytest.raises(InternalError, match="two rungs are called 'rag'"):
        decide([rung("rag", share(1, 5)), rung("rag", share(2, 5))])
    with pytest.raises(InternalError, match="different numbers of cases"):
        decide([rung("rag", share(1, 5)), rung("prompt", share(2, 6))])


_rungs = st.lists(st.lists(st.sampled_from([0.0, 0.3, 1.0, float("nan")]), min_size=6, max_size=6), max_size=5)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(_rungs, st.none() | st.floats(0, 1), st.floats(0, 5))
def test_every_verdict_keeps_its_promises(columns: list[list[float]], bar: float | None, limit: float) -> None:
    weighed = [rung(f"r{i}", column, order=i, p95=float(i)) for i, column in enumerate(columns)]
    verdict = decide(weighed, bar=bar_of({"p95_seconds": limit}, correct=bar))
    names = {w.result.name for w in weighed}
    assert set(verdict.rejected) == names - {verdict.winner}
    assert all(map(str, verdict.rejected.values()))
    assert verdict.reason
    if verdict.winner is None:
        assert not verdict.clears_bar
    else:
        place = int(verdict.winner[1:])
        mean = weighed[place].result.scores["correct"].mean
        assert mean
        assert place <= limit + 1e-6
        assert verdict.clears_bar == (bar is None or (verdict.probability or 0) >= 0.8 - 1e-9)
        if bar is not None and verdict.clears_bar:
            lower = [r for r in verdict.rungs[:place] if r.order <= limit and r.scores["correct"].mean]
            assert all((r.probability or 0) < 0.8 for r in lower)  # without a case right none wins, whatever the bar


def test_a_winner_that_is_no_better_than_one_same_answer_is_told_of() -> None:
    cases = [Case(str(n), "?", ("x",) if n % 2 else (), answerable=bool(n % 2)) for n in range(N)]
    constant = best_constant(cases)
    assert constant is not None
    habit = [rung("prompt", share(36, N, seed=1), order=0), rung("tuned_model", constant.values, order=6)]
    verdict = decide(habit, context=DecisionContext(constant=constant))
    assert verdict.winner == "tuned_model"
    assert verdict.warnings[0].startswith(
        "Saying that it is not known to every case would get 0.50: tuned_model, at 0.50 [0.43, 0.57], is not"
    )
    assert verdict.reason.startswith("tuned_model is not shown to be better than saying that it is not known to every case")
    assert not any("Saying" in warning for warning in decide(ladder(), context=DecisionContext(constant=constant)).warnings)


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
    assert verdict.why_not("tuned_model") == "breaks a limit: the loss on general answers rose by 0.90 nats"
    warned = next(w for w in verdict.warnings if w.startswith("tuned_model forgot too much"))
    assert "replay" in warned
    assert "bar.forgetting" in warned


def test_the_others_are_said_to_be_stopped_early_only_where_all_were() -> None:
    stopped = rung("hybrid", np.r_[share(15, 20), np.full(80, np.nan)], order=2)
    why = Reason("not_needed", "not needed: stopped after 20 of 100 cases")
    stopped = replace(stopped, result=replace(stopped.result, stopped=why))
    alone = [rung("prompt", share(60, 100, seed=1), order=0), stopped]
    assert "the others were stopped early" in decide(alone).reason
    leaking = rung("rag", share(90, 100, seed=2), order=1, others={"leaks": share(20, 100, seed=3)})
    bar = bar_of({"leaks": 0.0}, metrics())
    reason = decide([*alone, leaking], bar=bar).reason
    assert "prompt is the only rung that could be chosen" in reason
