"""Tables of PDFs whose lines are drawn, turned words, and gaps that only one line shows."""

from __future__ import annotations

import io
from collections.abc import Callable

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table

from tests.knowledge.reading import text_of

PLAIN = getSampleStyleSheet()["Normal"]
GRID = ("GRID", (0, 0), (-1, -1), 0.5, colors.black)
STATIONS = [["No", "Station", "Rain"], *([str(n), f"Station {n}", str(n * 3)] for n in range(1, 100))]


def test_words_within_a_cell_are_no_columns_and_rows_on_later_pages_keep_the_head() -> None:
    text = _built(Table(STATIONS, style=[GRID]))
    assert "| No | Station | Rain |" in text
    assert all(f"| {n} | Station {n} | {n * 3} |" in text for n in range(1, 100))
    assert text.count("| No |") == text.count("| --- | --- | --- |")


def test_a_repeated_title_and_head() -> None:
    rows = [["Rain 2024", "", ""], *STATIONS]
    text = _built(Table(rows, style=[GRID, ("SPAN", (0, 0), (2, 0))], repeatRows=2))
    assert text.startswith("Rain 2024\n\n| No | Station | Rain |")
    assert all(f"| {n} | Station {n} | {n * 3} |" in text for n in range(1, 100))


def test_wrapped_cells() -> None:
    head = ["Name", Paragraph("Long description of what is meant in the head", PLAIN), "Fee"]
    said = "This text runs over several lines in one cell and has 3 numbers 4 in it"
    rows = [head, ["Ann", Paragraph(said, PLAIN), "12"], ["Bob", Paragraph("Short", PLAIN), "13"]]
    assert _built(Table(rows, colWidths=[60, 120, 60], style=[GRID])) == (
        "| Name | Long description of what is meant in the head | Fee |\n| --- | --- | --- |\n"
        f"| Ann | {said} | 12 |\n| Bob | Short | 13 |"
    )


def test_merged_heads_and_cells() -> None:
    rows = [["City", "Fee 2024", ""], ["", "Adult", "Child"], ["Kiel", "1", ""], ["Bad Ems", "3", "4"], ["", "5", "6"]]
    spans = [("SPAN", *span) for span in (((0, 0), (0, 1)), ((1, 0), (2, 0)), ((1, 2), (2, 2)), ((0, 3), (0, 4)))]
    assert _built(Table(rows, style=[GRID, *spans])) == (
        "| City | Fee 2024 Adult | Fee 2024 Child |\n| --- | --- | --- |\n"
        "| Kiel | 1 | 1 |\n| Bad Ems | 3 | 4 |\n| Bad Ems | 5 | 6 |"
    )


def test_lines_that_divide_columns_alone() -> None:
    rows = [["Town name", "People", "Kind"], ["Bad Ems", "9.1", "small town"], ["New York", "8000.2", "large city"]]
    style = [("BOX", (0, 0), (-1, -1), 0.5, colors.black), ("LINEAFTER", (0, 0), (-1, -1), 0.5, colors.black)]
    text = _built(Table(rows, style=[*style, ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.black)]))
    assert "| Town name | People | Kind |" in text
    assert "| New York | 8000.2 | large city |" in text


def test_lines_inside_alone_and_text_around() -> None:
    rows = [["Town name", "Kind of place"], ["Bad Ems", "small town"], ["New York", "large city"]]
    table = Table(rows, style=[("INNERGRID", (0, 0), (-1, -1), 0.5, colors.black)])
    text = _built(Paragraph("Before it.", PLAIN), table, Paragraph("After it.", PLAIN))
    assert text == (
        "Before it.\n\n| Town name | Kind of place |\n| --- | --- |\n"
        "| Bad Ems | small town |\n| New York | large city |\n\nAfter it."
    )


def test_framed_prose_is_read_cell_by_cell() -> None:
    cells = [Paragraph(f"{word} word of a column. " * 100, PLAIN) for word in ("Left", "Right")]
    text = _built(Table([cells, ["foot", "note"]], style=[GRID]))
    assert "Left word of a column. Left word" in text
    assert text.rindex("Left word") < text.index("Right word")


def test_lines_behind_a_drawing_are_no_table() -> None:
    def draw(page: Canvas) -> None:
        for n in range(7):
            page.line(100, 500 + n * 30, 400, 500 + n * 30)
            page.line(100 + n * 50, 500, 100 + n * 50, 680)
        page.drawString(180, 590, "peak 42")

    assert "|" not in _drawn(draw)


def test_words_that_run_together_over_a_line_are_cut_there() -> None:
    def draw(page: Canvas) -> None:
        for x in (100, 151.6, 200):
            page.line(x, 700, x, 640)
        for y in (700, 680, 660, 640):
            page.line(100, y, 200, y)
        for y, first, second in ((685, "Unit name", "Net price"), (665, "Bolt A4", "1.5"), (645, "Nut B5", "2.5")):
            page.setFont("Helvetica", 10.4)
            page.drawString(150.6 - page.stringWidth(first), y, first)
            page.drawString(152.6, y, second)

    assert _drawn(draw) == "| Unit name | Net price |\n| --- | --- |\n| Bolt A4 | 1.5 |\n| Nut B5 | 2.5 |"


def test_turned_words_are_read() -> None:
    def draw(page: Canvas) -> None:
        page.drawString(200, 400, "plain words")
        page.translate(100, 400)
        page.rotate(90)
        page.drawString(0, 0, "turned words here")

    assert _drawn(draw) == "plain words\n\nturned words here"


def test_turned_heads_of_a_ruled_table() -> None:
    def draw(page: Canvas) -> None:
        for x in (100, 140, 180):
            page.line(x, 700, x, 580)
        for y in (700, 620, 580):
            page.line(100, y, 180, y)
        page.drawString(104, 640, "Type")
        page.drawString(104, 600, "A 1")
        page.drawString(144, 600, "10")
        page.translate(165, 630)
        page.rotate(90)
        page.drawString(0, 0, "Max load")

    assert _drawn(draw) == "| Type | Max load |\n| --- | --- |\n| A 1 | 10 |"


def test_a_long_cell_of_a_table_without_lines_is_one() -> None:
    rows = [["Item", "Net", "Gross"], ["Pen", "1.00", "1.19"], ["Paper A4 white", "", ""], ["Stapler", "7.00", "8.33"]]
    text = _built(Table(rows))
    assert "| Item | Net | Gross |" in text
    assert "| Paper A4 white |  |  |" in text


def _built(*parts: Flowable) -> str:
    page = io.BytesIO()
    SimpleDocTemplate(page, pagesize=A4).build(list(parts))
    return _text(page)


def _drawn(draw: Callable[[Canvas], None]) -> str:
    page = io.BytesIO()
    canvas = Canvas(page, pagesize=A4)
    draw(canvas)
    canvas.save()
    return _text(page)


def _text(page: io.BytesIO) -> str:
    return text_of("page.pdf", page.getvalue()).strip()
