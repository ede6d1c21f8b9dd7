"""Does each row of a table say what it is of, page after page; are raised text, headers and hyphens what a person reads?"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph, SimpleDocTemplate, Table

from rung.knowledge.chunking.passages import Chunking, passages
from rung.knowledge.readers.pdf_furniture import mend_hyphens
from rung.knowledge.readers.pdf_page import Box, Line, Part, Sheet
from tests.knowledge.reading import CASES, given, pages_of

STYLES = getSampleStyleSheet()
BODY, HEADING = STYLES["BodyText"], STYLES["Heading1"]
GRID = ("GRID", (0, 0), (-1, -1), 0.5, colors.black)
HEAD = ["Part", "Colour", "Price EUR"]
MARKDOWN_HEAD = "| Part | Colour | Price EUR |\n| --- | --- | --- |\n"
PROSE = "The parcels to the north of Europe are charged by weight, as agreed with the carrier. "


def parts(count: int) -> list[list[str]]:
    return [[f"P{n}", ("red", "blue", "green")[n % 3], str(100 + n)] for n in range(count)]


def pdf(story: list[object], on_page: Callable[[Canvas, object], None] | None = None) -> bytes:
    made = io.BytesIO()
    drawn = on_page or (lambda _canvas, _doc: None)
    SimpleDocTemplate(made, pagesize=A4).build([*story], onFirstPage=drawn, onLaterPages=drawn)
    return made.getvalue()


def raised(text: str) -> Paragraph:
    """A paragraph in which `^6^` is raised."""
    return Paragraph(re.sub(r"\^(\S+?)\^", r"<super>\1</super>", text), BODY)


def furniture(canvas: Canvas, _doc: object) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.drawString(72, 810, "ACME Corp - Confidential")
    canvas.drawString(290, 30, f"Page {canvas.getPageNumber()} of 4")


def read(data: bytes) -> list[str]:
    """The pages of a PDF that has nothing wrong with it."""
    documents, said, _ = given("a.pdf", data)
    assert said == []
    return pages_of(documents[0])


@pytest.mark.parametrize("name", ["parts.pdf", "parts_no_repeat.pdf"])
def test_the_head_of_the_first_page_is_that_of_the_second(name: str) -> None:
    first, second = read((CASES / name).read_bytes())
    assert MARKDOWN_HEAD + "| P0 | red | 100 |\n" in first
    assert second.startswith(MARKDOWN_HEAD + "| P35 | green | 135 |\n")
    assert second.count("Part") == 1


@pytest.mark.parametrize(
    ("style", "repeat", "title"),
    list(
        itertools.product(
            (
                [],
                [GRID],
                [GRID, ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"), ("BACKGROUND", (0, 0), (-1, 0), colors.grey)],
            ),
            (False, True),
            (False, True),
        )
    ),
)
def test_a_table_over_three_pages(style: list[tuple[object, ...]], repeat: bool, title: bool) -> None:
    rows = [["Price list of 2026", "", ""]] * title + [HEAD, *parts(90)]
    made = pdf(
        [Paragraph("Parts", HEADING), Table(rows, style=style, repeatRows=(1 + title) * repeat)],
        on_page=furniture,
    )
    pages = read(made)
    assert len(pages) == 3
    for page in pages:
        assert page.count(MARKDOWN_HEAD) == 1
    text = "\n".join(pages)
    assert all(f"| P{n} | {colour} | {100 + n} |" in text for n, (_, colour, _) in enumerate(parts(90)))
    assert not title or pages[0].index("Price list of 2026") < pages[0].index(MARKDOWN_HEAD)


@pytest.mark.parametrize("rows", [34, 35, 36, 37])
def test_rows_that_spill_onto_the_next_page(rows: int) -> None:
    pages = read(pdf([Paragraph("Parts", HEADING), Table([HEAD, *parts(rows)], style=[GRID]), Paragraph("The end.", BODY)]))
    text = "\n\n".join(pages)
    assert f"| P{rows - 1} |" in text
    assert text.count(MARKDOWN_HEAD) == len(pages) - (pages[-1] == "The end.")
    assert text.endswith("The end.")


def test_a_head_that_is_alone_at_the_foot_of_a_page() -> None:
    towns = [["Town", "People", "Area"], *([f"T{n}", str(n * 1000), str(n)] for n in range(20))]
    first, second = read(pdf([Paragraph("Parts", HEADING), Table([HEAD, *parts(34)]), Table(towns)]))
    assert "Town" not in first
    assert second.startswith("| Town | People | Area |\n| --- | --- | --- |\n| T0 | 0 | 0 |")


def test_another_table_on_the_next_page_keeps_its_own_head() -> None:
    other = Table(
        [["Town", "People", "Area"], ["Oslo", "700", "4"], ["Bari", "300", "1"], ["Lund", "90", "2"]], style=[GRID]
    )
    _, second = read(pdf([Table([HEAD, *parts(30)], style=[GRID]), PageBreak(), other]))
    assert second.startswith("| Town | People | Area |\n| --- | --- | --- |\n| Oslo | 700 | 4 |")


def test_a_passage_from_the_middle_of_the_table_is_under_its_head() -> None:
    documents, _, _ = given("a.pdf", (CASES / "parts_no_repeat.pdf").read_bytes())
    found = passages(documents[0], chunking=Chunking(), count=lambda texts: [len(t.split()) for t in texts], max_tokens=256)
    (of_50,) = [p for p in found if "| P50 |" in p.text]
    assert of_50.page == 2
    assert "Price EUR" in of_50.title + of_50.text


def test_merged_cells_and_heads_in_two_rows() -> None:
    cities = [["North", "Oslo", "1"], ["", "Bergen", "2"], ["South", "Rome", "3"], ["", "Bari", "4"]]
    spans = [("SPAN", (0, 1), (0, 2)), ("SPAN", (0, 3), (0, 4))]
    (page,) = read(pdf([Table([["Region", "City", "People"], *cities], style=[GRID, *spans])]))
    for row in ("North | Oslo | 1", "North | Bergen | 2", "South | Rome | 3", "South | Bari | 4"):
        assert f"| {row} |" in page
    prices = [["Part", "Price", "", "Stock"], ["", "net", "gross", ""], *([f"P{n}", "1", "2", "3"] for n in range(60))]
    over = [("SPAN", (1, 0), (2, 0)), ("SPAN", (0, 0), (0, 1)), ("SPAN", (3, 0), (3, 1))]
    for page in read(pdf([Table(prices, style=[GRID, *over], repeatRows=2)])):
        assert page.startswith("| Part | Price net | Price gross | Stock |\n| --- |")


def test_columns_that_are_close_together() -> None:
    rows = [HEAD, *parts(30)]
    tight = [("LEFTPADDING", (0, 0), (-1, -1), 3), ("RIGHTPADDING", (0, 0), (-1, -1), 2)]
    (page,) = read(pdf([Table(rows, style=tight), Paragraph("The end.", BODY)]))
    assert page.startswith(MARKDOWN_HEAD + "| P0 | red | 100 |\n| P1 | blue | 101 |")
    assert page.endswith("| P29 | green | 129 |\n\nThe end.")


def test_a_heading_between_two_tables_ends_the_first() -> None:
    towns = [["Town", "People"], ["Oslo", "700"], ["Bari", "300"], ["Lund", "90"]]
    story = [Table([HEAD, *parts(5)], hAlign="LEFT"), Paragraph("Towns", HEADING), Table(towns, hAlign="LEFT")]
    (page,) = read(pdf(story))
    assert (
        page.index("| P4 | blue | 104 |")
        < page.index("# Towns")
        < page.index("| Town | People |\n| --- | --- |\n| Oslo | 700 |")
    )


def test_prose_and_lists_are_no_tables() -> None:
    steps = [
        Paragraph(f"{n}. Turn the valve to the left and wait for {n} minutes before you go on.", BODY) for n in range(1, 6)
    ]
    (page,) = read(pdf([*[Paragraph(PROSE * 3, BODY)] * 3, *steps]))
    assert "|" not in page


def test_raised_and_lowered_text() -> None:
    story = [
        Paragraph("The tank holds 3 x 10<super>6</super> litres of H<sub>2</sub>O.", BODY),
        Paragraph(
            "The deposit is 25<super>1</super> euro, the leak rate 10<super>-9</super>, x<sub>12</sub> a symbol.", BODY
        ),
        Paragraph(
            "It takes 25 m<super>2</super> on the 1<super>st</super> of May.<super>2</super> And 106 is a number.", BODY
        ),
        Table(
            [["Part", "Area"], ["P1", Paragraph("10<super>3</super>", BODY)], ["P2", Paragraph("5<super>a</super>", BODY)]],
            style=[GRID],
        ),
        Paragraph("<super>1</super> Plus tax.", BODY),
    ]
    (page,) = read(pdf(story))
    for wanted in (
        "3 x 10^6 litres of H2O.",
        "25 [1] euro, the leak rate 10^-9, x_12 a symbol.",
        "25 m^2 on the 1st of May. [2] And 106 is",
        "| P1 | 10^3 |",
        "| P2 | 5 [a] |",
        "[1] Plus tax.",
    ):
        assert wanted in page


def test_headers_and_footers_stand_once_and_are_counted() -> None:
    story = [x for n in range(4) for x in (Paragraph(f"Chapter {n}", HEADING), Paragraph(PROSE * 9, BODY), PageBreak())]
    documents, said, dropped = given("a.pdf", pdf(story, on_page=furniture))
    assert said == []
    assert dropped == {"repeated headers and footers of pages": 6}
    text = documents[0].text
    assert (text.count("ACME Corp"), text.count("Page 1 of 4"), text.count("of 4")) == (1, 1, 1)
    assert "# ACME" not in text
    assert [page.splitlines()[0] for page in pages_of(documents[0])[1:]] == ["# Chapter 1", "# Chapter 2", "# Chapter 3"]


def test_a_heading_that_recurs_with_another_number_is_no_header() -> None:
    story = [x for n in range(4) for x in (Paragraph(f"Rates of {2001 + n}", HEADING), Paragraph(PROSE, BODY), PageBreak())]
    assert [page.splitlines()[0] for page in read(pdf(story))] == [f"# Rates of {2001 + n}" for n in range(4)]


def test_two_columns_and_hyphens_at_the_ends_of_lines() -> None:
    made = io.BytesIO()
    document = BaseDocTemplate(made, pagesize=A4)
    document.addPageTemplates(PageTemplate(frames=[Frame(60, 60, 220, 720), Frame(310, 60, 220, 720)]))
    cut = "It is transpor-<br/>tation of state-of-the-<br/>art goods and 12-<br/>month terms. "
    document.build([Paragraph(f"S{n}. {cut}{PROSE * 4}", BODY) for n in range(12)])
    text = " ".join(" ".join(read(made.getvalue())).split())
    assert [text.index(f"S{n}. It") for n in range(12)] == sorted(text.index(f"S{n}. It") for n in range(12))
    assert text.count("It is transportation of state-of-the-art goods and 12-month terms.") == 12


def sheet(lines: list[str], text: str) -> Sheet:
    """A page of these lines, one below the other, that was read as one paragraph."""
    at = [Line(line, Box(0, 20 * n, 100, 20 * n + 10), 10) for n, line in enumerate(lines)]
    return Sheet(1, 600, 800, [Part("paragraph", text)], at, at, [], [])


@pytest.mark.parametrize(
    ("lines", "read_as", "mended"),
    [
        (["a well-", "known thing"], "a wellknown thing", "a well-known thing"),
        (["depart-", "ment"], "department", "department"),
        (["the cross-", "word and a crossword"], "the crossword and a crossword", "the crossword and a crossword"),
        (["a user-", "name and a user-name"], "a username and a user-name", "a user-name and a user-name"),
    ],
)
def test_hyphens(lines: list[str], read_as: str, mended: str) -> None:
    page = sheet(lines, read_as)
    mend_hyphens([page])
    assert page.parts[0].text == mended


def test_what_was_filled_into_a_form_is_read() -> None:
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=A4)
    canvas.drawString(100, 700, "Application for a yard")
    canvas.acroForm.textfield(name="name", tooltip="Applicant", value="Ada Lovelace", x=100, y=600, width=200, height=20)
    canvas.acroForm.checkbox(name="paid", tooltip="Paid", checked=True, x=100, y=560)
    canvas.save()
    (page,) = read(made.getvalue())
    assert page == "Application for a yard\n\nAda Lovelace\n\nPaid: yes"


def test_a_page_of_numbers_is_no_broken_font() -> None:
    rows = [[str(n), str(n * 7), str(n * 13), str(n * 17)] for n in range(35)]
    assert len(read(pdf([Table(rows, style=[GRID])]))) == 1
    codes = [["Part", "Price"], *([f"P{n}", str(n)] for n in range(30))]
    assert len(read(pdf([Table(codes, style=[GRID])]))) == 1


def test_wrapped_cells_of_a_table_without_lines() -> None:
    work = "Replace the filter of the pump and check the valve for leaks before it is closed again, "
    rows = [[str(n), Paragraph(work * (1 + n % 2), BODY), f"{n},50", ("open", "")[n % 2]] for n in range(50)]
    head = ["No", "Work to be done", "Hours", "State"]
    pages = read(pdf([Table([head, *rows], colWidths=[40, 260, 60, 60], style=[("VALIGN", (0, 0), (-1, -1), "TOP")])]))
    assert len(pages) > 1
    assert all(page.startswith("| No | Work to be done | Hours | State |\n| --- ") for page in pages)
    text = "\n".join(pages)
    for n in range(50):
        assert f"| {n} | {(work * (1 + n % 2)).strip()} | {n},50 | {('open', '')[n % 2]} |" in text


def test_a_table_that_says_it_goes_on() -> None:
    rows = [[f"P{n}", str(n)] for n in range(60)]
    first = Table([["Part", "Price"], *rows[:36]], style=[GRID])
    _, second = read(pdf([first, PageBreak(), Paragraph("Table 1 (continued)", BODY), Table(rows[36:], style=[GRID])]))
    assert second.startswith("Table 1 (continued)\n\n| Part | Price |\n| --- | --- |\n| P36 | 36 |")
