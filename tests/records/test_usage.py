"""What several steps, or answers, consumed together."""

from __future__ import annotations

import pytest

from rung.records import Usage

ONE = Usage(100, 10, 1, 0.25, 1, 40, 1)
OTHER = Usage(7, 3, 2, 0.5, 0, 2, 0)


def test_every_count_is_added() -> None:
    assert Usage(107, 13, 3, 0.75, 1, 42, 1) == ONE + OTHER
    assert sum([ONE, OTHER, ONE], Usage()) == Usage(207, 23, 4, 1.0, 2, 82, 2)


@pytest.mark.parametrize("unpriced", [Usage(5, 5, 1), Usage(steps=1), Usage(completion_tokens=1)])
def test_a_part_without_a_price_makes_the_whole_price_unknown(unpriced: Usage) -> None:
    assert (ONE + unpriced).usd is None
    assert (unpriced + ONE).usd is None
    assert sum([unpriced, ONE], Usage(usd=0.0)).usd is None


def test_what_consumed_nothing_has_no_price_to_lack() -> None:
    assert ONE + Usage() == Usage() + ONE == ONE
    assert Usage(usd=0.0) + ONE == ONE
    assert sum([Usage(), Usage()], Usage(usd=0.0)) == Usage(usd=0.0)
