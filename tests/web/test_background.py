"""What takes long is computed once for each state of its files; what went wrong is told, and tried again."""

from __future__ import annotations

import threading

import pytest

from rung.errors import UserError
from rung.serving.answering import DEFECT
from rung.web.background import Background, Underway


def test_it_is_computed_once_for_each_state_and_the_last_ones_are_retained() -> None:
    work, computed = Background[str](2), list[str]()

    def get(key: str, stamp: int) -> str | Underway:
        return work.get(key, stamp, lambda _tell: computed.append(f"{key}{stamp}") or f"{key}{stamp}")  # type: ignore[func-returns-value]

    assert [get("a", 1), get("a", 1), get("a", 2), get("b", 1), get("c", 1), get("b", 1)] == [
        "a1",
        "a1",
        "a2",
        "b1",
        "c1",
        "b1",
    ]
    assert computed == ["a1", "a2", "b1", "c1"]
    assert get("a", 2) == "a2"  # two others were asked for meanwhile
    assert computed[4:] == ["a2"]


def test_who_asks_meanwhile_is_told_how_far_it_is() -> None:
    work, told, go_on = Background[int](1), threading.Event(), threading.Event()

    def slow(tell: object) -> int:
        assert callable(tell)
        tell(0.4)
        told.set()
        go_on.wait(10)
        return 7

    first = work.get("a", 1, slow)
    assert told.wait(10)
    second = work.get("a", 1, slow)
    assert isinstance(first, Underway)
    assert second is first
    assert first.share == pytest.approx(0.4)
    assert work.look("a", 2) is None
    go_on.set()
    assert first.ended.wait(10)
    assert work.get("a", 1, slow) == 7
    assert work.look("a", 1) == 7


@pytest.mark.parametrize(("error", "words"), [(UserError("mend it"), "mend it"), (ValueError("x"), DEFECT)])
def test_what_went_wrong_is_told_and_tried_again(error: Exception, words: str) -> None:
    work = Background[int](1)

    def broken(_tell: object) -> int:
        raise error

    for _ in range(2):
        with pytest.raises(UserError, match=words):
            work.get("a", 1, broken)
    assert work.get("a", 1, lambda _tell: 3) == 3
