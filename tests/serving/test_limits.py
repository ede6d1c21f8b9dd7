"""Does a key ask no more than it may, and learn when to come back?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rung.serving.callers import Caller, Refused
from rung.serving.limits import DAY, Limiter


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(answer: Refused | None) -> tuple[int, int]:
    assert answer is not None
    return answer.status, int(answer.headers["retry-after"])


def test_no_more_requests_in_a_minute_than_it_may() -> None:
    clock = Clock()
    limiter, caller = Limiter(clock), Caller("ci", key="1", requests_per_minute=2)
    assert limiter.allow(caller) is None
    clock.now += 20
    assert limiter.allow(caller) is None
    clock.now += 20.5
    assert refused(limiter.allow(caller)) == (429, 20)
    clock.now += 19.5  # the first is a minute old
    assert limiter.allow(caller) is None
    assert refused(limiter.allow(caller)) == (429, 20)


def test_keys_do_not_share_and_who_has_no_limit_has_none() -> None:
    limiter = Limiter(Clock())
    one, other, free = (
        Caller("ci", key="1", requests_per_minute=1),
        Caller("ci", key="2", requests_per_minute=1),
        Caller("x"),
    )
    assert [limiter.allow(caller) is None for caller in (one, one, other, *[free] * 50)] == [True, False, *[True] * 51]


def test_tokens_of_a_day_are_spent_and_come_back() -> None:
    clock = Clock()
    limiter, caller = Limiter(clock), Caller("ci", key="1", tokens_per_day=100)
    limiter.consumed(caller, 99)
    assert limiter.allow(caller) is None
    limiter.consumed(caller, 50)
    assert refused(limiter.allow(caller)) == (429, int(DAY))
    clock.now += DAY - 0.5
    assert refused(limiter.allow(caller)) == (429, 1)
    clock.now += 0.5
    assert limiter.allow(caller) is None
    limiter.consumed(caller, 10)
    assert limiter.allow(caller) is None


def test_a_request_refused_for_its_tokens_does_not_count_as_one() -> None:
    clock = Clock()
    limiter, caller = Limiter(clock), Caller("ci", key="1", requests_per_minute=1, tokens_per_day=1)
    limiter.consumed(caller, 1)
    assert "tokens" in str(limiter.allow(caller))
    clock.now += DAY
    assert limiter.allow(caller) is None


def test_a_limit_that_was_lowered_counts_at_once() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for _ in range(10):
        assert limiter.allow(Caller("ci", key="1", requests_per_minute=10)) is None
        clock.now += 1
    wait = refused(limiter.allow(Caller("ci", key="1", requests_per_minute=3)))[1]
    clock.now += wait
    assert limiter.allow(Caller("ci", key="1", requests_per_minute=3)) is None


@pytest.mark.parametrize("limit", [1, 3])
@given(gaps=st.lists(st.floats(0, 40), max_size=40))
@example(gaps=[1.1490053238234061, 0.0])
def test_in_no_span_of_a_minute_are_there_more(limit: int, gaps: list[float]) -> None:
    clock = Clock()
    limiter, caller = Limiter(clock), Caller("ci", key="1", requests_per_minute=limit)
    times = []
    for gap in gaps:
        clock.now += gap
        answer = limiter.allow(caller)
        if answer is None:
            times.append(clock.now)
        else:
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert all(late - early >= 60 for early, late in zip(times, times[limit:], strict=False))
