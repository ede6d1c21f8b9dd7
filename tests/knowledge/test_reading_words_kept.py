"""Is every word and number of an Office file in its text? Held against what its XML holds, for files of several programs."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from tests.knowledge import making, office_made
from tests.knowledge.test_reading_workbooks import read_all

OFFICE = Path(__file__).parent / "office"
WORDS = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
PARTS = {
    ".docx": re.compile(r"word/(?:document|footnotes|endnotes|comments|header\d|footer\d)\.xml"),
    ".pptx": re.compile(r"ppt/(?:slides/slide|notesSlides/notesSlide|charts/chart)\d+\.xml"),
}
FILES = {path.name: path.read_bytes() for path in sorted(OFFICE.iterdir()) if path.suffix in PARTS}
FILES |= {"python-docx.docx": making.docx(), "python-pptx.pptx": making.pptx(), "deck-python.pptx": office_made.deck()}
UNSEEN = {  # hidden by the rule, numbers of slides, and shares that are shown as percentages
    "inline.docx": {"hidden": 1, "note": 1},
    "letter.docx": {"concealed": 1, "words": 1},
    "deck-python.pptx": {"0.4": 1, "0.6": 1, "0.5": 1},
}


def words_of(data: bytes, suffix: str) -> Counter[str]:
    """The words in the XML of a file: all text nodes, but for those that no person sees."""
    texts: list[str] = []
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for name in filter(PARTS[suffix].fullmatch, archive.namelist()):
            texts += _texts(ElementTree.fromstring(archive.read(name)))
    found = Counter(WORDS.findall("".join(texts).replace("\u00ad", "")))
    return Counter(set(found)) if suffix == ".pptx" else found  # a chart says its categories with each series


def _texts(element: Element) -> Iterator[str]:
    tag = element.tag.rpartition("}")[2]
    if tag in ("instrText", "delText", "AlternateContent", "fld") or element.get("show") == "0":
        return
    if tag in ("t", "v"):
        yield element.text or ""
    if tag in ("p", "tc", "br", "cr", "tab", "v", "vertAlign", "noBreakHyphen") or "baseline" in element.attrib:
        yield " "
    for child in element:
        yield from _texts(child)


@pytest.mark.parametrize("name", FILES)
def test_no_word_of_a_document_is_lost(name: str) -> None:
    text, _, _ = read_all(name, FILES[name])
    wanted = words_of(FILES[name], Path(name).suffix)
    assert sum(wanted.values()) > 5
    assert dict(wanted - Counter(WORDS.findall(text))) == UNSEEN.get(name, {})


def test_a_workbook_says_the_same_whoever_saved_it() -> None:
    text, said, dropped = read_all("rates.xlsx", office_made.rates())
    assert text == (
        "## Rates\n\n### Rates of the north, 2026\n\n"
        "| Depot | Article | Price Net | Price Gross | Since | Share |\n| --- | --- | --- | --- | --- | --- |\n"
        "| Harbour | Rope | 1,234.50 EUR | 1,469.06 | 05.03.2024 | 25.6% |\n"
        "| Harbour | Hook [Comment: checked twice] | 7.25 EUR | 8.63 | 30.11.2025 | 4.0% |\n"
        "| Hill | Tarp | 99.00 EUR | 117.81 | 02.01.2026 | 70.4% |\n\n"
        "## Times\n\n| Shift | Length | Code | Open |\n| --- | --- | --- | --- |\n"
        "| Night | 30:05 | 00042 | TRUE |\n| Day | 7:30 | 00007 | FALSE |\n"
    )
    assert said == []
    assert dropped == {"hidden rows": 1, "hidden sheets": 1}
    for other in ("rates.xlsx", "rates.xls", "rates.ods"):
        assert read_all(other, (OFFICE / other).read_bytes()) == (text, said, dropped)


def test_documents_of_other_programs() -> None:
    text, said, dropped = read_all("letter.docx", (OFFICE / "letter.docx").read_bytes())
    assert said == []
    assert dropped == {"hidden pieces of text": 1}
    for wanted in (
        "# 1 Terms\n\nThe loan is 5 x 10^4 euro at m^2 of CO2 [1] here.\n\n[1] Without interest of 2027.\n\n## 1.1 Rep",
        "Due on 5/4/26, page .\nNext\tline ~~40~~ 55\n\n- a) monthly\n- b) or 12 times",
        "| Depot | 2026 in | 2026 out |\n| --- | --- | --- |\n| North | 5.5 | 6 |\n| North | 7 | 1,200 |",
        "[Comment by Ada: Is it so?]",
    ):
        assert wanted in text
    text, said, dropped = read_all("guide.docx", (OFFICE / "guide.docx").read_bytes())
    assert (said, dropped) == ([], {})
    assert "# 1 Scope\n\nThe tank holds 3 × 10^6 litres of H2O. [1] The area is A=(12x^2)/(y_1) in all." in text
    assert "## 1.1 Deposits\n\n1. First item\n2. Second item, ~~30~~ 35 euro\n  - a. nested one\n  - b. nested two" in text
    assert "[our site](https://example.org/yard)" in text


def test_presentations_of_other_programs() -> None:
    text, said, dropped = read_all("stock.pptx", (OFFICE / "stock.pptx").read_bytes())
    assert (said, dropped) == ([], {})
    assert "## Stock\n\n- Rope: 40 pieces\n- Hook: 12 m^2\n\nNotes: Say that the tarp is late." in text
    assert "| Article | Price |\n| --- | --- |\n| Rope | 9.50 |\n| Tarp | 1,200 |" in text
    text, said, dropped = read_all("deck.pptx", (OFFICE / "deck.pptx").read_bytes())
    assert (said, dropped) == ([], {"hidden slides": 1})
    assert text.split("\n\nChart")[0] == read_all("a.pptx", office_made.deck())[0].split("\n\nChart")[0]
