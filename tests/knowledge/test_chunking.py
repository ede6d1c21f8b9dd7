"""Are passages spans of their document, of the right size, and is nothing lost between them?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.knowledge.chunking import HEADER_TOKENS, Chunking, passages, row, whole
from rung.records import Document, Json, Passage
from rung.testing.knowledge import HashedWords

COUNT = HashedWords().count_tokens
pieces = st.sampled_from(
    ["# A\n", "## B c\n\n", "word ", "Satz eins. ", "漢字", "😀", "é", "\r\n", "\n\n", "- item\n",
     "| a | b |\n|---|---|\n| 1 | 2 |\n",
     "```\ncode\n", "```\n", "   ", "\u2028", "\x00", "a" * 60, "\ufeff", "***\n", "> q\n", "e\u0301", "👩‍👩‍👧", "---\n"]
)  # fmt: skip
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.lists(pieces, max_size=60).map("".join)
)


def cut(document: Document, tokens: int = 16, overlap: int = 3) -> tuple[Passage, ...]:
    return passages(document, chunking=Chunking(tokens, overlap), count=COUNT, max_tokens=256)


@given(text=texts, source=st.sampled_from(["a.md", "a.txt"]), tokens=st.integers(8, 40), start=st.integers(0, 50))
def test_a_passage_is_a_span_and_no_word_is_lost(text: str, source: str, tokens: int, start: int) -> None:
    document = Document("d", text, "T", meta={"body_start": start}, source=source)
    start = start if start <= len(text) else 0
    found = cut(document, tokens)
    covered = set()
    for passage in found:
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.id == f"d#{passage.start}-{passage.end}"
        assert passage.text
        assert passage.text.strip() == passage.text
        assert passage.start >= start
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
    assert counted < 100 * len(text)


@pytest.mark.parametrize(("tokens", "overlap"), [(7, 0), (100, 51), (100, -1)])
def test_settings_out_of_range(tokens: int, overlap: int) -> None:
    with pytest.raises(UserError, match="chunking"):
        Chunking(tokens, overlap)
