"""The files that `reader_fidelity` makes: a handbook and a workbook, by several programs.

    python benchmarks/reader_fidelity_making.py handbook.html FOLDER

makes those of pandoc, WeasyPrint and Typst, whose virtual environment may be another one; a line on stdout names what is
absent.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

COLOURS = ("red", "blue", "green", "grey")
TOWNS = (("North", "Oslo", "709"), ("North", "Bergen", "291"), ("South", "Rome", "2748"), ("South", "Bari", "316"))


def handbook(rows: int) -> str:
    """The handbook as HTML."""
    long = "".join(f"<tr><td>P{n}</td><td>{COLOURS[n % 4]}</td><td>{1000 + n},50</td></tr>" for n in range(rows))
    towns = "".join(
        "<tr>" + (f'<td rowspan="2">{region}</td>' if n % 2 == 0 else "") + f"<td>{town}</td><td>{people}</td></tr>"
        for n, (region, town, people) in enumerate(TOWNS)
    )
    return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>Tank handbook</title><style>
@page {{ size: A4; margin: 25mm; @top-left {{ content: "ACME handbook" }}
@bottom-center {{ content: "Page " counter(page) }} }}
table {{ border-collapse: collapse }} td, th {{ border: 1px solid black; padding: 2px 6px }}</style></head><body>
<h1>Tank handbook</h1><p>The tank holds 3 × 10<sup>6</sup> litres of H<sub>2</sub>O on 25 m<sup>2</sup>. The deposit is
25<sup>1</sup> euro since the 1<sup>st</sup> of May; the leak rate is 10<sup>-9</sup>, and x<sub>12</sub> is a symbol.</p>
<h2>Parts</h2><table><thead><tr><th>Part</th><th>Colour</th><th>Price EUR</th></tr></thead><tbody>{long}</tbody></table>
<h2>Towns</h2><table><thead><tr><th>Region</th><th>Town</th><th>People</th></tr></thead><tbody>{towns}</tbody></table>
<p>After the tables.</p><p><sup>1</sup> Plus tax.</p></body></html>"""


def make(folder: Path, others: Path | None, rows: int) -> list[Path]:
    """The made files, one for each program that is there."""
    page = folder / "browser.html"
    page.write_text(handbook(rows), encoding="utf-8")
    _by_reportlab(folder / "reportlab.pdf", rows)
    _by_python_docx(folder / "python-docx.docx", rows)
    _workbooks(folder, rows)
    if others is not None:
        script = Path(__file__)
        done = subprocess.run(
            [str(others), str(script), str(page), str(folder)], capture_output=True, text=True, check=False
        )
        for line in done.stdout.splitlines():
            print(json.dumps({"not made": line}))
    if shutil.which("soffice"):
        _by_libreoffice(folder, page)
    else:
        print(json.dumps({"not made": "files of LibreOffice: soffice is absent"}))
    return sorted(path for path in folder.iterdir() if path.suffix not in (".json", ".typ") and path.is_file())


def _by_libreoffice(folder: Path, page: Path) -> None:
    """The handbook as DOCX and PDF, the workbook as ODS, CSV and PDF."""
    out = folder / "office"
    book = folder / "openpyxl.xlsx"
    steps = [
        (page, "docx:MS Word 2007 XML", ["--infilter=HTML (StarWriter)"]),
        (out / "browser.docx", "pdf", []),
        (folder / "pandoc.docx", "pdf", []),
        (book, "ods", []),
        (book, "csv:Text - txt - csv (StarCalc):59,34,76", []),
        (book, "pdf", []),
    ]
    for source, target, more in steps:
        if source.exists():
            command = ["soffice", "--headless", *more, "--convert-to", target, "--outdir", str(out), str(source)]
            subprocess.run(command, capture_output=True, check=False, timeout=300)
    for path in out.glob("*") if out.is_dir() else ():
        path.rename(folder / f"libreoffice-{path.name}")
    shutil.rmtree(out, ignore_errors=True)


def _by_reportlab(path: Path, rows: int) -> None:
    from reportlab.lib import colors
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

    styles, grid = getSampleStyleSheet(), ("GRID", (0, 0), (-1, -1), 0.5, colors.black)
    body = styles["BodyText"]
    long = [["Part", "Colour", "Price EUR"], *([f"P{n}", COLOURS[n % 4], f"{1000 + n},50"] for n in range(rows))]
    towns = [["Region", "Town", "People"], *([r if n % 2 == 0 else "", t, p] for n, (r, t, p) in enumerate(TOWNS))]
    spans = [("SPAN", (0, n), (0, n + 1)) for n in (1, 3)]
    text = re.findall(r"<p>(.*?)</p>", handbook(rows).replace("sup>", "super>"), re.DOTALL)
    story: list[object] = [Paragraph("Tank handbook", styles["Heading1"]), Paragraph(text[0], body)]
    story += [Paragraph("Parts", styles["Heading2"]), Table(long, style=[grid])]
    story += [Paragraph("Towns", styles["Heading2"]), Table(towns, style=[grid, *spans])]
    story += [Paragraph(part, body) for part in text[1:]]

    def furniture(canvas: object, _: object) -> None:
        canvas.drawString(72, 800, "ACME handbook")  # type: ignore[attr-defined]
        canvas.drawString(280, 30, f"Page {canvas.getPageNumber()}")  # type: ignore[attr-defined]

    SimpleDocTemplate(str(path)).build(story, onFirstPage=furniture, onLaterPages=furniture)


def _by_python_docx(path: Path, rows: int) -> None:
    from docx import Document

    word = Document()
    word.add_heading("Tank handbook", 1)
    text = re.findall(r"<p>(.*?)</p>", handbook(rows), re.DOTALL)
    _runs(word, text[0])
    word.add_heading("Parts", 2)
    table = word.add_table(rows + 1, 3)
    for place, values in enumerate([("Part", "Colour", "Price EUR"), *long_table(rows)]):
        for cell, value in zip(table.rows[place].cells, values, strict=True):
            cell.text = value
    word.add_heading("Towns", 2)
    towns = word.add_table(len(TOWNS) + 1, 3)
    for place, values in enumerate([("Region", "Town", "People"), *TOWNS]):
        for column, value in enumerate(values):
            if column or not place or place % 2:
                towns.cell(place, column).text = value
    for first in (1, 3):
        towns.cell(first, 0).merge(towns.cell(first + 1, 0))
    for part in text[1:]:
        _runs(word, part)
    word.save(str(path))


def _runs(word: object, text: str) -> None:
    paragraph = word.add_paragraph()  # type: ignore[attr-defined]
    for piece in re.split(r"(<su[pb]>.*?</su[pb]>)", " ".join(text.split())):
        run = paragraph.add_run(re.sub("<[^>]*>", "", piece))
        if piece.startswith("<su"):
            run.font.superscript = piece.startswith("<sup>")
            run.font.subscript = piece.startswith("<sub>") or run.font.subscript


def _workbooks(folder: Path, rows: int) -> None:
    """The long table and the towns as two sheets, by openpyxl and by XlsxWriter: amounts, and merged cells."""
    from openpyxl import Workbook
    from xlsxwriter import Workbook as Writer

    book = Workbook()
    first, second = book.active, book.create_sheet("Towns")
    first.title = "Parts"
    for row in (["Price list of 2026"], ["Part", "Colour", "Price EUR"]):
        first.append(row)
    first.merge_cells("A1:C1")
    for n in range(rows):
        first.append([f"P{n}", COLOURS[n % 4], 1000.5 + n])
        first.cell(n + 3, 3).number_format = "0.00"
    second.append(["Region", "Town", "People"])
    for n, (region, town, people) in enumerate(TOWNS):
        second.append([region if n % 2 == 0 else None, town, int(people)])
    for place in (2, 4):
        second.merge_cells(start_row=place, end_row=place + 1, start_column=1, end_column=1)
    book.save(folder / "openpyxl.xlsx")
    with Writer(str(folder / "xlsxwriter.xlsx")) as other:
        sheet, two = other.add_worksheet("Parts"), other.add_format({"num_format": "0.00"})
        sheet.merge_range(0, 0, 0, 2, "Price list of 2026")
        sheet.write_row(1, 0, ["Part", "Colour", "Price EUR"])
        for n in range(rows):
            sheet.write_row(n + 2, 0, [f"P{n}", COLOURS[n % 4]])
            sheet.write_number(n + 2, 2, 1000.5 + n, two)
        towns = other.add_worksheet("Towns")
        towns.write_row(0, 0, ["Region", "Town", "People"])
        for n, (region, town, people) in enumerate(TOWNS):
            if n % 2 == 0:
                towns.merge_range(n + 1, 0, n + 2, 0, region)
            towns.write_row(n + 1, 1, [town, int(people)])


def long_table(rows: int) -> list[tuple[str, str, str]]:
    """The rows of the long table."""
    return [(f"P{n}", COLOURS[n % 4], f"{1000 + n},50") for n in range(rows)]


def main() -> None:
    """Make what can be made of the page."""
    page, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for name, made_by in (("pandoc", _pandoc), ("weasyprint", _weasyprint), ("typst", _typst)):
        _try(name, made_by, page, folder)


def _try(name: str, made_by: Callable[[Path, Path], None], page: Path, folder: Path) -> None:
    try:
        made_by(page, folder)
    except Exception as error:  # a program that is absent or fails: the benchmark goes on without its files
        print(f"files of {name}: {error}")


def _pandoc(page: Path, folder: Path) -> None:
    import pypandoc

    for kind in ("docx", "epub", "pptx"):
        pypandoc.convert_file(str(page), kind, outputfile=str(folder / f"pandoc.{kind}"))


def _weasyprint(page: Path, folder: Path) -> None:
    from weasyprint import HTML

    HTML(str(page)).write_pdf(str(folder / "weasyprint.pdf"))


def _typst(page: Path, folder: Path) -> None:
    import pypandoc
    import typst

    source = folder / "handbook.typ"
    pypandoc.convert_file(str(page), "typst", outputfile=str(source), extra_args=["-s"])
    text = source.read_text(encoding="utf-8")
    source.write_text("#show figure: set block(breakable: true)\n" + text, encoding="utf-8")
    typst.compile(str(source), output=str(folder / "typst.pdf"))


if __name__ == "__main__":
    main()
