"""What do Word documents and presentations say? As Markdown: mammoth for DOCX, python-pptx for PPTX.

Workbooks are left to `sheets`.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from rung.errors import MissingExtra
from rung.knowledge.reading.html import to_markdown
from rung.knowledge.reading.markup import converted, paged, table
from rung.knowledge.reading.source import Item, SourceFile, Unusable
from rung.knowledge.reading.zips import opened

if TYPE_CHECKING:
    from pptx.shapes.base import BaseShape
    from pptx.slide import Slide

_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_HEADING = re.compile(r"^#{1,2} +(.+?) *$", re.MULTILINE)
_NO_TITLE = {"powerpoint presentation", "presentation", "untitled", "word document", "powerpoint-präsentation"}


def read_docx(file: SourceFile) -> Iterator[Item]:
    """A Word document as one document: headings, lists, tables, footnotes. Pages are made by the printer: it has none."""
    with opened(file) as archive:
        title = _core_title(archive)
    try:
        import mammoth
    except ImportError as error:
        raise MissingExtra("docs", "reading .docx files") from error
    logging.getLogger("mammoth").setLevel(logging.ERROR)
    nothing = mammoth.images.img_element(lambda _: {"src": ""})
    styles = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"
    try:
        page = mammoth.convert_to_html(io.BytesIO(file.data), convert_image=nothing, style_map=styles).value
    except (KeyError, AttributeError, ElementTree.ParseError, zipfile.BadZipFile, OSError) as error:
        raise Unusable(f"is no Word document that can be read ({type(error).__name__}: {error})") from error
    text = to_markdown(f"<html><body>{page}</body></html>")
    if not text:
        yield 0, "holds no text"
        return
    heading = _HEADING.search(text)
    yield 0, converted(file.id, text, title or (heading[1].strip("*_ ") if heading else "") or file.name)


def read_pptx(file: SourceFile) -> Iterator[Item]:
    """A presentation as one document: a page for each slide, with its tables and the speaker's notes."""
    with opened(file) as archive:
        title = _core_title(archive)
    try:
        from pptx import Presentation
        from pptx.exc import PythonPptxError
    except ImportError as error:
        raise MissingExtra("docs", "reading .pptx files") from error
    try:
        slides = [_slide(slide, number) for number, slide in enumerate(Presentation(io.BytesIO(file.data)).slides, 1)]
    except (KeyError, AttributeError, ValueError, PythonPptxError, SyntaxError) as error:
        raise Unusable(f"is no presentation that can be read ({type(error).__name__}: {error})") from error
    text, starts = paged(slides)
    if not text:
        yield 0, "holds no text, only images or empty slides"
        return
    heading = _HEADING.search(text)
    title = "" if title.lower() in _NO_TITLE else title
    yield 0, converted(file.id, text, title or (heading[1] if heading else "") or file.name, pages=starts)


def _slide(slide: Slide, number: int) -> str:
    top = slide.shapes.title
    heading = " ".join(top.text_frame.text.split()) if top is not None and top.has_text_frame else ""
    parts = [part for shape in slide.shapes if top is None or shape.shape_id != top.shape_id for part in _shape(shape)]
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
        parts.append("Notes: " + notes.text.strip())
    if not parts and not heading:
        return ""
    return "\n\n".join([f"## {heading or f'Slide {number}'}", *parts])


def _shape(shape: BaseShape) -> Iterator[str]:
    if inner := getattr(shape, "shapes", None):
        for one in inner:
            yield from _shape(one)
    elif getattr(shape, "has_table", False):
        yield table([[cell.text for cell in row.cells] for row in shape.table.rows])  # type: ignore[attr-defined]
    elif shape.has_text_frame:
        paragraphs = [p for p in shape.text_frame.paragraphs if p.text.strip()]  # type: ignore[attr-defined]
        listed = len(paragraphs) > 1
        lines = ["  " * p.level + ("- " if listed else "") + " ".join(p.text.split()) for p in paragraphs]
        if lines:
            yield "\n".join(lines)


def _core_title(archive: zipfile.ZipFile) -> str:
    """The title in the document's properties; "" where there is none."""
    if "docProps/core.xml" not in archive.namelist():
        return ""
    try:
        said = ElementTree.fromstring(archive.read("docProps/core.xml")).findtext(_TITLE)
    except ElementTree.ParseError:
        return ""  # its properties are broken; its text need not be
    return " ".join((said or "").split())
