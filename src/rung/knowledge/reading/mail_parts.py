"""Which parts a message is made of, and what each is for: text to be shown, an attachment, a mail within it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from enum import Enum, auto

_TEXT = re.compile(r"[^\s\u00a0\u200b-\u200f\u2060\ufeff]")
_TAG = re.compile(r"<(?:style|script|head|title)\b.*?</(?:style|script|head|title)\s*>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:nbsp|zwnj|#\w+);")
_FULLER = 3  # times the words of the plain part, from which on the HTML says more
_FEW = 20  # words
_SUFFIXES = {
    "application/pdf": ".pdf",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/tab-separated-values": ".tsv",
    "message/rfc822": ".eml",
    "application/json": ".json",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/epub+zip": ".epub",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.ms-excel": ".xls",
}


class Kind(Enum):
    """What a part is for."""

    PLAIN = auto()
    HTML = auto()
    ATTACHED = auto()
    MAIL = auto()
    LOCKED = auto()


def parts_of(message: Message) -> Iterator[tuple[Kind, Message]]:
    """The parts of a message in order; of alternatives one, of a signed one what was signed.

    Raises:
        RecursionError: parts are nested without end.
    """
    kind, children = message.get_content_type(), _children(message)
    if kind in ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"):
        yield Kind.LOCKED, message
    elif kind == "message/rfc822":
        yield Kind.MAIL, message
    elif kind == "multipart/alternative" and children:
        yield from _best([list(parts_of(child)) for child in children])
    elif children:
        for child in children:
            yield from parts_of(child)
    elif message.get_content_disposition() == "attachment" or _is_file(message):
        yield Kind.ATTACHED, message
    elif kind == "text/html":
        yield Kind.HTML, message
    elif kind in ("text/plain", "text/markdown", "text/enriched") or kind.startswith("multipart/"):
        yield Kind.PLAIN, message
    else:
        yield Kind.ATTACHED, message


def suffix_of(content_type: str) -> str:
    """The suffix of files of this kind that some reader takes; "" where it is not known."""
    return _SUFFIXES.get(content_type, "")


def unfolded(text: str, *, joined: bool) -> str:
    """The paragraphs of text/plain; format=flowed (RFC 3676): a line that ends with a space goes on in the next.

    `joined`: that space was added (DelSp).
    """
    lines: list[str] = []
    flowing = ""  # the quotation depth of a line that goes on
    for line in text.split("\n"):
        depth = line[: len(line) - len(line.lstrip(">"))]
        words = line[len(depth) :].removeprefix(" ")
        if flowing and flowing == f"{depth}." and words != "-- ":
            lines[-1] += words
        else:
            lines.append(f"{depth} {words}" if depth else words)
        flowing = f"{depth}." if words.endswith(" ") and words != "-- " else ""
        if flowing and joined:
            lines[-1] = lines[-1][:-1]
    return "\n".join(line.rstrip() if line != "-- " else line for line in lines)


def _children(message: Message) -> list[Message]:
    inner = message.get_payload() if message.is_multipart() else []
    return [part for part in inner if isinstance(part, Message)] if isinstance(inner, list) else []


def _is_file(part: Message) -> bool:
    try:
        return bool(part.get_filename())
    except (ValueError, LookupError, TypeError):
        return True


def _best(options: list[list[tuple[Kind, Message]]]) -> Iterator[tuple[Kind, Message]]:
    """Of the ways in which a message says the same, the plain one, unless it is blank or much shorter.

    What came along with the others (pictures, calendars) comes too.
    """
    plain = next((o for o in options if any(kind is Kind.PLAIN for kind, _ in o)), None)
    rich = next((o for o in options if any(kind is Kind.HTML for kind, _ in o)), None)
    best = plain if plain is not None and (rich is None or _says_enough(plain, rich)) else rich
    for option in options:
        for kind, part in option:
            if option is best or kind not in (Kind.PLAIN, Kind.HTML):
                yield kind, part


def _says_enough(plain: list[tuple[Kind, Message]], rich: list[tuple[Kind, Message]]) -> bool:
    words, others = _words(plain, Kind.PLAIN), _words(rich, Kind.HTML)
    return words > 0 and others <= max(_FEW, words * _FULLER)


def _words(parts: list[tuple[Kind, Message]], wanted: Kind) -> int:
    count = 0
    for kind, part in parts:
        if kind is wanted:
            raw = part.get_payload(decode=True)
            text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
            if wanted is Kind.HTML:
                text = _ENTITY.sub(" ", _TAG.sub(" ", text))
            count += sum(bool(_TEXT.search(word)) for word in text.split())
    return count
