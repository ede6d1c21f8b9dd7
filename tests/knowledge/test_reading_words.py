"""Does every reader keep the words that another program finds in the same file? What rules leave out is not asked for."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import re
import zipfile
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from tests.knowledge import making
from tests.knowledge.reading import given

WORD = re.compile(r"[^\W_]+")
PROSE = "Parcels of up to 12.5 kg go by road; heavier ones (say, 40 kg) by sea - see § 7, para. 3. Größe: 5 €. "
PAGE = (
    "<html><head><title>Yard</title></head><body><h1>Yard rules</h1><p>Gate <b>A7</b> opens at 6:30.</p>"
    "<ul><li>Cranes &amp; hoists<li>Lorries</ul>"
    "<table><caption>Fees</caption><tr><th>Kind<th>Fee<tr><td rowspan=2>Crane<td>12,50<tr><td>14,00</table>"
    "<blockquote>No smoking.</blockquote><pre>code = 7</pre><dl><dt>Hoist<dd>Lifts</dl><form><label>Your name</label></form>"
    f"<p>{PROSE}</p></body></html>"
)


def words(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.lower()))


class Texts(HTMLParser):
    """The text between tags, as the standard library has it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.feed(page.partition("<body>")[2])

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def html_text(page: str) -> str:
    return " ".join(Texts(page).parts)


def pdf_text(data: bytes) -> str:
    from pypdfium2 import PdfDocument

    return "\n".join(page.get_textpage().get_text_range() for page in PdfDocument(data))


def csv_text(data: bytes) -> str:
    return " ".join(cell for row in csv.reader(io.StringIO(data.decode()), delimiter=";") for cell in row)


def mail_text(data: bytes) -> str:
    message = email.message_from_bytes(data, policy=email.policy.default)
    return " ".join(str(part.get_content()) for part in message.walk() if part.get_content_type() == "text/plain")


def book_text(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return " ".join(html_text(archive.read(name).decode()) for name in archive.namelist() if name.endswith(".xhtml"))


def xml_text(data: bytes, folder: str, tag: str) -> str:
    """All text of an Office file, by its XML alone."""
    said: list[str] = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.startswith(folder) and name.endswith(".xml"):
                root = ElementTree.fromstring(archive.read(name))
                said += [element.text or "" for element in root.iter() if element.tag.rpartition("}")[2] == tag]
    return " ".join(said)


def sheet_text(data: bytes) -> str:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(data), data_only=True)
    return " ".join(str(value) for sheet in book for row in sheet.iter_rows(values_only=True) for value in row)


def made_pdf() -> bytes:
    from reportlab.lib.styles import getSampleStyleSheet

    made, body = io.BytesIO(), getSampleStyleSheet()["BodyText"]
    rows = [["Part", "Town", "Fee EUR"], *([f"P{n}", ("Oslo", "Bergen")[n % 2], f"{n * 7},50"] for n in range(90))]
    story = [Paragraph(f"{PROSE * 5} Section {n}.", body) for n in range(12)]
    SimpleDocTemplate(made, pagesize=A4).build([*story, Table(rows), Paragraph("The last words.", body)])
    return made.getvalue()


CSV = ("Name;Town;Fee\n" + "".join(f"Part {n};Oslo;{n},50\n" for n in range(60))).encode()
MAIL = making.mail(PROSE)
BOOK = making.epub({"z.xhtml": PAGE.partition("<body>")[2].partition("</body>")[0], "a.xhtml": f"<p>{PROSE}</p>"})
XLSX = making.xlsx({"Fees": [["Name", "Town", "Fee"], *([f"Part {n}", "Oslo", n] for n in range(60))]})
FILES = {
    "a.pdf": (made_pdf(), pdf_text(made_pdf())),
    "b.pdf": (making.pdf(3), pdf_text(making.pdf(3))),
    "a.html": (PAGE.encode(), html_text(PAGE)),
    "a.csv": (CSV, csv_text(CSV)),
    "a.eml": (MAIL, mail_text(MAIL)),
    "a.epub": (BOOK, book_text(BOOK)),
    "a.docx": (making.docx(), xml_text(making.docx(), "word/document", "t")),
    "a.pptx": (making.pptx(), xml_text(making.pptx(), "ppt/slides/slide", "t")),
    "a.xlsx": (XLSX, sheet_text(XLSX)),
    "a.txt": (PROSE.encode("cp1252"), PROSE),
}


@pytest.mark.parametrize("name", FILES)
def test_no_word_is_lost_and_none_is_added(name: str) -> None:
    data, independent = FILES[name]
    documents, _, _ = given(name, data)
    got, wanted = words(" ".join(document.text for document in documents)), words(independent)
    assert wanted
    assert set(wanted) <= set(got)
    assert {word: count for word, count in (wanted - got).items() if word != "page"} == {}
    repeated = 2 if name in ("a.csv", "a.xlsx") else 1.25  # heads of a long table stand beside every value
    assert got.total() <= repeated * wanted.total() + 30
