"""A TREC run that any tool reads in the order it was written in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rung.exporters.trec import run_lines
from rung.records import Passage


def run(scores: list[float]) -> list[str]:
    """The scores as they are written."""
    ranking = [Passage(str(n), str(n), 0, 1, "x", score=score) for n, score in enumerate(sorted(scores, reverse=True))]
    return [line.split()[4] for line in run_lines("q", ranking)]


@given(st.lists(st.floats(-40, 40), max_size=30), st.integers(1, 4))
def test_no_two_neighbouring_lines_print_the_same_score(scores: list[float], times: int) -> None:
    written = run(scores * times)
    assert all(float(one) > float(next_) for one, next_ in pairwise(written))


def test_scores_are_written_as_they_are_where_they_differ() -> None:
    assert run([2.5, 0.25, -1.125]) == ["2.500000", "0.250000", "-1.125000"]
    assert run([0.0, 0.0, 0.0]) == ["0.000000", "-0.000001", "-0.000002"]
    # halves of the last digit: written with six digits, a float less one millionth may round to the same
    assert run([0.0000005, 0.0000005]) == ["0.000000", "-0.000001"]
