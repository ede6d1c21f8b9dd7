"""Is a trial ended by what it is said to be ended by, and no oftener wrongly than stated?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.records.deployment import Rollout
from rung.serving.trials import broken_limit, broken_limits, decide_canary, decide_shadow, keeps_limit, risk_of_limit
from rung.state.deployments import Seen

GOOD = Seen(answers=4000, askers=4000, askers_up=3200, askers_down=800)


def what(rollout: Rollout, old: Seen, new: Seen) -> str:
    decision = decide_canary(rollout, old, new)
    return decision.what if decision else "goes on"


def people(up: int, down: int) -> Seen:
    """So many who rated, each one answer."""
    return Seen(answers=up + down, askers=up + down, askers_up=up, askers_down=down)


def test_it_goes_on_until_something_is_shown() -> None:
    assert what(Rollout("canary"), Seen(), Seen()) == "goes on"
    assert what(Rollout("canary"), people(18, 2), people(17, 3)) == "goes on"


def test_worse_ratings_stop_it() -> None:
    decision = decide_canary(Rollout("canary"), GOOD, replace(GOOD, askers_up=2800, askers_down=1200))
    assert decision is not None
    assert (decision.what, decision.why) == ("stopped", "worse by its ratings: share of good ones lower by 10.0 points")
    assert decision.figures["ratings"]["drop"] == pytest.approx(0.1)  # type: ignore[index,call-overload]


def test_a_tolerance_lets_a_smaller_drop_pass() -> None:
    worse = replace(GOOD, askers_up=3000, askers_down=1000)  # five points
    assert what(Rollout("canary"), GOOD, worse) == "stopped"
    assert what(Rollout("canary", margin=0.12, tolerance=0.12), GOOD, worse) == "finished"


def test_answers_that_fail_stop_it_though_nobody_rates() -> None:
    old = Seen(answers=500, failed=2, askers=500, askers_failed=2)
    new = Seen(answers=500, failed=40, late=20, askers=500, askers_failed=60)
    assert what(Rollout("canary", max_error_rate=None), old, new) == "stopped"


def test_many_answers_of_few_people_show_nothing() -> None:
    old = Seen(answers=5000, failed=0, up=5000, askers=10, askers_up=10)
    new = Seen(answers=5000, failed=2000, down=3000, askers=10, askers_failed=1, askers_down=2, askers_up=7)
    assert what(Rollout("canary", max_error_rate=None, max_down_rate=0.2), old, new) == "goes on"
    assert what(Rollout("canary"), old, new) == "stopped", "a limit on failures is a brake, and counts each answer"


def test_as_good_by_both_signals_takes_over() -> None:
    decision = decide_canary(Rollout("canary"), GOOD, GOOD)
    assert decision is not None
    assert decision.what == "finished"
    assert "not worse by 5 points" in decision.why


def test_without_ratings_nothing_takes_over_and_in_the_end_the_old_one_stays() -> None:
    silent = Seen(answers=9000)
    assert what(Rollout("canary"), silent, silent) == "goes on"
    decision = decide_canary(Rollout("canary", max_answers=18_000), silent, silent)
    assert decision is not None
    assert (decision.what, decision.why) == ("undecided", "not decided after 18,000 answers (0 people rated its own)")


@pytest.mark.parametrize(
    ("rollout", "seen", "says"),
    [
        (Rollout(), Seen(answers=60, failed=20), "20 of 60 answers failed, and 5.0% may"),
        (Rollout(), Seen(answers=60, failed=5, late=15), "20 of 60 answers failed, and 5.0% may"),
        (Rollout(max_p95=2.0), Seen(answers=60, slow=20), "20 of 60 answers took longer than 2 s, and 5 % may"),
        (
            Rollout(max_down_rate=0.2),
            Seen(answers=90, askers_up=10, askers_down=40),
            "40 of 50 ratings that count are down, and 20.0% may be",
        ),
        (Rollout(max_error_rate=None), Seen(answers=60, failed=60), ""),
        (Rollout(max_p95=2.0, max_down_rate=0.2), Seen(answers=1000, failed=40, slow=40, askers_up=80, askers_down=15), ""),
    ],
)
def test_limits(rollout: Rollout, seen: Seen, says: str) -> None:
    assert broken_limit(rollout, seen, risk=risk_of_limit(rollout)) == says
    assert what(replace(rollout, kind="canary"), Seen(answers=60), seen) == ("stopped" if says else "goes on") or not says


def test_every_limit_that_is_broken_is_named_and_one_holds_again_where_that_is_shown() -> None:
    rollout = Rollout(max_p95=2.0, max_down_rate=0.2)
    risk = risk_of_limit(rollout)
    bad = Seen(answers=90, failed=30, slow=30, askers_up=10, askers_down=40)
    assert list(broken_limits(rollout, bad, risk=risk)) == ["errors", "p95", "ratings"]
    for name in ("errors", "p95", "ratings"):
        assert not keeps_limit(rollout, name, bad, risk=risk)
        assert not keeps_limit(rollout, name, Seen(), risk=risk)
        assert not keeps_limit(rollout, name, Seen(answers=20, askers_up=4), risk=risk), "a few good ones show nothing"
        assert keeps_limit(rollout, name, Seen(answers=200, failed=1, slow=1, askers_up=60, askers_down=2), risk=risk)
    assert not keeps_limit(replace(rollout, max_error_rate=0.0), "errors", Seen(answers=9_999), risk=risk)


def test_a_shadow_is_stopped_by_failures_alone_and_ends() -> None:
    rollout = Rollout("shadow", max_answers=500)
    assert decide_shadow(rollout, Seen(answers=80), Seen(answers=80, slow=80, refused=80)) is None
    stopped = decide_shadow(rollout, Seen(answers=80), Seen(answers=80, failed=30))
    assert stopped is not None
    assert stopped.what == "stopped"
    ended = decide_shadow(rollout, Seen(answers=500), Seen(answers=500))
    assert ended is not None
    assert ended.what == "undecided"


@pytest.mark.slow
def test_one_that_is_as_good_and_within_its_limits_is_seldom_stopped() -> None:
    """All of its tests together, at limits that are just kept; looks after every answer are tried in tests/stats."""
    rng, streams, stopped = np.random.default_rng(5), 40, 0
    rollout = Rollout("canary", max_error_rate=0.05, max_p95=1.0, max_down_rate=0.2, risk=0.1)
    for _ in range(streams):
        sides = {False: Seen(), True: Seen()}
        for answer in range(200):
            new = bool(rng.random() < 0.5)
            one, draw = sides[new], rng.random(3)
            failed = int(draw[0] < 0.05)
            is_down = int(draw[1] < 0.2)
            sides[new] = replace(
                one,
                answers=one.answers + 1,
                failed=one.failed + failed,
                slow=one.slow + int(not failed and draw[2] < 0.05),
                askers=one.askers + 1,
                askers_failed=one.askers_failed + failed,
                askers_up=one.askers_up + (not failed and not is_down),
                askers_down=one.askers_down + (not failed and is_down),
            )
            if answer % 10 == 9 and (decision := decide_canary(rollout, sides[False], sides[True])) is not None:
                stopped += decision.what == "stopped"
                break
    assert stopped / streams <= 0.1


@pytest.mark.slow
def test_people_who_rate_often_and_differ_do_not_make_one_that_is_as_good_look_worse() -> None:
    """12 people, most of whom find nearly all good or nearly all bad, rate 600 answers: of each answer counted, a fifth of
    such streams would be stopped."""
    rng, streams, risk = np.random.default_rng(6), 30, 0.1
    rollout, stopped, by_answer = Rollout("canary", risk=risk), 0, 0
    for _ in range(streams):
        side, rates = rng.random(12) < 0.5, rng.beta(0.4, 0.4, 12)
        who = rng.integers(12, size=600)
        good, first = rng.random(600) < rates[who], np.zeros(600, dtype=bool)
        first[np.unique(who, return_index=True)[1]] = True
        for counted in (first, np.ones(600, dtype=bool)):
            for end in range(100, 601, 100):
                now = counted[:end]
                old, new = (
                    people(*(int((now & (side[who[:end]] == one) & (good[:end] == is_up)).sum()) for is_up in (True, False)))
                    for one in (False, True)
                )
                if what(rollout, old, new) == "stopped":
                    stopped, by_answer = stopped + (counted is first), by_answer + (counted is not first)
                    break
    assert stopped / streams <= risk
    assert by_answer / streams > risk, "the check of the check"
