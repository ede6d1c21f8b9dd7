"""An equation of Office (OMML) on one line: `A=12x^2`, `(a+b)/(2c)`, `sqrt(x)`, `sum_(i=1)^n i`.

As the linear form of Unicode (Murray Sargent, "Nearly Plain-Text Encoding of Mathematics") writes it, with names for roots.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

_SINGLE = re.compile(r"[^\W_]+|[\d.,]+|\S", re.UNICODE)
_PROPERTIES = re.compile(r".*Pr\Z")
_LARGE = {"∑": "sum", "∫": "int", "∏": "prod"}
_ACCENTS = {"̂": "hat", "̃": "tilde", "̅": "bar", "̄": "bar", "⃗": "vec", "̇": "dot", "̈": "ddot"}


def linear(element: Element) -> str:
    """What an element of an equation says; of `oMath` and `oMathPara` the whole."""
    write = _WRITTEN.get(element.tag)
    if write is not None:
        return write(element)
    return _inside(element)


def _inside(element: Element | None) -> str:
    if element is None:
        return ""
    return "".join(linear(child) for child in element if not _PROPERTIES.match(child.tag))


def _part(element: Element, name: str) -> str:
    return _inside(element.find(name)).strip()


def grouped(text: str) -> str:
    """In brackets, unless it is one letter, number or name."""
    bracketed = text.startswith("(") and text.endswith(")") and _closes_last(text)
    return text if not text or bracketed or _SINGLE.fullmatch(text) else f"({text})"


def _closes_last(text: str) -> bool:
    """Whether the bracket that opens first closes last."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return index == len(text) - 1
    return False


def _value(element: Element, path: str, default: str) -> str:
    child = element.find(path)
    return default if child is None else child.get("val", default)


def _run(element: Element) -> str:
    return "".join(child.text or "" for child in element if child.tag == "t")


def _fraction(element: Element) -> str:
    above, below = grouped(_part(element, "num")), grouped(_part(element, "den"))
    if _value(element, "fPr/type", "bar") == "noBar":
        return f"({_part(element, 'num')} over {_part(element, 'den')})"
    return f"{above}/{below}"


def _scripts(element: Element) -> str:
    base, below, above = _part(element, "e"), _part(element, "sub"), _part(element, "sup")
    if element.tag == "sPre":
        return f"{_script('_', below)}{_script('^', above)}{grouped(base)}"
    return f"{grouped(base)}{_script('_', below)}{_script('^', above)}"


def _script(mark: str, text: str) -> str:
    return mark + grouped(text) if text else ""


def _root(element: Element) -> str:
    degree = _part(element, "deg")
    return f"root({degree}, {_part(element, 'e')})" if degree else f"sqrt({_part(element, 'e')})"


def _large(element: Element) -> str:
    sign = _value(element, "naryPr/chr", "∫")
    name = _LARGE.get(sign, sign)
    return f"{name}{_script('_', _part(element, 'sub'))}{_script('^', _part(element, 'sup'))} {_part(element, 'e')}"


def _brackets(element: Element) -> str:
    begin, end = _value(element, "dPr/begChr", "("), _value(element, "dPr/endChr", ")")
    between = _value(element, "dPr/sepChr", "|")
    return begin + between.join(_inside(child).strip() for child in element if child.tag == "e") + end


def _function(element: Element) -> str:
    name, of = _part(element, "fName"), _part(element, "e")
    return f"{name}{of}" if of.startswith("(") else f"{name}({of})"


def _accent(element: Element) -> str:
    mark = _value(element, "accPr/chr", "̂")
    return f"{_ACCENTS.get(mark, 'accent')}({_part(element, 'e')})"


def _bar(element: Element) -> str:
    return f"{'bar' if _value(element, 'barPr/pos', 'bot') == 'top' else 'underline'}({_part(element, 'e')})"


def _limit(element: Element) -> str:
    mark = "_" if element.tag == "limLow" else "^"
    return f"{_part(element, 'e')}{_script(mark, _part(element, 'lim'))} "


def _matrix(element: Element) -> str:
    rows = [", ".join(_inside(cell).strip() for cell in row if cell.tag == "e") for row in element if row.tag == "mr"]
    return f"[{'; '.join(rows)}]"


def _lines(element: Element) -> str:
    return "; ".join(_inside(child).strip() for child in element if child.tag == "e")


def _paragraph(element: Element) -> str:
    return "; ".join(text for child in element if child.tag == "oMath" and (text := _inside(child).strip()))


_WRITTEN: dict[str, Callable[[Element], str]] = {
    "r": _run,
    "oMathPara": _paragraph,
    "f": _fraction,
    **dict.fromkeys(("sSup", "sSub", "sSubSup", "sPre"), _scripts),
    "rad": _root,
    "nary": _large,
    "d": _brackets,
    "func": _function,
    "acc": _accent,
    "bar": _bar,
    **dict.fromkeys(("limLow", "limUpp"), _limit),
    "m": _matrix,
    "eqArr": _lines,
    **dict.fromkeys(("del", "moveFrom"), lambda _: ""),
}
