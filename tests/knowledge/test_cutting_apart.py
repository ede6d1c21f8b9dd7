"""Are documents that are cut in processes cut as here, in order, whatever becomes of the processes?"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from rung.knowledge.chunking.apart import CutApart, Cutting
from rung.knowledge.chunking.passages import Chunking
from rung.records import Document

if TYPE_CHECKING:
    from rung.models.embedding import Kind
    from rung.models.protocol import Vectors


class Words:
    """Counts words, and may be pickled."""

    def count(self, texts: Sequence[str]) -> list[int]:
        return [2 + len(re.findall(r"\S+", text)) for text in texts]


class Deadly(Words):
    """Ends the process in which it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        import os

        return os._exit, (1,)


class Embedder:
    """Embeds nothing here."""

    identity, dimensions, max_tokens = "words", 8, 256

    def __init__(self, counter: Words | None) -> None:
        if counter is not None:
            self.counter = counter

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return Words().count(texts)

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        raise NotImplementedError


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """More than is cut where it is asked for; one of them longer than what travels."""
    drawn = random.Random(5)
    words = [f"word{n}" for n in range(500)]

    def text(count: int) -> str:
        return "# Title\n\n" + "\n\n".join(" ".join(drawn.choices(words, k=60)) + "." for _ in range(count))

    made = [Document(f"d{n}.md", text(20)) for n in range(420)]
    return [*made[:400], Document("long.md", text(5_000)), Document("empty.md", " \n"), *made[400:]]


def cutting(counter: Words | None = None) -> Cutting:
    return Cutting(Embedder(counter), Chunking(60, 8, parent_tokens=150), 120)


@pytest.mark.slow
def test_in_processes_as_here_and_in_order(documents: list[Document]) -> None:
    one = cutting(Words())
    with CutApart(one, count=2) as apart:
        got = list(apart.each(documents))
        assert apart._workers is not None, "they were many"
    assert [document.id for document, _ in got] == [document.id for document in documents]
    assert [rows for _, rows in got] == [one.rows(document) for document in documents]


@pytest.mark.slow
def test_what_a_lost_process_had_is_cut_here(documents: list[Document]) -> None:
    one = cutting(Deadly())
    with CutApart(one, count=2) as apart:
        got = list(apart.each(documents[:420]))
    assert [rows for _, rows in got] == [one.rows(document) for document in documents[:420]]


@pytest.mark.slow
def test_an_embedder_that_others_cannot_count_as_is_asked_here(documents: list[Document]) -> None:
    with CutApart(cutting(), count=2) as apart:
        assert len(list(apart.each(documents))) == len(documents)
        assert apart._workers is None


def test_a_few_are_cut_without_a_process() -> None:
    few = [Document(f"d{n}", "One sentence. Another one.") for n in range(3)]
    with CutApart(cutting(Words()), count=2) as apart:
        assert [rows[0].passage.text for _, rows in apart.each(few)] == ["One sentence. Another one."] * 3
        assert apart._workers is None
