"""Does every kind of file become the text that a person sees in it, with its tables, its pages and its title?"""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.knowledge.readers.converting import read
from rung.knowledge.readers.markup import paged, table
from rung.knowledge.readers.registry import readers
from rung.knowledge.readers.source import SourceFile
from rung.records import Document, Dropped
from tests.knowledge import making


def given_file(name: str, data: bytes | str) -> tuple[list[Document], list[str]]:
    """What its reader makes of a file, in this process: documents, and what was said."""
    items = list(read(SourceFile(name, Path(name), data.encode() if isinstance(data, str) else data)))
    return [i for _, i in items if isinstance(i, Document)], [i for _, i in items if isinstance(i, str)]


def one(name: str, data: bytes | str) -> Document:
    """The one document of a file that has nothing wrong with it."""
    documents, said = given_file(name, data)
    assert said == []
    assert len(documents) == 1
    assert documents[0].id == documents[0].source == name
    return documents[0]


def pages_of(document: Document) -> list[str]:
    """The text of each page, by `meta.pages`."""
    said = document.meta["pages"]
    assert isinstance(said, list)
    starts = [start for start in said if isinstance(start, int)]
    assert starts == said
    return [document.text[a:b] for a, b in zip(starts, [*starts[1:], len(document.text)], strict=True)]


@pytest.mark.parametrize("grid", [True, False])
def test_a_pdf_keeps_headings_tables_and_pages(grid: bool) -> None:
    document = one("docs/rates.pdf", making.pdf(3, grid=grid))
    assert (document.title, document.meta["format"]) == ("Rates", "markdown")
    pages = pages_of(document)
    assert len(pages) == 3
    for number, page in enumerate(pages, 1):
        assert page.startswith(f"# Rates of {2000 + number}\n")
        assert "| Norway | 12 EUR | 5 |" in page
        assert f"The end of sheet {number}." in page
        assert page.count("These are the rates") == 4


def test_the_title_of_a_pdf_that_names_none_is_its_first_heading() -> None:
    assert one("a.pdf", making.pdf(title="Microsoft Word - rates.doc")).title == "Rates of 2001"
    assert one("notes.pdf", making.drawn("one line")).title == "notes"


def test_a_pdf_that_only_forbids_copying_is_read() -> None:
    assert one("a.pdf", making.drawn("may be read", owner="boss")).text == "may be read"


def test_a_page_without_text_among_others_keeps_the_page_numbers() -> None:
    from io import BytesIO

    from reportlab.pdfgen.canvas import Canvas

    made = BytesIO()
    canvas = Canvas(made)
    for text in ("first page here", "", "third page here"):
        canvas.drawString(100, 700, text)
        canvas.showPage()
    canvas.save()
    pages = pages_of(one("a.pdf", made.getvalue()))
    assert [page.strip() for page in pages] == ["first page here", "", "third page here"]


def test_a_word_document() -> None:
    document = one("a.docx", making.docx())
    assert document.title == "Returns handbook"
    assert document.text == (
        "# Returns\n\nWithin thirty days.\n\n## Abroad\n\n- Form 12 for Norway.\n- Form 13 for Iceland.\n\n"
        "| Country | Form |\n| --- | --- |\n| Norway | 12 |\n\nAfter <b> and | too.\n"
    )


def test_a_presentation_has_a_page_for_each_slide() -> None:
    document = one("a.pptx", making.pptx())
    pages = [page.strip() for page in pages_of(document)]
    assert document.title == "Plan 1"
    assert pages[1] == "## Plan 2\n\n- First of 2\n- Second of 2\n\nNotes: say 2"
    assert pages[2] == "## Numbers\n\n| Year | Sales |\n| --- | --- |\n| 2026 | 7 |"


def test_a_workbook() -> None:
    rows: list[list[object]] = [
        ["Region", "Price", "From"],
        ["Norway", 12.5, datetime.date(2026, 1, 2)],
        ["a|b\nc", 9.0, None],
        [],
        ["", True, "x"],
    ]
    document = one("rates.xlsx", making.xlsx({"Rates": rows, "Empty": [], "More": [["k", "v"], [1, 2]]}))
    assert document.text == (
        "## Rates\n\n| Region | Price | From |\n| --- | --- | --- |\n| Norway | 12.5 | 2026-01-02 |\n| a\\|b c | 9 |  |\n"
        "|  | TRUE | x |\n\n## More\n\n| k | v |\n| --- | --- |\n| 1 | 2 |\n"
    )


def test_hidden_sheets_are_left_out_and_said() -> None:
    import io

    from openpyxl import load_workbook

    made, book = io.BytesIO(), load_workbook(io.BytesIO(making.xlsx({"Open": [["seen", "by"]], "Pay": [["secret", "sum"]]})))
    book["Pay"].sheet_state = "hidden"
    book.save(made)
    items = [item for _, item in read(SourceFile("a.xlsx", Path("a.xlsx"), made.getvalue()))]
    (document,) = [item for item in items if isinstance(item, Document)]
    assert "seen" in document.text
    assert "secret" not in document.text
    assert [item for item in items if not isinstance(item, Document)] == [Dropped("a.xlsx", "hidden sheets", 1)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", 'id,name,price\n1,Apple,2.5\n2,"Pear, green",3\n'),
        ("a.csv", "\ufeffid;name;price\r\n1;Apple;2.5\r\n2;Pear, green;3\r\n"),
        ("a.tsv", "id\tname\tprice\n1\tApple\t2.5\n2\tPear, green\t3\n"),
    ],
)
def test_csv_whatever_its_delimiter(name: str, data: str) -> None:
    wanted = "| id | name | price |\n| --- | --- | --- |\n| 1 | Apple | 2.5 |\n| 2 | Pear, green | 3 |\n"
    assert one(name, data).text == wanted


def test_each_row_of_a_long_table_says_its_headings() -> None:
    text = one("long.csv", "city,people\n" + "\n".join(f"Town {n},{n}" for n in range(100))).text
    assert text.startswith("city: Town 0; people: 0\n\ncity: Town 1; people: 1\n\n")


PAGE = """<!DOCTYPE html><html><head>
<title>My &amp; page</title><script>var secret = 1</script><style>p {}</style></head><body>
<nav><a href="/">Home</a></nav><h1>Head</h1><p>Text &amp; <b>bold</b>.</p>
<table><tr><th>A<th>B<tr><td>1<td>2</table><ul><li>one<li>two</ul><pre><code class="language-python">def f():
    pass</code></pre></body></html>"""


def test_a_web_page() -> None:
    document = one("a.html", PAGE)
    assert document.title == "My & page"
    assert document.text == (
        "# Head\n\nText & **bold**.\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\n- one\n- two\n"
        "\n```python\ndef f():\n    pass\n```\n"
    )


def test_the_declared_encoding_of_a_page_counts() -> None:
    page = '<html><head><meta charset="iso-8859-2"><title>x</title></head><body><p>Łódź i Kraków</p></body></html>'
    assert one("a.htm", page.encode("iso-8859-2")).text == "Łódź i Kraków\n"


def test_what_stands_around_the_main_part_of_a_page_is_left_out() -> None:
    main = "<h1>Returns</h1><p>" + "Thirty days it is. " * 20 + "</p>"
    page = f"<html><body><div>Cookies!</div><main class='x'>{main}</main><footer>Imprint</footer></body></html>"
    text = one("a.html", page).text
    assert text.startswith("# Returns\n\nThirty days it is.")
    assert "Cookies" not in text and "Imprint" not in text  # noqa: PT018
    assert "Imprint" in one("a.html", page.replace(main, "<p>short</p>")).text


RST = """Title
=====

Intro with ``code``, :ref:`a link <target>` and :py:func:`f`.

Section
-------

* a
* b

.. versionadded:: 3.2
   It *began* here.

.. toctree::

   secret/page

.. include:: /etc/passwd

.. code-block:: python

   x = 1

=====  =====
A      B
=====  =====
1      2
=====  =====
"""


def test_restructured_text_with_directives_of_sphinx() -> None:
    document = one("a.rst", RST)
    assert document.title == "Title"
    for wanted in (
        "# Title",
        "## Section",
        "- a",
        "```",
        "x = 1",
        "| A | B |",
        "| 1 | 2 |",
        "a link",
        "`f`",
        "It *began* here",
    ):
        assert wanted in document.text
    assert "root:" not in document.text


def test_a_mail_and_what_is_attached_to_it() -> None:
    attached = {
        "rates.pdf": making.pdf(),
        "logo.png": b"\x89PNG\r\n",
        "../evil.txt": b"a text",
        "inner.eml": making.mail("deep"),
    }
    documents, said = given_file(
        "post/m.eml", making.mail("It is behind the warehouse.", attached=attached, subject="Parking ü")
    )
    assert said == []
    assert [d.id for d in documents] == ["post/m.eml", "post/m.eml/rates.pdf", "post/m.eml/evil.txt", "post/m.eml/inner.eml"]
    first = documents[0]
    assert first.title == "Parking ü"
    assert first.text.startswith("# Parking ü\n\nFrom: Ada <ada@example.org>")
    assert "behind the warehouse" in first.text
    assert first.meta["date"] == "2026-11-20T10:00:00+00:00"
    assert "deep" in documents[3].text


def test_a_mail_of_html() -> None:
    assert "the **new** yard" in one("m.eml", making.mail("<p>See the <b>new</b> yard</p>", html=True)).text


def test_a_book_in_reading_order() -> None:
    document = one(
        "b.epub", making.epub({"z.xhtml": "<h1>One</h1><p>First.</p>", "a.xhtml": "<h1>Two</h1>"}, title="My book")
    )
    assert document.title == "My book"
    assert document.text == "# One\n\nFirst.\n\n# Two"


def test_json_is_a_list_of_documents_or_text() -> None:
    documents, said = given_file(
        "d.json", '[{"id": "a", "text": "one", "groups": ["x"]}, {"id": "b"}, {"id": "c", "text": "three"}]'
    )
    assert [(d.id, d.groups) for d in documents] == [("a", ("x",)), ("c", ())]
    assert said == ["item 2: 'text' of 'b' must be text that is not empty: got nothing; left out"]
    assert one("config.json", '{"port": 8080}').text == '{"port": 8080}'
    assert given_file("d.json", '{"port": }')[1] == ["is no JSON (Expecting value, column 10); left out"]


def test_source_code_keeps_its_text_and_names_its_language() -> None:
    code = "def f():\r\n    return 1\r\n"
    document = one("src/a.py", code)
    assert (document.text, document.title, document.meta) == (code, "src/a.py", {"language": "python"})
    assert one("a.rs", "fn main() {}").meta == {"language": "rust"}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=8))
def test_pages_are_where_they_are_said_to_be(pages: list[str]) -> None:
    text, starts = paged(pages)
    assert len(starts) == len(pages)
    assert starts == sorted(starts)
    for page, start in zip(pages, starts, strict=True):
        assert text.startswith(page.strip("\n"), start)


@given(st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=60))
def test_no_cell_of_a_table_is_lost(rows: list[list[str]]) -> None:
    made = table(rows)
    for row in rows[1:]:
        for value in row:
            assert " ".join(value.split()).replace("|", "\\|") in made or " ".join(value.split()) in made


@given(
    st.binary(max_size=200),
    st.sampled_from(sorted(readers())),
    st.sampled_from([b"", b"%PDF-1.7\n", b"PK\x03\x04", b"<html>"]),
)
def test_no_bytes_stop_a_reader(data: bytes, suffix: str, head: bytes) -> None:
    for _, item in read(SourceFile(f"a{suffix}", Path(f"a{suffix}"), head + data)):
        assert isinstance(item, (Document, str, Dropped))
        assert not isinstance(item, str) or "its reader failed" not in item, item
