"""What markup inside a line says, as text in a tree: raised and lowered text, formulas, pictures' words, struck text.

What raised text means is left to `raised`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rung.knowledge.readers.html_tree import is_block, replace, tag, text_of
from rung.knowledge.readers.raised import lowered, raised

if TYPE_CHECKING:
    from rung.knowledge.readers.html_tree import Element

_RAISING = re.compile(r"vertical-align\s*:\s*(super|sub|text-top|-?[\d.]+(?:%|em|ex|pt|px))", re.IGNORECASE)
_INLINE = frozenset({"span", "font", "a", "i", "em", "b", "strong", "small", "big", "abbr", "cite", "var"})
_STRUCK = frozenset({"s", "strike", "del"})
_STRIKING = re.compile(r"text-decoration(?:-line)?\s*:[^;]*\bline-through", re.IGNORECASE)
_NOTE = re.compile(r"foot-?note|end-?note|note-?ref|\bfn\w*|\bcite|\breference|\bref\b|\bnote\b", re.IGNORECASE)
_BACK = re.compile(r"[\s↩↵^⏎\ufe0e\ufe0f]+")
_TEX = re.compile(r"\\displaystyle\s*")
_LEFT, _RIGHT = 40, 24  # characters on both sides of a mark that are looked at
_TWO = {"msup": "^", "mover": "^", "msub": "_", "munder": "_"}


def as_text(root: Element) -> None:
    """Replace formulas, raised and lowered text and pictures of a tree by their words; mark what is struck."""
    for formula in list(root.iter("math")):
        replace(formula, f" {_formula(formula)} " if _is_displayed(formula) else _formula(formula))
    for picture in list(root.iter("img", "area")):
        words = " ".join((picture.get("alt") or "").split())
        replace(picture, f" {words} " if words else "")
    for drawing in list(root.iter("svg")):
        replace(drawing, f" {' '.join(text_of(words) for words in drawing.iter('text'))} ")
    for link in list(root.iter("a")):
        if _is_back_link(link):
            replace(link, "")
    for listing in list(root.iter("pre")):
        for code in list(listing)[:-1]:  # several in one block, of which a page shows one
            if tag(code) == "code" and not (code.tail or "").strip():
                code.tail = "\n\n"
    _strike(root)
    _shift(root)


def _strike(root: Element) -> None:
    """Put `~~` around struck text: a mark for each line of it, as a block or a cell may hold several."""
    struck = dict.fromkeys(e for e in root.iter() if tag(e) in _STRUCK or _STRIKING.search(e.get("style") or ""))
    outermost = [e for e in struck if not any(around in struck for around in e.iterancestors())]
    for element in outermost:
        if any(is_block(inner) for inner in element.iterdescendants()):
            blocks = [e for e in (element, *element.iterdescendants()) if is_block(e)]
            lines = [e for e in blocks if not any(is_block(inner) for inner in e.iterdescendants())]
        else:
            lines = [element]
        for line in lines:
            if "".join(line.itertext()).strip():
                _mark(line, "~~")
    for element in struck:
        if tag(element) in _STRUCK:
            element.tag = "span"


def _mark(element: Element, sign: str) -> None:
    """Put a sign before and behind the words of an element; white space stays outside."""
    text = element.text or ""
    bare = text.lstrip()
    element.text = text[: len(text) - len(bare)] + sign + bare
    words = (element[-1].tail or "") if len(element) else element.text
    stripped = words.rstrip()
    if len(element):
        element[-1].tail = stripped + sign + words[len(stripped) :]
    else:
        element.text = stripped + sign + words[len(stripped) :]


def _shift(root: Element) -> None:
    """Every raised and lowered text of a tree, by what stands around it."""
    marks = _marks(root)
    notes = frozenset(
        " ".join(mark.itertext()).strip(" [].)") for mark, before in marks if not before.strip() and _behind(mark).strip()
    )
    for mark, before in marks:
        words = " ".join("".join(mark.itertext()).split())
        if _is_lowered(mark):
            replace(mark, lowered(before, words))
            continue
        link = _link_of(mark)
        shifted = raised(before, words, _behind(mark), linked=link is not None or _is_note(mark), notes=notes)
        replace(mark if link is None or link in mark.iterdescendants() else link, shifted)


def _marks(root: Element) -> list[tuple[Element, str]]:
    """Raised and lowered elements, outermost only, each with the text on its left in its block."""
    from lxml import etree

    marks: list[tuple[Element, str]] = []
    left, inside = "", None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            if is_block(element) or tag(element) == "br":
                left = ""
            if inside is None and _is_shifted(element):
                marks.append((element, left))
                inside = element
            left = (left + (element.text or ""))[-_LEFT:]
        else:
            if element is inside:
                inside = None
            if is_block(element):
                left = ""
            left = (left + (element.tail or ""))[-_LEFT:]
    return [(element, before) for element, before in marks if "".join(element.itertext()).strip()]


def _is_shifted(element: Element) -> bool:
    if tag(element) in ("sup", "sub"):
        return True
    style = _style(element)
    return tag(element) in _INLINE and bool(style) and (tag(element) in ("span", "font") or style in ("super", "sub"))


def _is_lowered(element: Element) -> bool:
    return tag(element) == "sub" or (tag(element) != "sup" and (_style(element) == "sub" or _style(element).startswith("-")))


def _style(element: Element) -> str:
    match = _RAISING.search(element.get("style") or "")
    value = match[1].lower() if match else ""
    return "" if re.fullmatch(r"-?[0.]+(?:%|[a-z]+)", value) else value


def _link_of(mark: Element) -> Element | None:
    """The link to a note that a mark is, or is all of; None where it leads elsewhere or is none."""
    link = next((e for e in mark.iter("a") if e.get("href")), None)
    around, words = mark.getparent(), text_of(mark)
    while link is None and around is not None and text_of(around) == words and not is_block(around):
        link, around = around if tag(around) == "a" else None, around.getparent()
    if link is None:
        return None
    target = link.get("href") or ""
    return link if target.startswith("#") or "#" in target or _is_note(link) else None


def _is_note(element: Element) -> bool:
    names = (element.get("class"), element.get("role"), element.get("id"), element.get("{http://www.idpf.org/2007/ops}type"))
    return any(_NOTE.search(value) for value in (*names, element.get("epub:type"), element.get("type")) if value)


def _is_back_link(link: Element) -> bool:
    """Whether a link leads from a note back to its mark."""
    words = "".join(link.itertext())
    return (link.get("href") or "").find("#") >= 0 and bool(words) and bool(_BACK.fullmatch(words))


def _behind(mark: Element) -> str:
    """The text on the right of a mark in its block, as much of it as is looked at."""
    behind, at = mark.tail or "", mark
    while len(behind) < _RIGHT:
        following = at.getnext()
        if following is None:
            at = at.getparent()
            if at is None or is_block(at):
                break
            behind += at.tail or ""
        elif is_block(following) or tag(following) == "br":
            break
        else:
            at = following
            behind += "".join(at.itertext()) + (at.tail or "")
    return behind[:_RIGHT]


def _is_displayed(formula: Element) -> bool:
    return bool(formula.get("display") == "block")


def _formula(formula: Element) -> str:
    """A formula as its author wrote it (TeX) where the page says it, else its signs in order: `(a+b)/c^2`."""
    written = next((e.text for e in formula.iter("annotation") if "tex" in (e.get("encoding") or "") and e.text), None)
    tex = " ".join((written or formula.get("alttext") or "").split())
    if tex.startswith("{") and tex.endswith("}"):
        tex = tex[1:-1].strip()
    return _TEX.sub("", tex) or " ".join(_linear(formula).split())


def _linear(element: Element) -> str:
    name, parts = tag(element), [_linear(child) for child in element if not tag(child).startswith("annotation")]
    if name in ("mi", "mn", "mtext", "ms"):
        return " ".join("".join(element.itertext()).split())
    if name == "mo":
        sign = "".join(element.itertext()).strip().strip("\u2061\u2062\u2063\u2064")
        return f" {sign} " if sign in ("=", "+", "≤", "≥", "<", ">", "≠", "≈", "±", "→", "×") else sign
    if name in _TWO and len(parts) == 2:
        return f"{_held(parts[0])}{_TWO[name]}{_held(parts[1])}"
    if name in ("msubsup", "munderover") and len(parts) == 3:
        return f"{_held(parts[0])}_{_held(parts[1])}^{_held(parts[2])}"
    if name == "mfrac" and len(parts) == 2:
        return f"{_held(parts[0])}/{_held(parts[1])}"
    if name == "msqrt":
        return f"√{_held(''.join(parts))}"
    if name == "mroot" and len(parts) == 2:
        return f"{_held(parts[0])}^(1/{parts[1]})"
    if name == "mtable":
        return f"({''.join(parts).removeprefix('; ')})"
    if name == "mtr":
        return "; " + ", ".join(parts)
    return "".join(parts)


def _held(part: str) -> str:
    """A part of a formula in brackets where it is more than one sign."""
    part = part.strip()
    return part if part.isalnum() or (part.startswith("(") and part.endswith(")")) else f"({part})"
