"""Files of every kind for the tests of the readers, made by the libraries that people make them with."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

ROWS = [["Region", "Price", "Days"], ["Norway", "12 EUR", "5"], ["Sweden", "9 EUR", "3"], ["Faroe Islands", "21 EUR", "9"]]
PROSE = "These are the rates for parcels to the north of Europe, as agreed with the carrier. "


def put(root: Path, name: str, content: str | bytes) -> Path:
    """A file with its folders."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pdf(pages: int = 1, *, title: str = "Rates", grid: bool = True) -> bytes:
    """A PDF with a heading `Rates of N`, prose, a table and a line on each page."""
    styles, made = getSampleStyleSheet(), io.BytesIO()
    lines = ("GRID", (0, 0), (-1, -1), 0.5, colors.black) if grid else ("LINEBELOW", (0, 0), (-1, 0), 1, colors.black)
    story: list[object] = []
    for number in range(1, pages + 1):
        story += [Paragraph(f"Rates of {2000 + number}", styles["Heading1"]), Paragraph(PROSE * 4, styles["BodyText"])]
        story += [Table(ROWS, style=[lines]), Paragraph(f"The end of sheet {number}.", styles["BodyText"]), PageBreak()]
    SimpleDocTemplate(made, pagesize=A4, title=title).build(story)
    return made.getvalue()


def drawn(text: str = "", *, password: str = "", owner: str = "", image: bool = False, pages: int = 1) -> bytes:
    """A PDF of one line, or of an image that fills each page; a password opens it, an owner's only forbids to change it."""
    from PIL import Image

    made = io.BytesIO()
    locked = StandardEncryption(password, ownerPassword=owner, canCopy=0) if password or owner else None
    canvas = Canvas(made, pagesize=A4, encrypt=locked)
    for _ in range(pages):
        if image:
            canvas.drawImage(ImageReader(Image.new("RGB", (60, 80), (200, 180, 90))), 0, 0, *A4)
        if text:
            canvas.drawString(100, 700, text)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def docx() -> bytes:
    """A Word document: headings, a list, a table, a footnote-like paragraph with marks of Markdown and HTML."""
    from docx import Document

    made, word = io.BytesIO(), Document()
    word.core_properties.title = "Returns handbook"
    word.add_heading("Returns", 1)
    word.add_paragraph("Within thirty days.")
    word.add_heading("Abroad", 2)
    word.add_paragraph("Form 12 for Norway.", style="List Bullet")
    word.add_paragraph("Form 13 for Iceland.", style="List Bullet")
    table = word.add_table(2, 2)
    for row, values in enumerate((("Country", "Form"), ("Norway", "12"))):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    word.add_paragraph("After <b> and | too.")
    word.save(made)
    return made.getvalue()


def pptx() -> bytes:
    """A presentation: two slides with points and notes, one with a table."""
    from pptx import Presentation
    from pptx.util import Inches

    made, deck = io.BytesIO(), Presentation()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Plan {number}"
        slide.placeholders[1].text = f"First of {number}\nSecond of {number}"
        slide.notes_slide.notes_text_frame.text = f"say {number}"
    last = deck.slides.add_slide(deck.slide_layouts[5])
    last.shapes.title.text = "Numbers"
    table = last.shapes.add_table(2, 2, 0, 0, Inches(3), Inches(1)).table
    for row, values in enumerate((("Year", "Sales"), ("2026", "7"))):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    deck.save(made)
    return made.getvalue()


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """A workbook of these sheets."""
    from openpyxl import Workbook

    made, book = io.BytesIO(), Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(made)
    return made.getvalue()


def epub(chapters: Mapping[str, str], *, title: str = "The book") -> bytes:
    """An EPUB of these chapters (file name -> HTML body), in this reading order."""
    container = (
        '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    items = "".join(f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(chapters))
    refs = "".join(f'<itemref idref="i{n}"/>' for n in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{title}</dc:title></metadata><manifest>{items}</manifest><spine>{refs}</spine></package>"
    )
    pages = {
        f"OEBPS/{name}": f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'
        for name, body in chapters.items()
    }
    return zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": container, "OEBPS/c.opf": package, **pages})


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive of these members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def mail(body: str, *, html: bool = False, attached: Mapping[str, bytes] | None = None, subject: str = "Parking") -> bytes:
    """A mail from Ada to Bob."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Ada <ada@example.org>", "bob@example.org"
    message["Date"] = "Fri, 20 Nov 2026 10:00:00 +0000"
    message.set_content(body, subtype="html" if html else "plain")
    for name, data in (attached or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()
