"""What an HTML page says of access in tags that its reader does not read: `<meta>`, `data-` attributes, JSON-LD."""

from __future__ import annotations

import json
import re

from rung.knowledge.readers import marks
from rung.knowledge.readers.html_tree import parsed, tag
from rung.knowledge.readers.mark_words import restricts, restricts_in_words
from rung.records import Json

_NAMES = ("name", "property", "itemprop", "http-equiv")
_AROUND = ("html", "body", "main", "article")  # tags whose attributes speak of the page


def in_html(page: str) -> str:
    """The name of a tag that restricts a page; "" where there is none.

    Raises:
        MissingExtra: the library is not installed.
        Unusable: this is no HTML.
    """
    root, _ = parsed(page)
    for element in root.iter("meta", "script", *_AROUND):
        attributes = {str(name).lower(): str(value) for name, value in element.attrib.items()}
        if tag(element) == "meta":
            values = [attributes[name] for name in attributes if name not in _NAMES]
            value: Json = values[0] if len(values) == 1 else [*values] or True  # a tag that says nothing but its name
            for name in filter(None, map(attributes.get, _NAMES)):
                if restricts(re.split(r"[.:/]", name)[-1], value):
                    return name
        elif tag(element) == "script":
            if attributes.get("type") == "application/ld+json" and (key := _in_data(element.text or "")):
                return key
        elif key := next((k for k, v in attributes.items() if k.startswith("data-") and restricts_in_words(k[5:], v)), ""):
            return key
    return ""


def _in_data(text: str) -> str:
    try:
        return marks.in_json(json.loads(text))
    except (ValueError, RecursionError):
        return ""
