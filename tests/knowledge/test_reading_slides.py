"""Does a presentation say what is shown: titles, tables, charts, diagrams, notes, footers once, and no hidden slides?"""

from __future__ import annotations

from pathlib import Path

from rung.knowledge.readers.converting import read
from rung.knowledge.readers.source import SourceFile
from rung.records import Document
from tests.knowledge import making, office_made
from tests.knowledge.office_xml import element, pptx, relations, shape, slide_of
from tests.knowledge.test_reading_workbooks import read_all

TABLE = "| Depot | In | Out |\n| --- | --- | --- |\n| North | 5 | 6 |\n| North | 7 | 8 |"


def said(*slides: str, related: dict[str, str] | None = None, **parts: str) -> str:
    """The text of a presentation with which nothing is wrong, and of which nothing is left out."""
    files = {f"ppt/{name}.xml": part for name, part in parts.items()}
    text, told, dropped = read_all("a.pptx", pptx(*slides, related=related, parts=files))
    assert (told, dropped) == ([], {})
    return text


def test_a_deck_of_everything() -> None:
    text, told, dropped = read_all("a.pptx", office_made.deck())
    assert (told, dropped) == ([], {"hidden slides": 1})
    assert text == (
        "## Plan 1\n\n- First of 1\n- Second of 1\n- The tank holds 3 x 10^6 litres\n\nNotes: say 1\n\n"
        f"## Numbers\n\n{TABLE}\n\nChart: Shares of 2026\n\n"
        "|  | Share | Plan |\n| --- | --- | --- |\n| North | 40% | 50% |\n| South | 60% | 50% |\n\n## Slide 4\n\nin a group"
    )


def test_hidden_slides_keep_their_page_numbers() -> None:
    made = pptx(shape("one"), slide_of(shape("two"), hidden=True), shape("three"))
    items = [item for _, item in read(SourceFile("a.pptx", Path("a.pptx"), made))]
    (document,) = [item for item in items if isinstance(item, Document)]
    assert document.text == "## Slide 1\n\none\n\n## Slide 3\n\nthree"
    assert document.meta["pages"] == [0, 15, 17]


def test_hidden_shapes_are_left_out_and_counted() -> None:
    made = pptx(shape("seen") + shape("unseen", properties=' hidden="1"'))
    assert read_all("a.pptx", made) == ("## Slide 1\n\nseen", [], {"hidden shapes": 1})


def test_footers_are_said_once_and_slide_numbers_never() -> None:
    slide = shape("Words", kind="title") + shape("Secret plan", kind="ftr") + shape("7", kind="sldNum")
    assert said(slide, slide.replace("Words", "More")) == "## Words\n\n## More\n\nSecret plan"


def test_points_have_their_levels_and_numbers() -> None:
    def point(text: str, level: int, number: str = "") -> str:
        automatic = f'<a:buAutoNum type="{number}"/>' if number else ""
        return f'<a:p><a:pPr lvl="{level}">{automatic}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>'

    points = (point("a", 0, "arabicPeriod"), point("b", 1, "alphaLcParenBoth"), point("c", 1, "alphaLcParenBoth"))
    more = (point("d", 0, "arabicPeriod"), point("e", 1, "alphaLcParenBoth"), point("f", 0), point("g", 0, "romanUcPeriod"))
    wanted = "1. a\n  - (a) b\n  - (b) c\n2. d\n  - (a) e\n- f\n- I. g"
    assert said(shape(*points, *more)) == f"## Slide 1\n\n{wanted}"


def test_runs_breaks_fields_and_equations_do_not_join_words() -> None:
    line = (
        "<a:p><a:r><a:t>CO</a:t></a:r><a:r><a:rPr baseline='-25000'/><a:t>2</a:t></a:r><a:br/>"
        "<a:r><a:rPr strike='sngStrike'/><a:t>40</a:t></a:r><a:fld type='datetime1'><a:t> 4 May</a:t></a:fld></a:p>"
    )
    math = "<a:p><a:r><a:t>It is </a:t></a:r><m:oMath><m:r><m:t>x</m:t></m:r></m:oMath></a:p>"
    assert said(shape(line, math)) == "## Slide 1\n\n- CO2 ~~40~~ 4 May\n- It is x"


def test_diagrams_are_lists() -> None:
    texts = {"1": "Plan", "2": "Do", "3": "Check"}
    points = '<dgm:pt modelId="0" type="doc"/>' + "".join(
        f'<dgm:pt modelId="{id}"><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>'
        for id, text in texts.items()
    )
    tree = (("0", "3", 1), ("0", "1", 0), ("1", "2", 0))
    lines = "".join(f'<dgm:cxn modelId="9{a}{b}" srcId="{a}" destId="{b}" srcOrd="{n}"/>' for a, b, n in tree)
    data = element("dgm:dataModel", f"<dgm:ptLst>{points}</dgm:ptLst><dgm:cxnLst>{lines}</dgm:cxnLst>")
    frame = '<p:graphicFrame><a:graphic><a:graphicData><dgm:relIds r:dm="d1"/></a:graphicData></a:graphic></p:graphicFrame>'
    text = said(frame, related={"d1": "diagramData ../d.xml"}, d=data)
    assert text == "## Slide 1\n\n- Plan\n  - Do\n- Check"


def test_what_layouts_write_is_said_once() -> None:
    shapes = shape("Northern Yards Ltd") + shape("Click", kind="title")
    layout = element("p:sldLayout", f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>")
    text = said(shape("a", kind="title"), related={"l1": "slideLayout ../l.xml"}, l=layout)
    assert text == "## a\n\nNorthern Yards Ltd"


def test_missing_and_broken_slides_are_told() -> None:
    made = pptx(shape("fine"), "<p:sld <", related={"x": "notesSlide ../missing.xml"})
    text, told, _ = read_all("a.pptx", made)
    assert text == "## Slide 1\n\nfine"
    assert len(told) == 1
    assert told[0].startswith("has a part ppt/slides/slide1.xml that is no XML")
    empty = making.zipped({"[Content_Types].xml": "<Types/>", "ppt/x.xml": "", "_rels/.rels": relations({})})
    assert read_all("a.pptx", empty)[1] == ["is no presentation that can be read: it lacks its part ppt/presentation.xml"]
