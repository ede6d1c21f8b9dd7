"""Is a draft told by the words it rests on, also where another database gives their numbers to other words?"""

from __future__ import annotations

import pytest

from rung.dataset.proposals import Comment, Rows, propose
from rung.dataset.review_log import basis_of
from rung.erasure.target import FORGOTTEN
from rung.records import Json


def drafted(*comments: Comment, is_old: bool = False) -> dict[str, Json]:
    (one,) = propose(comments, Rows(judging=1)).proposals
    row = one.row()
    meta = row["meta"]
    assert isinstance(meta, dict)
    return {**row, "meta": {name: value for name, value in meta.items() if not (is_old and name.endswith("_at"))}}


def said(number: int, question: str = "When is it open?", *, at: int = 7, asker: tuple[str, ...] | None = None) -> Comment:
    return Comment(question, "no", False, number=number, at=at, asker=asker)


def is_part(row: dict[str, Json], decided: dict[str, Json]) -> bool:
    return basis_of(row).is_part_of(basis_of(decided))


@pytest.mark.parametrize("is_old", [False, True])
def test_numbers_of_another_database_are_other_words(is_old: bool) -> None:
    decided = drafted(said(1), said(2), is_old=is_old)
    assert is_part(drafted(said(1)), decided)
    assert not is_part(drafted(said(1, "What does the kettle cost?", at=99)), decided)
    assert not is_part(drafted(said(1, at=99, asker=("board",))), decided)
    assert not is_part(drafted(said(3)), decided)
    assert is_part(drafted(said(1, at=99)), decided) == is_old, "without its time, the question tells"


def test_forgotten_words_leave_what_a_draft_rests_on() -> None:
    decided = drafted(said(1, "When is it open, please?"), said(2))
    decided |= {"question": FORGOTTEN, "meta": {**decided["meta"], "asked_as": [FORGOTTEN]}}  # type: ignore[dict-item]
    assert is_part(drafted(said(2)), decided)


def test_what_rests_on_no_feedback_is_part_of_nothing() -> None:
    nothing = basis_of({"question": "?", "meta": {"feedback": "x", "feedback_at": [1]}})
    assert (nothing.numbers, nothing.marks) == (frozenset(), frozenset())
    assert not nothing.is_part_of(nothing)
