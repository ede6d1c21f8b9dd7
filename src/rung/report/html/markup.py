"""Text as HTML that cannot break out, by one door: `el` escapes every string that is not `Safe`.

What the elements mean is left to the sections of the report.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# C0 controls (except tab, newline, return) and lone surrogates have no place in a UTF-8 page. One stands in for one:
# offsets into the text stay right.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_VOID = frozenset({"br", "col", "hr", "img", "input", "meta"})
_SWALLOWING = frozenset({"pre", "textarea"})  # of a newline at their very beginning a parser makes nothing


class Safe(str):
    """HTML that is already escaped."""

    __slots__ = ()


def safe(value: str) -> Safe:
    """Escape text for content and for quoted attributes; `Safe` passes as it is."""
    if isinstance(value, Safe):
        return value
    # A parser turns a bare carriage return into a newline and merges CRLF, which would shift offsets.
    return Safe(html.escape(_UNPRINTABLE.sub("\ufffd", value)).replace("\r", "&#13;"))


def join(*parts: str) -> Safe:
    """Parts one after another, each escaped unless `Safe`."""
    return Safe("".join(safe(part) for part in parts))


def el(name: str, *children: str, **attributes: str | float | bool | None) -> Safe:
    """One element, its children escaped unless `Safe`.

    `cls` is `class`, `name_` is `name`, `data_case` is `data-case`; None and False leave it out, True has no value.
    """
    written = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in _VOID:
        return Safe(f"<{name}{written}>")
    content = join(*children)
    swallowed = "\n" if name in _SWALLOWING and content.startswith("\n") else ""
    return Safe(f"<{name}{written}>{swallowed}{content}</{name}>")


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = "class" if key == "cls" else key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{safe(str(value))}"'


def shorten(text: str, *, most: int) -> str:
    """At most `most` characters of a text, and how many were left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def marked(text: str, spans: Iterable[tuple[int, int]], *, offset: int = 0, anchor: str | None = None) -> Safe:
    """A text with these characters of it marked; `offset`: the number of its first one; `anchor`: id of the first mark."""
    parts, at = list[Safe](), 0
    for start, end in sorted((max(a - offset, 0), min(b - offset, len(text))) for a, b in spans):
        if max(start, at) < end:
            parts += [safe(text[at : max(start, at)]), el("mark", text[max(start, at) : end], id=anchor)]
            at, anchor = end, None
    return join(*parts, text[at:])


def section(name: str, title: str, *children: str) -> Safe:
    """One part of the page, with its heading."""
    return el("section", el("h2", title, id=f"{name}-title"), *children, id=name, aria_labelledby=f"{name}-title")


def scrolled(table: Safe, *, title: str, about: str = "") -> Safe:
    """A table with its title above, in a box that scrolls sideways where the screen is narrower, also by keyboard."""
    head = el("p", el("b", title), f" {about}" if about else "", cls="over")
    return join(head, scrolling(table, title))


def scrolling(table: Safe, title: str) -> Safe:
    """A table in such a box, by its title for those who do not see it."""
    return el("div", table, cls="scroll", tabindex="0", role="region", aria_label=title)
