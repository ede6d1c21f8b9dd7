"""What a mail says: its headers and all of its text; attached files are documents of their own.

Which parts a message is made of is left to `mail_parts`, what an attachment holds to its reader.
"""

from __future__ import annotations

import email
import email.policy
import mimetypes
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath

from rung.knowledge.readers.archive import inside
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.html import as_markdown, declared
from rung.knowledge.readers.mail_parts import Kind, parts_of, suffix_of, unfolded
from rung.knowledge.readers.markup import converted
from rung.knowledge.readers.registry import readers
from rung.knowledge.readers.source import Item, SourceFile, Unusable, drops
from rung.records import Json

_DEEPEST = 3  # mails within mails
_SHOWN = ("From", "To", "Cc", "Date")
_SCREENED = ("image/", "audio/", "video/")  # no text by their kind: counted, not named
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")


def read_mail(file: SourceFile) -> Iterator[Item]:
    """A mail (EML) as one document, and each attached file as another: `mail.eml/report.pdf`.

    The text is that of every part that is shown, in order: of alternatives the plain one, unless the HTML says
    more than it does. `meta` has `from`, `to` and `date` (ISO). What is attached and cannot be read is named.
    """
    try:
        message = email.message_from_bytes(file.data, policy=email.policy.default)
        parts = list(parts_of(message)) if isinstance(message, EmailMessage) and message.keys() else None
    except RecursionError as error:
        raise Unusable("is no mail that can be read: its parts are nested without end") from error
    if parts is None or not isinstance(message, EmailMessage):
        yield 0, "is no mail: it has no headers"
        return
    dropped: Counter[str] = Counter()
    texts: list[str] = []
    for kind, part in parts:
        if kind in (Kind.PLAIN, Kind.HTML):
            text, note = _text(part, kind, dropped)
            if note:
                yield 0, note
            texts += [text] if text else []
        elif kind is Kind.STUB:
            dropped["plain parts that say less than the HTML"] += 1
        elif kind is Kind.LOCKED:
            yield 0, "holds a part that is encrypted, which was left out"
    subject = _header(message, "Subject") or file.name
    lines = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
    if texts or lines:
        body = "\n\n".join(texts)
        yield 0, converted(file.id, f"# {subject}\n\n" + "  \n".join(lines) + f"\n\n{body}\n", subject, meta=_meta(message))
    attached = [part for kind, part in parts if kind in (Kind.ATTACHED, Kind.MAIL)]
    items = [item for number, part in enumerate(attached, 1) for item in _attached(file, part, number, dropped)]
    yield from items
    if not any(map(str.strip, texts)) and all(isinstance(item, str) for _, item in items):
        yield 0, "holds no words but its headers: what else is in it (pictures, say) was not read"
    yield from drops(file, dropped)


def _text(part: Message, kind: Kind, dropped: Counter[str]) -> tuple[str, str]:
    """The words of a part as Markdown, and what is to be said about them."""
    raw = _payload(part)
    label = part.get_content_charset() or (declared(raw) if kind is Kind.HTML else "")
    text, note = decode(raw, label)
    if text is None:
        return "", f"its text {note}"
    text = text.replace("\r\n", "\n")
    if kind is Kind.HTML:
        page = as_markdown(text)
        dropped.update(page.dropped)
        text = page.text
    elif part.get_param("format") == "flowed":
        text = unfolded(text, joined=part.get_param("delsp") == "yes")
    return text.strip("\n").rstrip(), f"its text {note}" if note else ""


def _attached(file: SourceFile, part: Message, number: int, dropped: Counter[str]) -> Iterator[Item]:
    """What an attachment holds, or that it was not read."""
    kind = part.get_content_type()
    name = PurePosixPath((_filename(part) or "").replace("\\", "/")).name or f"attachment-{number}"
    mail = kind == "message/rfc822"
    if mail and not name.lower().endswith(".eml"):
        name += ".eml"
    if kind == "application/octet-stream":
        kind = mimetypes.guess_type(name)[0] or kind
    if PurePosixPath(name).suffix.lower() not in readers():
        name += suffix_of(kind)
    if PurePosixPath(name).suffix.lower() in readers():
        if mail and file.id.count(".eml/") + 1 >= _DEEPEST:
            yield 0, f"'{name}' is a mail within {_DEEPEST} mails; left out"
            return
        for item in inside(file, name, _payload(part)):
            yield 0, item
    elif kind.startswith(_SCREENED):
        dropped[f"attached {kind.split('/')[0]} files"] += 1
    elif kind not in _SIGNATURES:
        yield 0, f"'{name}' is attached ({kind}), and no reader takes it; left out"


def _payload(part: Message) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        return inner[0].as_bytes() if isinstance(inner, list) and inner and isinstance(inner[0], Message) else b""
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def _filename(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        return ""  # a name that the library cannot take apart


def _meta(message: EmailMessage) -> dict[str, Json]:
    meta: dict[str, Json] = {key: value for key in ("from", "to") if (value := _header(message, key))}
    with suppress(ValueError):  # no date, or none that can be understood: the header is in the text
        meta["date"] = parsedate_to_datetime(_header(message, "Date")).isoformat()
    return meta


def _header(message: EmailMessage, name: str) -> str:
    """A header on one line. Bytes that no header may hold are read as they are most likely meant."""
    try:
        value = str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError, TypeError):
        return ""  # a header that the library cannot take apart
    if any("\x80" <= letter <= "\x9f" for letter in value):  # Windows-1252 labelled Latin-1
        value = "".join(
            decode(letter.encode("latin-1"), "latin-1")[0] or "" if letter < "\xa0" else letter for letter in value
        )
    return " ".join(value.split())
