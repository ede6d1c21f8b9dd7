"""Office documents written part by part, for what the libraries that make them cannot write."""

from __future__ import annotations

from collections.abc import Mapping

from tests.knowledge.making import zipped

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    ' xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    ' xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
    ' xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
    ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    ' xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    ' xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:s="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    f' xmlns:r="{_OFFICE}"'
)


def relations(targets: Mapping[str, str]) -> str:
    """A list of relationships: id -> "type target", with " !" behind what is outside."""
    rows = []
    for id, said in targets.items():
        kind, target, *outside = said.split(" ")
        mode = ' TargetMode="External"' if outside else ""
        rows.append(f'<Relationship Id="{id}" Type="{_OFFICE}/{kind}" Target="{target}"{mode}/>')
    return f'<Relationships xmlns="{_PACKAGE}">{"".join(rows)}</Relationships>'


def element(tag: str, inside: str) -> str:
    """A root element with all namespaces."""
    return f"<{tag} {_SPACES}>{inside}</{tag}>"


def docx(body: str, *, related: Mapping[str, str] | None = None, **parts: str) -> bytes:
    """A Word document with this body. `parts` are others of `word/`, by their names: `styles`, `numbering`, `footnotes`."""
    named = {"styles": "styles", "numbering": "numbering", "footnotes": "footnotes", "endnotes": "endnotes"}
    named |= {"comments": "comments", "settings": "settings"}
    targets = {f"n{name}": f"{named[name]} {name}.xml" for name in parts if name in named} | dict(related or {})
    files = {f"word/{name}.xml": part for name, part in parts.items()}
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relations({"r1": "officeDocument word/document.xml"}),
            "word/_rels/document.xml.rels": relations(targets),
            "word/document.xml": element("w:document", f"<w:body>{body}</w:body>"),
            **files,
        }
    )


def p(*runs: str, properties: str = "") -> str:
    """A paragraph; what is no element becomes a run."""
    inside = "".join(run if run.startswith("<") else r(run) for run in runs)
    return f"<w:p>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}{inside}</w:p>"


def r(text: str, properties: str = "") -> str:
    """A run."""
    said = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{said}<w:t xml:space="preserve">{text}</w:t></w:r>'


def raised(text: str) -> str:
    """A raised run."""
    return r(text, '<w:vertAlign w:val="superscript"/>')


def table(*rows: str) -> str:
    """A table of rows."""
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def tc(text: str, properties: str = "") -> str:
    """A cell."""
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"


def xlsx(sheet: str, *, strings: str = "", styles: str = "", book: str = "", strict: bool = False) -> bytes:
    """A workbook of one sheet, whose XML is given from `cols` to what follows the data."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    space = f'xmlns="{"http://purl.oclc.org/ooxml/spreadsheetml/main" if strict else main}" xmlns:r="{_OFFICE}"'
    targets = {"s1": "worksheet worksheets/sheet1.xml"}
    files: dict[str, str | bytes] = {"xl/worksheets/sheet1.xml": f"<worksheet {space}>{sheet}</worksheet>"}
    if strings:
        files["xl/sharedStrings.xml"] = f"<sst {space}>{strings}</sst>"
        targets["s2"] = "sharedStrings sharedStrings.xml"
    if styles:
        files["xl/styles.xml"] = f"<styleSheet {space}>{styles}</styleSheet>"
        targets["s3"] = "styles styles.xml"
    files["xl/workbook.xml"] = f'<workbook {space}>{book}<sheets><sheet name="S" sheetId="1" r:id="s1"/></sheets></workbook>'
    files["xl/_rels/workbook.xml.rels"] = relations(targets)
    files["_rels/.rels"] = relations({"r1": "officeDocument xl/workbook.xml"})
    return zipped({"[Content_Types].xml": "<Types/>", **files})


def pptx(*slides: str, related: Mapping[str, str] | None = None, parts: Mapping[str, str] | None = None) -> bytes:
    """A presentation of slides, each the XML inside its `spTree`; `related` are the relationships of the first one."""
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="s{n}"/>' for n in range(len(slides)))
    files: dict[str, str | bytes] = {
        f"ppt/slides/slide{n}.xml": slide if slide.startswith("<p:sld ") else slide_of(slide)
        for n, slide in enumerate(slides)
    }
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relations({"r1": "officeDocument ppt/presentation.xml"}),
            "ppt/presentation.xml": element("p:presentation", f"<p:sldIdLst>{ids}</p:sldIdLst>"),
            "ppt/_rels/presentation.xml.rels": relations(
                {f"s{n}": f"slide slides/slide{n}.xml" for n in range(len(slides))}
            ),
            "ppt/slides/_rels/slide0.xml.rels": relations(related or {}),
            **files,
            **(parts or {}),
        }
    )


def slide_of(tree: str, *, hidden: bool = False) -> str:
    """A slide around its shapes."""
    made = element("p:sld", f"<p:cSld><p:spTree>{tree}</p:spTree></p:cSld>")
    return made.replace("<p:sld ", '<p:sld show="0" ', 1) if hidden else made


def shape(*paragraphs: str, kind: str = "", properties: str = "") -> str:
    """A shape with text; `kind` of placeholder."""
    place = f'<p:ph type="{kind}"/>' if kind else ""
    lines = "".join(line if line.startswith("<") else f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in paragraphs)
    named = f'<p:cNvPr id="2" name="x"{properties}/>'
    return f"<p:sp><p:nvSpPr>{named}<p:cNvSpPr/><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>"
