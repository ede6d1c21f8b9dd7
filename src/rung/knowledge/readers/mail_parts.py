"""Which parts a message is made of, and what each is for: text to be shown, an attachment, a mail within it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from enum import Enum, auto
from html import unescape

from rung.knowledge.readers.encodings import decode

_WORD = re.compile(r"\w+")
_ADDRESS = re.compile(r"(?:https?://|www\.|mailto:)\S+")
_TAG = re.compile(
    r"<!--.*?-->|<(?:style|script|head|title)\b.*?</(?:style|script|head|title)\s*>|<[^<>]*>", re.IGNORECASE | re.DOTALL
)
_LACKING = 0.3  # of the words of the HTML, that the plain part may lack
_MANY = 40  # words that only the plain part has, from which on it is read too
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
    STUB = auto()  # plain text whose HTML says more


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
    """Of the ways in which a message says the same, the plain one, unless the HTML says what it does not.

    Then the HTML one, and both where the plain one has figures or many words of its own. What came along with the others
    (pictures, calendars) comes too.
    """
    plain = next((o for o in options if any(kind is Kind.PLAIN for kind, _ in o)), None)
    rich = next((o for o in options if any(kind is Kind.HTML for kind, _ in o)), None)
    own, others = _words(plain, Kind.PLAIN) if plain else set(), _words(rich, Kind.HTML) if rich else set()
    taken = [plain] if plain is not None and (rich is None or (own and not _lacks(own, others))) else [rich]
    if taken == [rich] and plain is not None and (_figures(own - others) or len(own - others) > max(_MANY, len(own) / 2)):
        taken = [plain, rich]
    for option in options:
        for kind, part in option:
            if kind not in (Kind.PLAIN, Kind.HTML) or any(option is one for one in taken):
                yield kind, part
            elif option is plain and own:
                yield Kind.STUB, part


def _lacks(own: set[str], others: set[str]) -> bool:
    """Whether a part says less than another: it lacks a figure of that, or a good part of its words."""
    missing = others - own
    return bool(_figures(missing)) or len(missing) > _LACKING * len(others)


def _figures(words: set[str]) -> set[str]:
    return {word for word in words if any(map(str.isdigit, word))}


def _words(parts: list[tuple[Kind, Message]], expected: Kind) -> set[str]:
    """The different words that parts of a kind show; addresses of links aside."""
    words: set[str] = set()
    for kind, part in parts:
        if kind is expected:
            raw = part.get_payload(decode=True)
            text = decode(raw, part.get_content_charset() or "")[0] or "" if isinstance(raw, bytes) else ""
            if expected is Kind.HTML:
                text = unescape(_TAG.sub(" ", text))
            words.update(_WORD.findall(_ADDRESS.sub(" ", text).lower()))
    return words
