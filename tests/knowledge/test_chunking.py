"""Are passages spans of their document, of the right size, and is nothing lost between them?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.knowledge.chunking.passages import HEADER_TOKENS, Chunking, passages, row, whole
from rung.records import Document, Json, Passage
from rung.testing.knowledge import HashedWords

COUNT = HashedWords().count_tokens
pieces = st.sampled_from(
    ["# A\n", "## B c\n\n", "word ", "Satz eins. ", "漢字", "😀", "é", "\r\n", "\n\n", "- item\n",
     "| a | b |\n|---|---|\n| 1 | 2 |\n",
     "```\ncode\n", "```\n", "def f(x):\n", "    return 1\n", "class A {\n", "}\n", "1. one\n", "  - two\n",
     "   ", "\u2028", "\x00", "a" * 60, "\ufeff", "***\n", "> q\n", "e\u0301", "👩‍👩‍👧", "---\n"]
)  # fmt: skip
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.lists(pieces, max_size=60).map("".join)
)


def cut(document: Document, tokens: int = 16, overlap: int = 3) -> tuple[Passage, ...]:
    return passages(document, chunking=Chunking(tokens, overlap), count=COUNT, max_tokens=256)


@given(
    text=texts,
    source=st.sampled_from(["a.md", "a.txt", "a.py", "a.java", "a.zig"]),
    tokens=st.integers(8, 40),
    start=st.integers(0, 50),
    parent=st.sampled_from([0, 80, 200]),
)
def test_a_passage_is_a_span_and_no_word_is_lost(text: str, source: str, tokens: int, start: int, parent: int) -> None:
    meta: dict[str, Json] = {"body_start": start, "language": "zig"} if source == "a.zig" else {"body_start": start}
    document = Document("d", text, "T", meta=meta, source=source)
    start = start if start <= len(text) else 0
    found = passages(document, chunking=Chunking(tokens, 3, parent), count=COUNT, max_tokens=256)
    covered = set()
    for passage in found:
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.id == f"d#{passage.start}-{passage.end}"
        assert passage.text
        assert passage.text.strip() == passage.text
        assert passage.start >= start
        assert passage.line == text.count("\n", 0, passage.start) + 1
        assert (passage.parent is not None) == bool(parent)
        if passage.parent:
            assert passage.parent[0] <= passage.start < passage.end <= passage.parent[1]
        assert COUNT([passage.text])[0] <= tokens or len(passage.text.split()) == 1
        covered |= set(range(passage.start, passage.end))
    assert {i for i in range(start, len(text)) if not text[i].isspace()} <= covered
    assert [p.start for p in found] == sorted(p.start for p in found)
    assert len({p.id for p in found}) == len(found)
    assert whole(document).text == text[start:].strip()


def test_a_passage_knows_its_line_and_its_page() -> None:
    text = "One.\n\nTwo two two two.\n\fThree three three.\nFour four four four."
    pages: list[Json] = [0, text.index("\f") + 1]
    found = cut(Document("d", text, meta={"pages": pages}), 8, 0)
    assert [p.line for p in found] == [text.count("\n", 0, p.start) + 1 for p in found]
    assert [p.page for p in found] == [1 if p.start < pages[1] else 2 for p in found]  # type: ignore[operator]
    assert {p.page for p in found} == {1, 2}
    assert whole(Document("d", "---\na: 1\n---\nText", meta={"body_start": 13})).line == 4
    assert {p.page for p in cut(Document("d", text))} == {0}


def test_sizes_and_overlap() -> None:
    text = " ".join(f"Sentence number {n} says a little." for n in range(200))
    found = cut(Document("d", text), 40, 10)
    assert all(COUNT([p.text])[0] <= 40 for p in found)
    assert sum(COUNT([p.text])[0] for p in found) / len(found) > 25
    assert all(b.start < a.end for a, b in pairwise(found))
    assert all(COUNT([text[b.start : a.end]])[0] <= 10 for a, b in pairwise(found))
    apart = cut(Document("d", text), 40, 0)
    assert all(a.end <= b.start for a, b in pairwise(apart))


def test_headings_are_borders_and_become_titles() -> None:
    text = (
        "---\nx: 1\n---\n# Shop\n\n" + "Welcome to the shop. " * 6 + "\n\n## Returns\n\n" + "Thirty days are given. " * 6
        + "\n\n### Costs\n\n" + "The buyer pays for it. " * 6 + "\n\n## Shipping\n\n" + "We ship to Norway. " * 6
    )  # fmt: skip
    found = cut(Document("d", text, "Shop", meta={"body_start": text.index("# Shop")}, source="d.md"), 40, 0)
    titles = list(dict.fromkeys(p.title for p in found))
    assert titles == ["Shop", "Shop › Returns", "Shop › Returns › Costs", "Shop › Shipping"]
    assert not any("Thirty" in p.text and "Norway" in p.text for p in found)
    assert all(p.text.replace("#", "").strip() not in ("Shop", "Returns", "Costs", "Shipping") for p in found)
    assert "x: 1" not in "".join(p.text for p in found)


def test_a_heading_alone_goes_with_what_follows() -> None:
    text = "# Top\n\n## Long section\n\n" + "one two three four five six. " * 8
    found = cut(Document("d", text, "Doc", source="d.md"), 16, 0)
    assert found[0].text.startswith("# Top")
    assert "one two" in found[0].text


def test_the_header_is_embedded_but_no_part_of_the_span() -> None:
    passage = Passage("d#0-4", "d", 0, 4, "text", title="Shop › Returns")
    made = row(passage, count=COUNT)
    assert made.passage is passage
    assert made.indexed == "Shop › Returns\n\ntext"
    assert row(Passage("d#0-4", "d", 0, 4, "text"), count=COUNT).indexed == "text"
    assert row(Passage("e#5-9", "e", 5, 9, "text", title="Shop › Returns"), count=COUNT).key == made.key
    long = row(Passage("d#0-4", "d", 0, 4, "text", title=" ".join(f"w{n}" for n in range(999))), count=COUNT)
    header = long.indexed.split("\n\n")[0]
    assert COUNT([header])[0] <= HEADER_TOKENS
    assert header.endswith("w998")


def test_a_passage_with_its_header_fits_the_embedder() -> None:
    assert Chunking().capacity(256) == 160
    assert Chunking(400, 40).capacity(256) + HEADER_TOKENS + 2 == 256
    assert Chunking().capacity(4) == 8


def test_a_long_document_takes_time_in_proportion() -> None:
    counted = 0

    def count(texts: object) -> list[int]:
        nonlocal counted
        said = [str(t) for t in texts]  # type: ignore[attr-defined]
        counted += sum(map(len, said))
        return COUNT(said)

    text = " ".join(f"word{n}" for n in range(40_000))
    found = passages(Document("d", text), chunking=Chunking(100, 10), count=count, max_tokens=256)
    assert len(found) > 300
    assert counted < 3 * len(text)


TABLE = "| place | price |\n|---|---|\n" + "".join(f"| town{n} | {n} EUR |\n" for n in range(9))
LIST = "- one thing to know\n- another thing\n  - with a detail of it\n- and a third one\n"
CODE = "```python\nfor n in range(9):\n    print(n)\n\nprint('done')\n```\n"


@pytest.mark.parametrize("block", [TABLE, LIST, CODE], ids=["table", "list", "code"])
@pytest.mark.parametrize("overlap", [0, 20])
@pytest.mark.parametrize("before", range(1, 14))
def test_what_fits_is_kept_whole(block: str, overlap: int, before: int) -> None:
    text = (
        "# Doc\n\n" + "Some words stand before it. " * before + "\n\n## Part\n\n" + block + "\n" + "And some after it. " * 9
    )
    found = cut(Document("d", text, source="d.md"), COUNT([block])[0] + 4, min(overlap, COUNT([block])[0] // 2))
    holding = [p for p in found if block.strip() in p.text]
    assert len(holding) == 1
    assert holding[0].text.startswith("## Part") or "## Part" not in text[: holding[0].start].splitlines()[-1:]


def test_a_table_that_must_be_cut_carries_its_head_row_in_the_header() -> None:
    text = "# Prices\n\n" + TABLE
    found = cut(Document("d", text, "Prices", source="d.md"), 40, 0)
    assert len(found) > 1
    assert all(p.text.count("\n") == 0 or p.text.splitlines()[-1].endswith("|") for p in found)
    assert found[0].title == "Prices"
    assert {p.title for p in found[1:]} == {"Prices › place | price"}
    assert all("place | price" in row(p, count=COUNT).indexed for p in found)
    assert all(text[p.start : p.end] == p.text and "price" not in p.text for p in found[1:])


def test_a_list_is_cut_between_its_items() -> None:
    text = "".join(f"- item {n} has some words\n  that go on\n" for n in range(12))
    assert all(
        p.text.startswith("- item") and p.text.endswith("go on") for p in cut(Document("d", text, source="d.md"), 40, 0)
    )


def test_prose_is_cut_between_sentences_and_not_at_abbreviations() -> None:
    text = "Dr. Smith of St. Ives met Mr. Jones on Jan. 5 in the U.S. of A. and e.g. gave him 3.5 apples. " * 8
    found = cut(Document("d", text), 48, 0)
    assert len(found) > 2
    assert all(p.text.startswith("Dr.") and p.text.endswith("apples.") for p in found)


def test_a_passage_of_two_sections_has_the_title_that_they_share() -> None:
    text = "# Shop\n\n## Returns\n\nThirty days.\n\n## Shipping\n\nNine euros.\n"
    assert [p.title for p in cut(Document("d", text, "Shop", source="d.md"), 40, 0)] == ["Shop"]


def test_parents_hold_whole_passages_and_part_the_document() -> None:
    text = "".join(f"## Part {n}\n\n" + f"Sentence of part {n} says a little. " * 9 + "\n\n" for n in range(6))
    found = passages(Document("d", text, source="d.md"), chunking=Chunking(24, 4, 80), count=COUNT, max_tokens=256)
    parents = list(dict.fromkeys(p.parent for p in found if p.parent))
    assert len(found) > 2 * len(parents) >= 12
    assert all(a[1] <= b[0] for a, b in pairwise(parents))
    assert all(COUNT([text[a:b]])[0] <= 80 for a, b in parents)
    assert all(text[a:b].startswith("## Part") for a, b in parents)


def test_a_text_is_tokenized_about_once() -> None:
    counted: list[str] = []

    def count(texts: Sequence[str]) -> list[int]:
        counted.extend(texts)
        return COUNT(texts)

    text = "# A heading\n\n" + "Words in a row that go on for long. " * 500 + "\n\n" + TABLE
    passages(Document("d", text, source="d.md"), chunking=Chunking(), count=count, max_tokens=256)
    assert sum(map(len, counted)) <= 1.1 * len(text)


@pytest.mark.slow
def test_many_headings_take_time_in_proportion() -> None:
    text = "".join(f"## Heading {n}\n\nWords below it.\n\n" for n in range(20_000))
    began = process_time()
    found = cut(Document("d", text, source="d.md"), 40, 4)
    assert len(found) > 3_000
    assert process_time() - began < 10


@pytest.mark.parametrize(("tokens", "overlap", "parent"), [(7, 0, 0), (100, 51, 0), (100, -1, 0), (100, 0, 199)])
def test_settings_out_of_range(tokens: int, overlap: int, parent: int) -> None:
    with pytest.raises(UserError, match="chunk"):
        Chunking(tokens, overlap, parent)
