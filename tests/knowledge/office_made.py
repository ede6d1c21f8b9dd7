"""Office files with something of everything, by the libraries that people make them with; `office/` has others."""

from __future__ import annotations

import datetime
import io
from typing import Any

RATES: list[list[Any]] = [
    ["Rates of the north, 2026"],
    [],
    ["Depot", "Article", "Price", None, "Since", "Share"],
    [None, None, "Net", "Gross"],
    ["Harbour", "Rope", 1234.5, 1469.06, datetime.date(2024, 3, 5), 0.256],
    [None, "Hook", 7.25, 8.63, datetime.date(2025, 11, 30), 0.04],
    ["Hill", "Tarp", 99, 117.81, datetime.date(2026, 1, 2), 0.704],
    ["concealed"],
]
MERGED = ("A1:F1", "A3:A4", "B3:B4", "C3:D3", "E3:E4", "F3:F4", "A5:A6")
FORMATS = {3: '#,##0.00 "EUR"', 4: "#,##0.00", 5: "dd.mm.yyyy", 6: "0.0%"}
TIMES: list[list[Any]] = [
    ["Shift", "Length", "Code", "Open"],
    ["Night", datetime.timedelta(hours=30, minutes=5), 42, True],
    ["Day", datetime.timedelta(hours=7, minutes=30), 7, False],
]


def rates() -> bytes:
    """A workbook, by openpyxl: a title, two rows of heads, merged cells, formats, a comment, hidden parts."""
    from openpyxl import Workbook
    from openpyxl.comments import Comment

    book, out = Workbook(), io.BytesIO()
    sheet, times, past = book.active, book.create_sheet("Times"), book.create_sheet("Past")
    sheet.title = "Rates"
    for number, row in enumerate(RATES, 1):
        for place, value in enumerate(row, 1):
            cell = sheet.cell(number, place)
            cell.value = value
            if number > 4 and place in FORMATS:
                cell.number_format = FORMATS[place]
    for span in MERGED:
        sheet.merge_cells(span)
    sheet["B6"].comment = Comment("checked twice", "Ada")
    sheet.row_dimensions[8].hidden = True
    for row in TIMES:
        times.append(row)
        times.cell(times.max_row, 2).number_format = "[h]:mm"
        times.cell(times.max_row, 3).number_format = "00000"
    past["A1"], past.sheet_state = "forgotten", "hidden"
    book.save(out)
    return out.getvalue()


def deck() -> bytes:
    """A presentation, by python-pptx: points, raised text, notes, a merged table, a chart, a group, a hidden slide."""
    from pptx import Presentation
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    made, out = Presentation(), io.BytesIO()
    first, second, hidden, last = (made.slides.add_slide(made.slide_layouts[n]) for n in (1, 5, 6, 6))
    first.shapes.title.text, second.shapes.title.text = "Plan 1", "Numbers"
    first.placeholders[1].text = "First of 1\nSecond of 1"
    first.notes_slide.notes_text_frame.text = "say 1"
    paragraph = first.placeholders[1].text_frame.add_paragraph()
    for text, raised in (("The tank holds 3 x 10", ""), ("6", "30000"), (" litres", "")):
        run = paragraph.add_run()
        run.text = text
        if raised:
            run.font._element.set("baseline", raised)
    table = second.shapes.add_table(3, 3, 0, 0, Inches(3), Inches(1)).table
    for row, values in enumerate((("Depot", "In", "Out"), ("North", "5", "6"), ("", "7", "8"))):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    table.cell(1, 0).merge(table.cell(2, 0))
    data: Any = CategoryChartData(number_format="0%")  # type: ignore[no-untyped-call]
    data.categories = ["North", "South"]
    data.add_series("Share", (0.4, 0.6))
    data.add_series("Plan", (0.5, 0.5))
    chart = second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Shares of 2026"
    hidden._element.set("show", "0")
    hidden.shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame.text = "concealed"
    last.shapes.add_group_shape().shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame.text = "in a group"
    made.save(out)
    return out.getvalue()
