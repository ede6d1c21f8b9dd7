"""An HTML page as a tree that holds what a person reads in it: without scripts, navigation, form fields and hidden parts.

What was left out is counted. How the rest is written is left to `html`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import escape
from html.entities import html5
from typing import TYPE_CHECKING, TypeAlias

from rung.errors import MissingExtra
from rung.knowledge.readers.html_styles import write_styles
from rung.knowledge.readers.source import Unusable

if TYPE_CHECKING:
    from lxml.etree import _Element

    Element: TypeAlias = _Element

HIDDEN = "hidden parts"
OUTSIDE = "words outside the main part"
NAVIGATION = "words of navigation"
FIELDS = "form fields"
TOO_DEEP = "parts nested too deep to be read"
DEEPEST = 2_000  # tags within tags; the parser stops there
_UNREAD = frozenset({"script", "style", "head", "iframe", "object", "embed", "canvas", "rp"})
_FIELDS = frozenset({"input", "select", "textarea", "button", "datalist"})
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all", re.IGNORECASE)
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff"  # what XML cannot hold
_UNSEEN = re.compile(f"[{_CONTROLS}\u00ad\u200b\u2060\ufeff\ue000-\uf8ff]")  # and what nobody sees
_XHTML = re.compile(r"\A\s*(?:<\?xml\b[^>]*\?>\s*)?(?:<!DOCTYPE[^>]*>\s*)?<html\b[^>]*xmlns=", re.IGNORECASE)
_ENTITY = re.compile(r"&([a-zA-Z]\w{1,31});")
_OF_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})
_CLOSED = re.compile(r"<(title|script|style|textarea|iframe|a|p|div|span|i|b|em|td|th|li)\b([^<>]*)/>", re.IGNORECASE)
_XML_HEAD = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html"}
    | {"legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead"}
    | {"tr", "ul"}
)
_PARTS = frozenset({"article", "main", "section", "blockquote", "figure", "td", "dd", "li"})
_PICTURED = frozenset({"katex-html", "MathJax", "MathJax_Display", "MathJax_Preview", "mwe-math-fallback-image-inline"})
_MIN_MAIN = 200  # letters that a <main> must hold to stand for the page


def parsed(page: str) -> tuple[Element, bool]:
    """The root of a page, and whether all of it was read; broken markup is mended as browsers do.

    Raises:
        MissingExtra: the library is not installed.
        Unusable: this is no HTML.
    """
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingExtra("docs", "reading HTML") from error
    page = _XML_HEAD.sub("", page)
    if _XHTML.match(page):
        strict = etree.XMLParser(encoding="utf-8", resolve_entities=False, remove_comments=True, remove_pis=True)
        with suppress(etree.XMLSyntaxError):
            root = etree.fromstring(_ENTITY.sub(_letter, page).encode("utf-8", "replace"), strict)
            _without_namespaces(root)
            return root, True
        page = _CLOSED.sub(r"<\1\2></\1>", page)
    lenient = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(page.encode("utf-8", "replace"), lenient)
    except etree.XMLSyntaxError as error:
        raise Unusable(f"is no HTML that can be read ({error})") from error
    if root is None:
        raise Unusable("is no HTML that can be read")
    return root, not any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in lenient.error_log)


def _letter(entity: re.Match[str]) -> str:
    """A named letter as itself: XML knows five of HTML's names."""
    return entity[0] if entity[1] in _OF_XML else escape(html5.get(entity[1] + ";", entity[0]))


def title_of(root: Element) -> str:
    """The words of a page's <title>."""
    title = next((e for e in root.iter("title") if not any(tag(around) == "svg" for around in e.iterancestors())), None)
    return " ".join(seen("".join(title.itertext())).split()) if title is not None else ""


def clean(root: Element, *, site: bool) -> tuple[Element, Counter[str]]:
    """The part of a page to be read, and what was left out. `site`: navigation and what is around <main> goes too."""
    dropped: Counter[str] = Counter()
    for element in list(root.iter()):
        for attribute in ("text", "tail"):
            if (text := getattr(element, attribute)) and _UNSEEN.search(text):
                setattr(element, attribute, seen(text))
    _style_in(root)
    _unhide_formulas(root)
    _drop(root, lambda e: tag(e) in _UNREAD, Counter(), "")
    half = words(root) / 2
    _drop(root, lambda e: is_hidden(e) and not (_is_only_covered(e) and words(e) > half), dropped, HIDDEN)
    _drop(root, lambda e: tag(e) in _FIELDS, dropped, FIELDS)
    if not site:
        return root, dropped
    _drop(root, _is_navigation, dropped, NAVIGATION, count=words)
    main = _main(root)
    if main is not None:
        if outside := words(root) - words(main):
            dropped[OUTSIDE] += outside
        main.tail = None
        return main, dropped
    return root, dropped


def tag(element: Element) -> str:
    """The name of an element; "" of what is none."""
    return element.tag if isinstance(element.tag, str) else ""


def is_block(element: Element) -> bool:
    """Whether an element begins a line of its own."""
    return tag(element) in _BLOCKS


def is_hidden(element: Element) -> bool:
    """Whether a part is marked as not to be shown. What is folded (<details>) can be opened, and is read."""
    name = tag(element)
    if name in ("html", "body", "main"):
        return False  # hidden until a script has run
    if "note" in (element.get("{http://www.idpf.org/2007/ops}type") or element.get("epub:type") or ""):
        return False  # a book's note that opens at its mark
    if name in ("template", "noscript") or (name == "dialog" and element.get("open") is None):
        return True
    if element.get("hidden") is not None and element.get("hidden") != "until-found":
        return True
    return element.get("aria-hidden") == "true" or bool(_HIDING.search(element.get("style") or ""))


def _is_only_covered(element: Element) -> bool:
    """Whether a part is only hidden from those who listen: most of a page is, that was saved with a dialog open."""
    shown = element.get("hidden") is None and not _HIDING.search(element.get("style") or "")
    return shown and element.get("aria-hidden") == "true" and tag(element) not in ("template", "noscript", "dialog")


def words(element: Element) -> int:
    """How many words a part holds."""
    return len(text_of(element).split())


def text_of(element: Element) -> str:
    """The words of an element on one line, blocks apart from each other."""
    parts: list[str] = []
    _collect(element, parts)
    return " ".join("".join(parts).split())


def seen(text: str) -> str:
    """A text without signs that nobody sees."""
    return _UNSEEN.sub("", text)


def replace(element: Element, text: str) -> None:
    """Put text in the place of an element."""
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    text = seen(text) + (element.tail or "")
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(element)


def _collect(element: Element, parts: list[str]) -> None:
    for event, one in _walk(element):
        if event == "start":
            if is_block(one) or tag(one) == "br":
                parts.append(" ")
            parts.append(one.text or "")
        else:
            if is_block(one):
                parts.append(" ")
            if one is not element:
                parts.append(one.tail or "")


def _walk(element: Element) -> Iterator[tuple[str, Element]]:
    from lxml import etree

    yield from etree.iterwalk(element, events=("start", "end"))


def _drop(
    root: Element,
    unwanted: Callable[[Element], bool],
    dropped: Counter[str],
    what: str,
    count: Callable[[Element], int] = lambda _: 1,
) -> None:
    """Take elements out, the outermost first; those with words in them are counted."""
    gone: set[Element] = set()
    for element in list(root.iter()):
        if element is root or not tag(element) or not unwanted(element):
            continue
        if any(around in gone for around in element.iterancestors()):
            continue
        if what and (words(element) or (tag(element) in _FIELDS and element.get("type") != "hidden")):
            dropped[what] += count(element)
        replace(element, " " if is_block(element) else "")
        gone.add(element)


def _unhide_formulas(root: Element) -> None:
    """Show formulas that are hidden behind a picture of themselves, and drop the picture's other spellings."""
    for formula in list(root.iter("math")):
        for around in formula.iterancestors():
            if words(around) != words(formula):
                break
            for name in ("hidden", "aria-hidden", "style"):
                around.attrib.pop(name, None)
    for element in list(root.iter("span", "div", "img")):
        kinds = (element.get("class") or "").split()
        if not _PICTURED.isdisjoint(kinds):
            replace(element, "")


def _is_navigation(element: Element) -> bool:
    name, role = tag(element), element.get("role") or ""
    if name == "nav" or role in ("navigation", "search", "menu", "menubar", "toolbar"):
        return True
    if name == "header" or role == "banner":  # of the whole site; that of an article has its title
        return not any(tag(around) in _PARTS for around in element.iterancestors()) and not any(
            tag(inner) == "h1" for inner in element.iter()
        )
    return False


def _main(root: Element) -> Element | None:
    """The <main> of a page that has one with text in it: what stands around is the same on every page of a site."""
    main = next((e for e in root.iter() if tag(e) == "main" or e.get("role") == "main"), None)
    return main if main is not None and words(main) * 5 > _MIN_MAIN else None


def _style_in(root: Element) -> None:
    """Follow the page's style sheets, unless they hide most of it: then scripts show it."""
    if next(root.iter("style"), None) is None:
        return
    own = {element: element.get("style") for element in root.iter() if tag(element)}
    before = _shown_words(root)
    write_styles(root)
    if 2 * _shown_words(root) >= before:
        return
    for element, style in own.items():
        now = element.get("style") or ""
        if now != (style or "") and _HIDING.search(now):
            element.set("style", style or "")


def _shown_words(root: Element) -> int:
    """How many words are neither in a part to be left out nor hidden."""
    count, out = 0, None
    for event, element in _walk(root):
        if event == "start":
            if out is None and (tag(element) in _UNREAD or is_hidden(element)):
                out = element
            count += len((element.text or "").split()) if out is None else 0
        else:
            out = None if element is out else out
            count += len((element.tail or "").split()) if out is None else 0
    return count


def _without_namespaces(root: Element) -> None:
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag.startswith("{"):
            element.tag = element.tag.rpartition("}")[2]
