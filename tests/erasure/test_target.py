"""What holds a text is known whatever its case, form and line breaks; what merely resembles it is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.erasure.target import FORGOTTEN, Target, exact, folded, quotable
from rung.records import Json

ANN = Target("text", "Ann Smith", (folded("Ann Smith"),))


@pytest.mark.parametrize(
    "text", ["Ann Smith", "by ANN\n   smith, today", "Ａｎｎ Smith", "ann smith", "x-Ann Smithson", "Ann\u00a0Smith"]
)
def test_a_text_is_held_whatever_its_form(text: str) -> None:
    assert ANN.holds(text)


@pytest.mark.parametrize("text", ["Ann and Smith", "Anna Smith", "AnnSmith", ""])
def test_what_resembles_it_is_not_it(text: str) -> None:
    assert not ANN.holds(text)


def test_values_are_replaced_whole_and_others_stay() -> None:
    value: Json = {"a": ["Ann Smith lives", 3, None], "Ann Smith": {"b": "x"}}
    assert ANN.is_in(value)
    assert ANN.without(value) == {"a": [FORGOTTEN, 3, None], FORGOTTEN: {"b": "x"}}
    assert not ANN.is_in(ANN.without(value))


def test_ids_are_named_with_their_passages_and_shadows() -> None:
    target = Target("document", "docs/a.md", documents=frozenset({"docs/a.md"}), answers=frozenset({"f" * 32}))
    assert all(map(target.names, ("docs/a.md", "docs/a.md#0-10", "f" * 32, f"{'f' * 32}:shadow")))
    assert not any(map(target.names, ("docs/a.mdx", "docs/a", "docs/a.md.bak")))


def test_only_long_sentences_are_quotations() -> None:
    text = "Yes. Express shipping costs nine euros and takes one day.\nOk."
    assert quotable([text, text]) == ("express shipping costs nine euros and takes one day.",)


def test_short_questions_are_looked_for_where_they_stand_alone() -> None:
    target = Target("row", "c1", exact=exact(["Who is Ann?", "Yes.", "No, no", "Kettles", "x" * 12 + " " + "y" * 12]))
    assert target.exact == {"who is ann?", "no, no"}
    assert target.is_in([{"content": "WHO is\nAnn?"}])
    assert not any(map(target.holds, ("Who is Ann? She called.", "Who is Ann", "Yes.", "Kettles")))
    assert target.without(["Who is Ann?", "Tell me: Who is Ann?"]) == [FORGOTTEN, "Tell me: Who is Ann?"]
    other = replace(target, kind="answer")
    assert not other.of_nobody_else.holds("Who is Ann?")


def test_nothing_holds_an_empty_target() -> None:
    assert not Target("answer", "x").holds("anything")
