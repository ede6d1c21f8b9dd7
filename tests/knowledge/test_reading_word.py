"""Does a Word document say what a person sees in it: numbers, fields, equations, notes, tables, and nothing else?"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.knowledge import making, office_xml
from tests.knowledge.office_xml import docx, element, p, r, raised, table, tc
from tests.knowledge.test_reading_workbooks import png, read_all

OFFICE = Path(__file__).parent / "office"
FIELD = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'


def text_of(body: str, *, related: dict[str, str] | None = None, **parts: str) -> str:
    """The text of a document of this body with which nothing is wrong, and of which nothing is left out."""
    text, said, dropped = read_all("a.docx", docx(body, related=related, **parts))
    assert (said, dropped) == ([], {})
    return text.rstrip("\n")


def field(instruction: str, shown: str) -> str:
    """A field that spans several runs."""
    begin = FIELD.format("begin") + f"<w:r><w:instrText>{instruction}</w:instrText></w:r>"
    return begin + (FIELD.format("separate") + r(shown) if shown else "") + FIELD.format("end")


def numbering(*levels: tuple[str, str], extra: str = "") -> str:
    """A list (number 1) of levels, each (form, text)."""
    made = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for n, (form, text) in enumerate(levels)
    )
    abstract = f'<w:abstractNum w:abstractNumId="7">{made}</w:abstractNum>'
    return element("w:numbering", f'{abstract}<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>{extra}')


def numbered(text: str, level: int = 0, *, number: int = 1, style: str = "") -> str:
    """A paragraph of a list."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    said = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return p(text, properties=named + said)


HEADINGS = element(
    "w:styles",
    "".join(f'<w:style w:styleId="H{n}"><w:name w:val="heading {n}"/></w:style>' for n in (1, 2))
    + '<w:style w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="H2"/></w:style>'
    + '<w:style w:styleId="Secret"><w:rPr><w:vanish/></w:rPr></w:style>'
    + '<w:style w:styleId="Mark"><w:rPr><w:vertAlign w:val="superscript"/></w:rPr></w:style>',
)


def test_what_stands_inside_a_paragraph_is_kept() -> None:
    text, said, dropped = read_all("inline.docx", (OFFICE / "inline.docx").read_bytes())
    assert text == (
        "Call 040-123-99 today.\n\nDonaudampfschiff leaves at six.\n\nAngle 90° at the joint.\n\n"
        "The area is A=12x^2 in total.\n\nSmart tagged Paris office.\n\n4 May 2026 is the deadline.\n\n"
        "ALLCAPS small ~~struck price 40~~ new price 55\n\nBefore\tAfter\nNext\n"
    )
    assert (said, dropped) == ([], {"hidden pieces of text": 1})


def test_raised_text_is_an_exponent_or_the_mark_of_a_note() -> None:
    text, said, _ = read_all("limits.docx", (OFFICE / "limits.docx").read_bytes())
    assert said == []
    assert text == (
        "The tank holds 3 x 10^6 litres.\n\nThe floor area is 48 m^2.\n\nThe deposit is 25 [1] euro.\n\n"
        "[1] Waived for students.\n"
    )
    low = r("2", '<w:vertAlign w:val="subscript"/>')
    assert text_of(p("H", low, "O at the 1", raised("st"), " of May")) == "H2O at the 1st of May"
    assert text_of(p("10", raised("1"), raised("2"), " of them")) == "10^12 of them"
    assert text_of(p("10", r("6", '<w:rStyle w:val="Mark"/>')), styles=HEADINGS) == "10^6"
    assert text_of(p("5 x 10", r("3", '<w:position w:val="8"/><w:sz w:val="14"/>'))) == "5 x 10^3"


def test_headings_have_their_automatic_numbers() -> None:
    list_of_two = numbering(("decimal", "%1"), ("decimal", "%1.%2"))
    body = (
        numbered("Scope", style="H1")
        + numbered("Goods", 1, style="H2")
        + numbered("Services", 1, style="Own")
        + numbered("Terms", style="H1")
        + numbered("Payment", 1, style="H2")
        + p("Plain", properties='<w:outlineLvl w:val="2"/>')
    )
    wanted = "# 1 Scope\n\n## 1.1 Goods\n\n## 1.2 Services\n\n# 2 Terms\n\n## 2.1 Payment\n\n### Plain"
    assert text_of(body, numbering=list_of_two, styles=HEADINGS) == wanted


def test_lists_show_what_stands_before_their_items() -> None:
    lists = numbering(("decimal", "%1."), ("lowerLetter", "(%2)"), ("bullet", ""), ("lowerRoman", "%2-%4"))
    body = "".join(numbered(text, level) for text, level in (("a", 0), ("b", 1), ("c", 1), ("d", 2), ("e", 0), ("f", 1)))
    assert text_of(body, numbering=lists) == "1. a\n  - (a) b\n  - (b) c\n    - d\n2. e\n  - (a) f"
    legal = numbering(("upperRoman", "Article %1"), ("decimal", "§ %1.%2"))
    legal = legal.replace('<w:lvlText w:val="§', '<w:isLgl/><w:lvlText w:val="§')
    assert text_of(numbered("X") + numbered("Y", 1), numbering=legal) == "Article I X\n\n§ 1.1 Y"


def test_a_list_that_begins_again_counts_again() -> None:
    again = '<w:num w:numId="2"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/>'
    lists = numbering(("decimal", "%1."), extra=f"{again}</w:lvlOverride></w:num>")
    body = numbered("a") + numbered("b") + numbered("c", number=2) + numbered("d", number=2) + numbered("x", number=0)
    assert text_of(body, numbering=lists) == "1. a\n2. b\n5. c\n6. d\n\nx"


def test_fields_show_their_results_and_pages_do_not() -> None:
    body = p("See ", field(" REF _R1 \\h ", "Table 3"), " on ", field("DATE", "4 May"), field(" XE a ", ""), ".")
    assert text_of(body) == "See Table 3 on 4 May."
    nested = field("IF 1 = 1 ", "yes").replace("IF 1", f"IF </w:instrText></w:r>{field('PAGE', '7')}<w:r><w:instrText>")
    assert text_of(p("Is it? ", nested)) == "Is it? yes"
    assert text_of(p("Page ", field("PAGE", "7"), " here")) == "Page  here"
    box = "<w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData>"
    ticked = f'<w:r><w:fldChar w:fldCharType="begin">{box}</w:fldChar></w:r>'
    end = "<w:r><w:instrText> FORMCHECKBOX </w:instrText></w:r>" + FIELD.format("end")
    assert text_of(p("Agreed ", ticked + end)) == "Agreed ☒"


def test_a_field_without_a_result_is_counted() -> None:
    body = p("Total ", field("=SUM(ABOVE)", ""), '<w:fldSimple w:instr=" DATE "/>')
    assert read_all("a.docx", docx(body)) == ("Total\n", [], {"fields without a result": 2})


@pytest.mark.parametrize(
    ("equation", "wanted"),
    [
        ("<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>", "(a+b)/2"),
        ("<m:rad><m:deg/><m:e><m:r><m:t>x</m:t></m:r></m:e></m:rad>", "sqrt(x)"),
        (
            '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub><m:r><m:t>i=1</m:t></m:r></m:sub>'
            "<m:sup><m:r><m:t>n</m:t></m:r></m:sup><m:e><m:r><m:t>i</m:t></m:r></m:e></m:nary>",
            "sum_(i=1)^n i",
        ),
        ("<m:d><m:e><m:r><m:t>x</m:t></m:r></m:e><m:e><m:r><m:t>y</m:t></m:r></m:e></m:d>", "(x|y)"),
        (
            "<m:sSubSup><m:e><m:r><m:t>a</m:t></m:r></m:e><m:sub><m:r><m:t>1</m:t></m:r></m:sub>"
            "<m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSubSup>",
            "a_1^2",
        ),
        (
            "<m:m><m:mr><m:e><m:r><m:t>1</m:t></m:r></m:e><m:e><m:r><m:t>2</m:t></m:r></m:e></m:mr>"
            "<m:mr><m:e><m:r><m:t>3</m:t></m:r></m:e><m:e><m:r><m:t>4</m:t></m:r></m:e></m:mr></m:m>",
            "[1, 2; 3, 4]",
        ),
        ("<m:func><m:fName><m:r><m:t>sin</m:t></m:r></m:fName><m:e><m:r><m:t>x</m:t></m:r></m:e></m:func>", "sin(x)"),
        ('<m:acc><m:accPr><m:chr m:val="⃗"/></m:accPr><m:e><m:r><m:t>v</m:t></m:r></m:e></m:acc>', "vec(v)"),
        ("<m:unknown><m:e><m:r><m:t>kept</m:t></m:r></m:e></m:unknown>", "kept"),
    ],
)
def test_equations_are_written_on_one_line(equation: str, wanted: str) -> None:
    assert text_of(p("It is ", f"<m:oMath>{equation}</m:oMath>", " here")) == f"It is {wanted} here"
    assert text_of(p(f"<m:oMathPara><m:oMath>{equation}</m:oMath></m:oMathPara>")) == wanted


def test_tracked_changes_are_taken_as_accepted() -> None:
    gone = '<w:del w:id="1"><w:r><w:delText>forty </w:delText></w:r></w:del>'
    body = p("Pay ", gone, f"<w:ins>{r('fifty ')}</w:ins>", "euro") + p("moved", properties="")
    text, said, dropped = read_all("a.docx", docx(body + p(f"<w:moveFrom>{r('away')}</w:moveFrom>")))
    assert (text, said) == ("Pay fifty euro\n\nmoved\n", [])
    assert dropped == {"deleted passages (tracked changes)": 2}
    joined = p("one ", properties='<w:rPr><w:del w:id="1"/></w:rPr>') + p("paragraph")
    assert text_of(joined) == "one paragraph"


def test_notes_and_comments_stand_behind_their_paragraphs() -> None:
    notes = element(
        "w:footnotes", f'<w:footnote w:type="separator" w:id="0"/><w:footnote w:id="2">{p("Not on Sundays.")}</w:footnote>'
    )
    ends = element("w:endnotes", f'<w:endnote w:id="5">{p("See the law.")}</w:endnote>')
    said = element("w:comments", f'<w:comment w:id="3" w:author="Ada">{p("Is it so?")}</w:comment>')
    body = (
        p("It costs 25", '<w:r><w:footnoteReference w:id="2"/></w:r>', " euro", '<w:r><w:commentReference w:id="3"/></w:r>')
        + p("By law", '<w:r><w:endnoteReference w:id="5"/></w:r>', ".")
        + p("End")
    )
    assert text_of(body, footnotes=notes, endnotes=ends, comments=said) == (
        "It costs 25 [1] euro\n\n[1] Not on Sundays.\n\n[Comment by Ada: Is it so?]\n\n"
        "By law [i].\n\n[i] See the law.\n\nEnd"
    )


def test_tables_fill_merged_cells_and_know_their_heads() -> None:
    restart, goes_on, wide = '<w:vMerge w:val="restart"/>', "<w:vMerge/>", '<w:gridSpan w:val="2"/>'
    head = "<w:trPr><w:tblHeader/></w:trPr>"
    rows = (
        head + tc("Depot", restart) + tc("2026", wide),
        head + tc("", goes_on) + tc("in") + tc("out"),
        tc("North", restart) + tc("5") + tc("6"),
        tc("", goes_on) + tc("7") + tc("8"),
    )
    wanted = "| Depot | 2026 in | 2026 out |\n| --- | --- | --- |\n| North | 5 | 6 |\n| North | 7 | 8 |"
    assert text_of(p("Before") + table(*rows)) == f"Before\n\n{wanted}"


def test_tables_within_tables_and_tables_of_one_column() -> None:
    inner = table(tc("a") + tc("b"), tc("c") + tc("d"))
    outer = f"<w:tbl><w:tr>{tc('Name')}{tc('What')}</w:tr><w:tr>{tc('x')}<w:tc>{inner}{p('')}</w:tc></w:tr></w:tbl>"
    assert text_of(outer) == "| Name | What |\n| --- | --- |\n| x | a, b c, d |"
    note = p("Note", properties='<w:outlineLvl w:val="0"/>')
    box = f"<w:tbl><w:tr><w:tc>{note}{inner}</w:tc></w:tr></w:tbl>"
    assert text_of(box).startswith("# Note\n\n| a | b |")


def test_hidden_rows_and_styles_follow_the_rule() -> None:
    hidden = f"<w:tbl><w:tr>{tc('a')}{tc('b')}</w:tr><w:tr><w:trPr><w:hidden/></w:trPr>{tc('c')}{tc('d')}</w:tr></w:tbl>"
    body = hidden + p("secret", properties='<w:pStyle w:val="Secret"/>') + p(r("shown", '<w:vanish w:val="0"/>'))
    text, said, dropped = read_all("a.docx", docx(body, styles=HEADINGS))
    assert "secret" not in text and "c" not in text.split() and "shown" in text  # noqa: PT018
    assert said == []
    assert dropped == {"hidden rows": 1, "hidden pieces of text": 1}


def test_content_controls_links_and_alternatives() -> None:
    control = f"<w:sdt><w:sdtPr/><w:sdtContent>{r('chosen')}</w:sdtContent></w:sdt>"
    link = f'<w:hyperlink r:id="l1">{r("our site")}</w:hyperlink>'
    same = f'<w:hyperlink r:id="l1">{r("example.org/x")}</w:hyperlink>'
    box = f"<wps:txbx><w:txbxContent>{p('In a box')}</w:txbxContent></wps:txbx>"
    old = f"<w:pict><v:textbox><w:txbxContent>{p('In a box')}</w:txbxContent></v:textbox></w:pict>"
    branches = f"<mc:Choice><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback>{old}</mc:Fallback>"
    both = f"<w:r><mc:AlternateContent>{branches}</mc:AlternateContent></w:r>"
    block = f"<w:sdt><w:sdtContent>{p('A block')}</w:sdtContent></w:sdt>"
    related = {"l1": "hyperlink https://example.org/x !"}
    text, said, dropped = read_all("a.docx", docx(p(control, " ", link, " ", same, both) + block, related=related))
    assert text == "chosen [our site](https://example.org/x) example.org/x\n\nIn a box\n\nA block\n"
    assert (said, dropped) == ([], {})


def test_headers_and_footers_are_read_once() -> None:
    section = (
        '<w:sectPr><w:headerReference w:type="default" r:id="h"/><w:headerReference w:type="first" r:id="h1"/>'
        '<w:footerReference w:type="default" r:id="f"/></w:sectPr>'
    )
    parts = {
        "head": element("w:hdr", p("Works agreement 7")),
        "first": element("w:hdr", p("never shown")),
        "foot": element("w:ftr", p("Page ", field("PAGE", "3"), " of ", field("NUMPAGES", "9"))),
    }
    related = {"h": "header head.xml", "h1": "header first.xml", "f": "footer foot.xml"}
    body = p("One", properties=section) + p("Two") + section
    text, said, _ = read_all("a.docx", docx(body, related=related, **parts))
    assert (text, said) == ("One\n\nTwo\n\nHeader: Works agreement 7\n", [])


def test_images_charts_and_embedded_files() -> None:
    from docx import Document

    word, out = Document(), io.BytesIO()
    word.add_paragraph("Before")
    word.add_picture(io.BytesIO(png()))
    word.add_picture(io.BytesIO(png()))
    word.element.body.xpath(".//wp:docPr")[0].set("descr", "The yard from above")
    word.save(out)
    text, said, dropped = read_all("a.docx", out.getvalue())
    assert (text, said) == ("Before\n\n[Image: The yard from above]\n", [])
    assert dropped == {"images without text": 1}
    chart = element(
        "c:chartSpace",
        "<c:chart><c:plotArea><c:pieChart><c:ser><c:tx><c:v>Share</c:v></c:tx><c:cat><c:strRef><c:strCache>"
        '<c:pt idx="0"><c:v>North</c:v></c:pt></c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache>'
        '<c:formatCode>0%</c:formatCode><c:pt idx="0"><c:v>0.4</c:v></c:pt></c:numCache></c:numRef></c:val>'
        "</c:ser></c:pieChart></c:plotArea></c:chart>",
    )
    body = p('<w:r><w:drawing><c:chart r:id="c1"/></w:drawing></w:r>', "As drawn")
    drawn = read_all("a.docx", docx(body, related={"c1": "chart chart.xml"}, chart=chart))
    assert drawn == ("As drawn\n\nChart\n\n|  | Share |\n| --- | --- |\n| North | 40% |\n", [], {})


def test_text_that_looks_like_a_heading_is_none() -> None:
    assert text_of(p("# not a heading") + p("#tag")) == "\\# not a heading\n\n#tag"


def test_a_document_in_the_strict_vocabulary() -> None:
    body = p("Strict words", properties='<w:outlineLvl w:val="0"/>')
    made = making.zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": office_xml.relations({"r1": "officeDocument word/d2.xml"}).replace(
                "http://schemas.openxmlformats.org/officeDocument/2006", "http://purl.oclc.org/ooxml/officeDocument"
            ),
            "word/d2.xml": element("w:document", f"<w:body>{body}</w:body>").replace(
                "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
                "http://purl.oclc.org/ooxml/wordprocessingml/main",
            ),
        }
    )
    assert read_all("a.docx", made) == ("# Strict words\n", [], {})


def test_broken_parts_are_told_and_the_rest_is_read() -> None:
    text, said, _ = read_all("a.docx", docx(p("Words"), styles="<w:styles", footnotes="no"))
    assert text == "Words\n"
    assert len(said) == 2
    assert all(message.startswith("has a part word/") and "that is no XML" in message for message in said)
    (message,) = read_all("a.docx", making.zipped({"[Content_Types].xml": "<Types/>", "word/x.xml": ""}))[1]
    assert message == "is no Word document that can be read: it lacks its part word/document.xml"


def test_a_document_that_is_nested_without_end() -> None:
    deep = "<w:smartTag>" * 20_000 + r("deep") + "</w:smartTag>" * 20_000
    text, said, _ = read_all("a.docx", docx(p(deep)))
    assert text or said == ["is nested too deeply to be read; left out"]


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        (r"EQ \f(3;4)", "3/4"),
        (r"EQ \f(3,4)", "3/4"),
        (r"eq \f((a+b);2c)", "(a+b)/2c"),
        (r"EQ x\s\up8(2) + \r(3;x+1)", "x^2 + (x+1)^(1/3)"),
        (r"EQ \b\bc\[(\f(a;b+c))", "[a/(b+c)]"),
        (r"EQ \i\su(i=1;n;x\s\do4(i))", "Σ_(i=1)^n x_i"),
        (r"EQ \o(a;b)\\ \(c\)", "ab\\ (c)"),
        (r"EQ \f(3", "3"),
    ],
)
def test_formulas_in_fields(instruction: str, said: str) -> None:
    assert text_of(p("It is ", field(instruction, ""), " litre")) == f"It is {said} litre"
