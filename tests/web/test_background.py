"""What takes long is computed once for each state of its files; what went wrong is told, and tried again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.serving.answering import DEFECT
from rung.web import background
from rung.web.background import Background, Threads, Underway
from rung.web.by_stamp import ByStamp


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
    go_on.set()
    assert first.ended.wait(10)
    assert work.get("a", 1, slow) == 7


@pytest.mark.parametrize(("error", "words"), [(UserError("mend it"), "mend it"), (ValueError("x"), DEFECT)])
def test_what_went_wrong_is_told_and_tried_again(error: Exception, words: str) -> None:
    work = Background[int](1)

    def broken(_tell: object) -> int:
        raise error

    for _ in range(2):
        with pytest.raises(UserError, match=words):
            work.get("a", 1, broken)
    assert work.get("a", 1, lambda _tell: 3) == 3


def ended(underway: object) -> Underway:
    """Work that was underway, when it is over."""
    assert isinstance(underway, Underway)
    assert underway.ended.wait(10)
    return underway


def test_many_at_once_wait_for_their_turn() -> None:
    work, go_on, running = Background[int](9, threads=Threads(2)), threading.Event(), set[int]()
    most = list[int]()

    def get(key: int) -> int | Underway:
        def slow(_tell: object) -> int:
            running.add(key)
            most.append(len(running))
            go_on.wait(10)
            running.discard(key)
            return key

        return work.get(key, 1, slow)

    with ThreadPoolExecutor(6) as pool:
        first = list(pool.map(get, range(6)))
    assert sum(one.begun for one in first if isinstance(one, Underway)) == 2
    go_on.set()
    for one in first:
        ended(one)
    assert [get(key) for key in range(6)] == [*range(6)]
    assert len(most) == 6
    assert max(most) == 2


def test_what_nobody_asks_for_any_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    work, go_on, made = Background[int](9, threads=Threads(1)), threading.Event(), list[str]()
    monkeypatch.setattr(background, "PATIENCE", 0.01)
    first = work.get("a", 1, lambda _tell: 1 if go_on.wait(10) else 0)
    second = work.get("b", 1, lambda _tell: made.append("b") or 2)  # type: ignore[func-returns-value]
    assert isinstance(second, Underway)
    second.asked = time.monotonic() - background.FORGOTTEN - 1
    go_on.set()
    ended(first)
    ended(second)
    assert made == []
    monkeypatch.undo()
    assert work.get("b", 1, lambda _tell: 3) == 3


def test_a_state_that_is_over_takes_no_newer_ones_place(monkeypatch: pytest.MonkeyPatch) -> None:
    work, go_on = Background[str](2, threads=Threads(2)), threading.Event()
    monkeypatch.setattr(background, "PATIENCE", 0.01)
    old = work.get("a", 1, lambda _tell: "old" if go_on.wait(10) else "")
    newer = work.get("a", 2, lambda _tell: "new")
    assert newer == "new" or ended(newer)
    go_on.set()
    ended(old)
    assert work.get("a", 2, lambda _tell: "again") == "new"


def test_who_asks_for_a_value_while_it_is_made_waits_for_it(tmp_path: Path) -> None:
    values, made = ByStamp[int](), list[int]()

    def make() -> int:
        made.append(1)
        time.sleep(0.1)
        return len(made)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: values.get("a", [tmp_path / "none"], make), range(8))) == [1] * 8
    (tmp_path / "none").write_text("x", "utf-8")
    assert values.get("a", [tmp_path / "none"], make) == 2


def test_a_value_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    values = ByStamp[int]()

    def broken() -> int:
        raise UserError("mend it")

    for _ in range(2):
        with pytest.raises(UserError, match="mend it"):
            values.get("a", [tmp_path], broken)
    assert values.get("a", [tmp_path], lambda: 3) == 3
