"""Does a workbook say what a person sees in it: values as they are shown, heads with each row, nothing lost unsaid?"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.styles import Font

from rung.knowledge.readers.converting import read
from rung.knowledge.readers.source import SourceFile
from rung.records import Document, Dropped
from tests.knowledge import making, office_xml

OFFICE = Path(__file__).parent / "office"
Fill = Callable[[Any], object]


def read_all(name: str, data: bytes) -> tuple[str, list[str], dict[str, int]]:
    """The text of a file, what is said about it, and what is left out."""
    items = [item for _, item in read(SourceFile(name, Path(name), data))]
    text = "".join(item.text for item in items if isinstance(item, Document))
    dropped = {item.what: item.count for item in items if isinstance(item, Dropped)}
    return text, [item for item in items if isinstance(item, str)], dropped


def made(fill: Fill, *, bold: tuple[int, ...] = ()) -> bytes:
    """A workbook of one sheet, by openpyxl."""
    book, out = Workbook(), io.BytesIO()
    sheet = book.active
    sheet.title = "S"
    fill(sheet)
    for row in bold:
        for cell in sheet[row]:
            cell.font = Font(bold=True)
    book.save(out)
    return out.getvalue()


def grid(*rows: Sequence[object], merge: tuple[str, ...] = (), bold: tuple[int, ...] = ()) -> str:
    """What a sheet of these rows says, without its heading."""

    def fill(sheet: Any) -> None:
        for row in rows:
            sheet.append(row)
        for span in merge:
            sheet.merge_cells(span)

    text, said, _ = read_all("a.xlsx", made(fill, bold=bold))
    assert said == []
    assert text.startswith("## S\n\n")
    return text.removeprefix("## S\n\n").rstrip("\n")


def table(*rows: str) -> str:
    """Rows of cells with bars between them, as Markdown."""
    lines = [f"| {row} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * (rows[0].count('|') + 1)}", *lines[1:]])


def test_merged_cells_say_their_value_in_every_row() -> None:
    text, said, _ = read_all("stock.xlsx", (OFFICE / "stock.xlsx").read_bytes())
    assert said == []
    assert table("Warehouse | Article | Pieces", "Harbour | Rope | 40", "Harbour | Hook | 12", "Harbour | Tarp | 7") in text
    assert "| Hill | Hook | 99 |" in text
    long, _, _ = read_all("stock.xlsx", (OFFICE / "stock_long.xlsx").read_bytes())
    assert "Warehouse: Mill; Article: Item14; Pieces: 4014" in long
    assert long.count("Warehouse: ") == 60


def test_a_title_above_the_heads_is_no_head() -> None:
    text, _, _ = read_all("a.xlsx", (OFFICE / "title_row.xlsx").read_bytes())
    assert text.startswith(
        "## Plan\n\n### Shift plan of the north hall, valid from May\n\nName: Person0; Day: Mon; From: 6;"
    )
    assert text.count("Shift plan") == 1


def test_two_rows_of_heads_are_one() -> None:
    text, _, _ = read_all("a.xlsx", (OFFICE / "two_headers.xlsx").read_bytes())
    assert "\n\nShop: Shop3; 2024 Net: 103; 2024 Tax: 23; 2025 Net: 303; 2025 Tax: 63\n\n" in text
    assert "Shop: Net" not in text


def test_a_formula_without_a_value_is_told_and_shown() -> None:
    text, said, _ = read_all("a.xlsx", (OFFICE / "uncached.xlsx").read_bytes())
    assert '| Total | =SUM(B2:B3) |\n| Label | ="code "&"XK42" |' in text
    assert said == [
        "has 2 formulas without a computed value (Sum!B4, Sum!B5), whose text is taken instead; open and save it in a"
        " spreadsheet program"
    ]
    text, said, _ = read_all("a.xlsx", (OFFICE / "cached.xlsx").read_bytes())
    assert "| Total | 5 |\n| Ratio | #DIV/0! |\n| Label | cost 2 |" in text
    assert said == []


def test_a_nought_that_nobody_computed_is_no_value() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["a", 2])
    sheet.write_formula(1, 1, "=B1*21")  # XlsxWriter writes 0 for what it does not compute
    sheet.write_row(2, 0, ["c", 0])
    book.close()
    text, said, _ = read_all("a.xlsx", out.getvalue())
    assert "=B1*21" in text
    assert "| c | 0 |" in text
    assert said[0].startswith("has 1 formulas without a computed value (Sheet1!B2)")


@pytest.mark.parametrize(
    ("rows", "merge", "bold", "wanted"),
    [
        pytest.param(
            [["Report"], [], ["Region", "Q1"], ["North", 1], ["South", 3], [], ["* preliminary"]],
            (),
            (),
            f"### Report\n\n{table('Region | Q1', 'North | 1', 'South | 3')}\n\n* preliminary",
            id="title, blank row, note",
        ),
        pytest.param(
            [["Region", 2023, None, 2024, None], [None, "Plan", "Actual", "Plan", "Actual"], ["North", 1, 2, 3, 4]],
            ("A1:A2", "B1:C1", "D1:E1"),
            (),
            table("Region | 2023 Plan | 2023 Actual | 2024 Plan | 2024 Actual", "North | 1 | 2 | 3 | 4"),
            id="years above heads",
        ),
        pytest.param(
            [["Sales", None, None], [None, "Q1", None], ["Region", "Units", "Value"], ["N", 1, 2]],
            ("A1:C1", "B2:C2"),
            (),
            f"### Sales\n\n{table('Region | Q1 Units | Q1 Value', 'N | 1 | 2')}",
            id="title and groups",
        ),
        pytest.param(
            [["Profile", "Percent", "Number"], [None, "of class", "of students"], ["Seeking", 93.8, 532]],
            (),
            (1, 2),
            table("Profile | Percent of class | Number of students", "Seeking | 93.8 | 532"),
            id="two bold rows",
        ),
        pytest.param(
            [["Item", "Jan"], ["Fruit", None], ["Apple", 1], ["Roots", None], ["Leek", 5], ["Total", 6]],
            ("A2:B2", "A4:B4"),
            (6,),
            table("Item | Jan | ", "Apple | 1 | Fruit", "Leek | 5 | Roots", "Total | 6 | "),
            id="sections",
        ),
        pytest.param(
            [["Size", 10, 25, 40], ["Price", 1.5, 2.5, 4.5]],
            (),
            (1,),
            table("Size | 10 | 25 | 40", "Price | 1.5 | 2.5 | 4.5"),
            id="numbers as heads",
        ),
        pytest.param(
            [[1, "a", 2.5], [2, "b", 3.5]],
            (),
            (),
            table(" |  | ", "1 | a | 2.5", "2 | b | 3.5"),
            id="no heads",
        ),
        pytest.param(
            [
                ["Left", None, None, None, None],
                ["A", "B", None, None, None],
                [1, 2, None, "Right", None],
                [3, 4, None, "X", "Y"],
                [5, 6, None, 7, 8],
            ],
            (),
            (),
            f"### Left\n\n{table('A | B', '1 | 2', '3 | 4', '5 | 6')}\n\n### Right\n\n{table('X | Y', '7 | 8')}",
            id="side by side",
        ),
        pytest.param(
            [["Month", "Spent"], ["Jan", 1], [], ["Month", "Spent"], ["Feb", 3], [], ["Mar", 5]],
            (),
            (),
            f"{table('Month | Spent', 'Jan | 1')}\n\n{table('Month | Spent', 'Feb | 3', 'Mar | 5')}",
            id="heads that come again",
        ),
    ],
)
def test_layouts(rows: list[list[object]], merge: tuple[str, ...], bold: tuple[int, ...], wanted: str) -> None:
    assert grid(*rows, merge=merge, bold=bold) == wanted


def test_a_row_that_is_longer_than_a_passage_says_whose_it_is_on_each_line() -> None:
    text = grid(["Name", *(f"Column number {n}" for n in range(40))], ["Anna", *range(40)], ["Bert", *range(40, 80)])
    lines = text.split("\n\n")
    assert len(lines) == 6
    assert max(map(len, lines)) < 450
    assert [line.split(";")[0] for line in lines] == ["Name: Anna"] * 3 + ["Name: Bert"] * 3
    for number in range(40):
        assert f"Column number {number}: {number + 40}" in text


def test_the_names_of_columns_without_values_are_kept_where_rows_are_written_out() -> None:
    text = grid(["Name", "Fax", "Age"], *([f"P{n}", None, n] for n in range(50)))
    assert text.startswith("Columns without values: Fax\n\nName: P0; Age: 0\n\n")


def test_values_are_shown_as_a_person_sees_them() -> None:
    shown = {
        "0.0%": (0.256, "25.6%"),
        '#,##0.00 "€"': (1234.5, "1,234.50 €"),
        "[h]:mm": (datetime.timedelta(hours=30, minutes=5), "30:05"),
        "00000": (42, "00042"),
        "dd.mm.yyyy": (datetime.date(2026, 1, 2), "02.01.2026"),
        "mm-dd-yy": (datetime.date(2026, 1, 2), "2026-01-02"),  # the form is the reader's own
        "h:mm AM/PM": (datetime.time(18, 30), "6:30 PM"),
        "0.00E+00": (123456, "1.23E+05"),
        "# ?/?": (0.75, "3/4"),
        "@": ("007", "007"),
        "General": (True, "TRUE"),
    }

    def fill(sheet: Any) -> None:
        sheet.append(["what", "value"])
        for code, (value, _) in shown.items():
            sheet.append([f"as {code}", value])
            sheet.cell(sheet.max_row, 2).number_format = code

    text, said, _ = read_all("a.xlsx", made(fill))
    assert said == []
    for code, (_, wanted) in shown.items():
        assert f"| as {code} | {wanted} |" in text


def test_number_formats_that_are_not_understood_are_told() -> None:
    styles = '<numFmts><numFmt numFmtId="170" formatCode="ggge"/></numFmts><cellXfs><xf/><xf numFmtId="170"/></cellXfs>'
    sheet = '<sheetData><row r="1"><c r="A1" s="1"><v>46024</v></c></row></sheetData>'
    text, said, _ = read_all("a.xlsx", office_xml.xlsx(sheet, styles=styles))
    assert "46024" in text
    assert said == ["has number formats that are not understood ('ggge'): 1 numbers are shown plain"]


def test_what_is_hidden_is_left_out_and_counted() -> None:
    def fill(sheet: Any) -> None:
        for row in (["Name", "Cost", "Margin"], ["Ann", 1, "secret1"], ["Bob", 2, "secret2"], ["Cid", 3, "secret3"]):
            sheet.append(row)
        sheet.column_dimensions["C"].hidden = True
        sheet.row_dimensions[3].hidden = True
        sheet["B4"].number_format = ";;;"
        other = sheet.parent.create_sheet("Very")
        other["A1"] = "secret4"
        other.sheet_state = "veryHidden"

    text, said, dropped = read_all("a.xlsx", made(fill))
    assert text == "## S\n\n| Name | Cost |\n| --- | --- |\n| Ann | 1 |\n| Cid |  |\n"
    assert said == []
    assert dropped == {"hidden sheets": 1, "hidden rows": 1, "hidden columns": 1, "cells hidden by their format": 1}


def test_a_value_that_is_merged_over_hidden_rows_stays() -> None:
    def fill(sheet: Any) -> None:
        for row in (["Team", "Name"], ["Red", "Ann"], [None, "Bob"]):
            sheet.append(row)
        sheet.merge_cells("A2:A3")
        sheet.row_dimensions[2].hidden = True

    text, _, dropped = read_all("a.xlsx", made(fill))
    assert "| Red | Bob |" in text
    assert dropped == {"hidden rows": 1}


def test_nothing_but_hidden_rows_is_told() -> None:
    def fill(sheet: Any) -> None:
        sheet["A1"] = "x"
        sheet.row_dimensions[1].hidden = True

    assert read_all("a.xlsx", made(fill)) == ("", ["holds no values that are not hidden"], {"hidden rows": 1})


def test_comments_and_raised_text_stand_in_their_cells() -> None:
    def fill(sheet: Any) -> None:
        sheet.append(["Item", "Cost"])
        sheet.append(["Rope", 5])
        sheet["B2"].comment = Comment("checked\nby Ada", "Ada")

    text, _, _ = read_all("a.xlsx", made(fill))
    assert "| Rope | 5 [Comment: checked by Ada] |" in text
    raised = '<r><rPr><vertAlign val="superscript"/></rPr><t>2</t></r>'
    strings = f'<si><r><t>48 m</t></r>{raised}</si><si><t>a_x000D_b</t><rPh sb="0" eb="1"><t>guide</t></rPh></si>'
    sheet = '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row></sheetData>'
    text, _, _ = read_all("a.xlsx", office_xml.xlsx(sheet, strings=strings))
    assert text == "## S\n\n| 48 m^2 | a b |\n| --- | --- |\n"


def test_struck_cells_links_and_the_edges_of_pages() -> None:
    def fill(sheet: Any) -> None:
        for row in (["Item", "Fee"], ["Rope", 12], ["Form", 10], ["https://e.org/a", "x"]):
            sheet.append(row)
        sheet["A2"].font = sheet["B2"].font = Font(strike=True)
        sheet["A3"].hyperlink = sheet["B3"].hyperlink = "https://e.org/form"
        sheet["A4"].hyperlink = "https://e.org/a"
        sheet.oddHeader.center.text, sheet.oddFooter.left.text = "Prices && fees &D", "ACME Ltd. - Page &P of &N"
        sheet.evenFooter.right.text = "&P / &N"

    text, said, dropped = read_all("a.xlsx", made(fill))
    assert said == []
    assert "| ~~Rope~~ | ~~12~~ |\n| [Form](https://e.org/form) | 10 |\n| https://e.org/a | x |" in text
    assert text.endswith("\n\nPrices & fees\n\nACME Ltd.\n")
    assert dropped == {"addresses of links": 1}


def test_rows_and_columns_without_height_or_width_are_hidden() -> None:
    rows = "".join(f'<row r="{n}"{ht}><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>2</v></c></row>' for n, ht in
                   ((1, ""), (2, ' ht="0"'), (3, ' ht="0.0" customHeight="1"'), (4, ' ht="12"')))  # fmt: skip
    columns = '<cols><col min="2" max="2" width="0" customWidth="1"/></cols>'
    text, _, dropped = read_all("a.xlsx", office_xml.xlsx(f"{columns}<sheetData>{rows}</sheetData>"))
    assert re.findall(r"\d", text) == ["1", "4"]
    assert dropped == {"hidden rows": 2, "hidden columns": 1}


def test_text_boxes_charts_and_images() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet("S")
    sheet.write_row(0, 0, ["Month", "Sold"])
    sheet.write_row(1, 0, ["Jan", 7])
    sheet.insert_textbox(5, 5, "Read this first")
    chart = book.add_chart({"type": "column"})
    chart.add_series({"name": "=S!$B$1", "categories": "=S!$A$2:$A$2", "values": "=S!$B$2:$B$2"})
    chart.set_title({"name": "Sales of the year"})
    sheet.insert_chart("D2", chart)
    sheet.insert_image("D20", "a.png", {"image_data": io.BytesIO(png()), "description": "The yard from above"})
    sheet.insert_image("D30", "b.png", {"image_data": io.BytesIO(png()), "decorative": True})
    book.close()
    text, said, dropped = read_all("a.xlsx", out.getvalue())
    assert said == []
    assert "Read this first" in text
    assert "Chart: Sales of the year\n\n|  | Sold |\n| --- | --- |\n| Jan | 7 |" in text
    assert "[Image: The yard from above]" in text
    assert dropped == {"images without text": 1}


def png() -> bytes:
    """A small image."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "png")
    return out.getvalue()


def test_a_chart_without_values_keeps_its_words() -> None:
    def fill(sheet: Any) -> None:
        for row in (["m", "n"], [1, 2], [2, 3]):
            sheet.append(row)
        chart = BarChart()
        chart.title = "How it went"
        chart.add_data(Reference(sheet, min_col=2, min_row=2, max_row=3))
        sheet.add_chart(chart, "D1")

    text, _, dropped = read_all("a.xlsx", made(fill))
    assert "Chart: How it went" in text
    assert dropped == {"charts without values": 1}


def test_tables_and_filters_name_their_heads() -> None:
    def fill(sheet: Any) -> None:
        from openpyxl.worksheet.table import Table

        for row in (["1", "2"], ["a", "b"], ["c", "b"]):
            sheet.append(row)
        sheet.add_table(Table(displayName="T", ref="A1:B3"))

    text, _, _ = read_all("a.xlsx", made(fill))
    assert text == "## S\n\n| 1 | 2 |\n| --- | --- |\n| a | b |\n| c | b |\n"


def test_strict_files_and_cells_without_places() -> None:
    sheet = (
        '<sheetData><row><c t="inlineStr"><is><t>When</t></is></c><c t="inlineStr"><is><t>Paid</t></is></c></row>'
        '<row><c t="d"><v>2026-01-02T00:00:00</v></c><c t="b"><v>1</v></c></row></sheetData>'
    )
    text, said, _ = read_all("a.xlsx", office_xml.xlsx(sheet, strict=True))
    assert (text, said) == ("## S\n\n| When | Paid |\n| --- | --- |\n| 2026-01-02 | TRUE |\n", [])


def test_a_sheet_that_breaks_off_keeps_what_stands_before() -> None:
    sheet = '<sheetData><row r="1"><c r="A1"><v>17</v></c></row><row r="2"><c r="A2"><v>18</v></c></row><row></oops>'
    text, said, _ = read_all("a.xlsx", office_xml.xlsx(sheet))
    assert "17" in text and "18" in text  # noqa: PT018
    assert said[0].startswith("has a sheet 'S' that cannot be read behind row 2 (mismatched tag")


def test_missing_parts_are_told() -> None:
    sheet = '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><v>2</v></c></row></sheetData>'
    text, said, _ = read_all("a.xlsx", office_xml.xlsx(sheet))
    assert "2" in text
    assert said == ["has 1 cells in 'S' whose text is missing"]
    no_sheet = making.zipped({"[Content_Types].xml": "<Types/>", "xl/x.xml": ""})
    assert read_all("a.xlsx", no_sheet)[1] == ["is no workbook that can be read: it lacks its part xl/workbook.xml"]


def test_a_workbook_of_very_much_text_is_given_up_early() -> None:
    row = '<row><c t="inlineStr"><is><t>' + "x" * 100_000 + "</t></is></c></row>"
    text, said, _ = read_all("a.xlsx", office_xml.xlsx(f"<sheetData>{row * 250}</sheetData>"))
    assert text == ""
    assert "split it" in said[0] or "zip bomb" in said[0]


def test_cells_at_the_ends_of_a_sheet_take_no_room_between_them() -> None:
    sheet = (
        '<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData>'
        '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    )
    text, said, _ = read_all("a.xlsx", office_xml.xlsx(sheet))
    assert said == []
    assert len(text) < 200


def ods(rows: str, *, styles: str = "", manifest: str = "") -> bytes:
    """An OpenDocument spreadsheet of one sheet."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text", "style", "drawing")
    )
    body = f'<table:table table:name="S" table:style-name="t">{rows}</table:table>'
    content = (
        f"<office:document-content {spaces}><office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f"<office:spreadsheet>{body}</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return making.zipped({"mimetype": kind, "META-INF/manifest.xml": manifest or "<m/>", "content.xml": content})


def test_an_open_document_sheet() -> None:
    def cell(text: str, said: str = "") -> str:
        return f"<table:table-cell {said}>{f'<text:p>{text}</text:p>' if text else ''}</table:table-cell>"

    rows = "".join(
        f"<table:table-row>{row}</table:table-row>"
        for row in (
            cell("Name") + cell("Sum") + cell("Area"),
            cell("Ann")
            + cell("", 'table:formula="of:=[.A1]+1"')
            + cell('48 m<text:span text:style-name="up">2</text:span>'),
            cell("Bob", 'table:number-columns-repeated="2"') + cell("", 'office:value-type="float" office:value="2.5"'),
        )
    )
    far = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    up = '<style:style style:name="up"><style:text-properties style:text-position="super 58%"/></style:style>'
    text, said, dropped = read_all("a.ods", ods(rows + far, styles=up))
    assert text == "## S\n\n| Name | Sum | Area |\n| --- | --- | --- |\n| Ann | =[.A1]+1 | 48 m^2 |\n| Bob | Bob | 2.5 |\n"
    assert said[0].startswith("has 1 formulas without a computed value (S, row 2)")
    assert dropped == {}
    hidden = '<style:style style:name="t"><style:table-properties table:display="false"/></style:style>'
    assert read_all("a.ods", ods(rows, styles=hidden))[2] == {"hidden sheets": 1}
    locked = ods(rows, manifest='<m xmlns="m"><encryption-data/></m>')
    assert read_all("a.ods", locked)[1] == ["is encrypted: it opens with a password only; save it without one"]


@pytest.mark.slow
def test_one_cell_that_is_repeated_without_end_fills_no_memory() -> None:
    rows = (
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384">'
        "<text:p>x</text:p></table:table-cell></table:table-row>"
    )
    text, said, dropped = read_all("a.ods", ods(rows))
    assert len(text) < 5_000_000
    assert text
    assert (said, dropped) == ([], {"cells repeated without end": 1})
