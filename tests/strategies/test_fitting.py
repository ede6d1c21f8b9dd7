"""Do passages that surely go over stay out of a prompt, and only those?"""

from __future__ import annotations

from collections.abc import Sequence

from rung.records import Message, Passage
from rung.strategies.fitting import fitting

PASSAGES = tuple(Passage(f"p{n}", "d", 100 * n, 100 * n + 500, "word " * 100) for n in range(3))


def prompt(passages: Sequence[Passage]) -> tuple[Message, ...]:
    return (Message("system", "s" * 100), Message("user", "".join(p.text for p in passages)))


def test_what_may_fit_is_left_alone() -> None:
    assert fitting(PASSAGES, prompt, tokens=320) == PASSAGES


def test_the_last_go_first() -> None:
    assert fitting(PASSAGES, prompt, tokens=319) == PASSAGES[:2]
    assert fitting(PASSAGES, prompt, tokens=120) == PASSAGES[:1]


def test_the_first_is_cut_where_not_even_it_fits() -> None:
    (cut,) = fitting(PASSAGES, prompt, tokens=60)
    assert PASSAGES[0].text.startswith(cut.text)
    assert cut.end - cut.start == len(cut.text)
    assert sum(len(m.content) for m in prompt([cut])) <= 300
    (least,) = fitting(PASSAGES, prompt, tokens=-50)
    assert 0 < len(least.text) <= 80
    assert fitting((), prompt, tokens=1) == ()
