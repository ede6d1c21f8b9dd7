"""Who enters the batch when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rung.models.admission import Queue
from rung.models.jobs import Job
from rung.records.steps import Generate


def job(index: int, ids: list[int]) -> Job:
    return Job(index, Generate(()), ids)


def test_one_reads_a_shared_beginning_before_the_others_enter() -> None:
    shared, other = [1] * 200, [2] * 200
    queue = Queue([job(0, [*shared, 5]), job(1, [*other, 5]), job(2, [*shared, 6]), job(3, [*shared, 7])], at_once=8)
    first = {entered.index for entered in queue.admit()}
    assert first == {0, 1}, "one of those that share, and the one that shares nothing"
    assert list(queue.admit()) == [], "until the beginning was computed"
    next(entered for entered in queue.running if entered.index == 0).generated.append(9)
    assert {entered.index for entered in queue.admit()} == {2, 3}


def test_short_beginnings_are_not_waited_for() -> None:
    queue = Queue([job(n, [1] * 40 + [n] * 10) for n in range(5)], at_once=8)
    assert len(list(queue.admit())) == 5


def test_no_more_than_fit_enter() -> None:
    queue = Queue([job(n, [n] * 10) for n in range(5)], at_once=2)
    entered = list(queue.admit())
    assert len(entered) == 2
    queue.ended(entered[0])
    assert len(list(queue.admit())) == 1


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=300), max_size=30), st.integers(1, 5))
def test_everybody_gets_in_once(prompts: list[list[int]], at_once: int) -> None:
    queue = Queue([job(n, ids * 3) for n, ids in enumerate(prompts)], at_once=at_once)
    entered: list[int] = []
    for _ in range(3 * len(prompts) + 1):
        entered += [one.index for one in queue.admit()]
        assert len(queue.running) <= at_once
        for one in list(queue.running):
            if one.generated:
                one.ended = True
                queue.ended(one)
            else:
                one.generated.append(1)
    assert sorted(entered) == list(range(len(prompts)))
    assert queue.is_empty
