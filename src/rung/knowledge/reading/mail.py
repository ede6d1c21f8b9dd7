"""What does a mail say? Its headers and its text; attached files are documents of their own.

What an attachment holds is left to its reader.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath

from rung.knowledge.reading.archive import inside
from rung.knowledge.reading.encodings import decode
from rung.knowledge.reading.html import to_markdown
from rung.knowledge.reading.markup import converted
from rung.knowledge.reading.registry import readers
from rung.knowledge.reading.source import Item, SourceFile
from rung.records import Document, Dropped, Json

_DEEPEST = 3  # mails within mails
_SHOWN = ("From", "To", "Cc", "Date")


def read_mail(file: SourceFile) -> Iterator[Item]:
    """A mail (EML) as one document, and each attached file as another: `mail.eml/report.pdf`.

    `meta` has `from`, `to` and `date` (ISO).
    """
    message = email.message_from_bytes(file.data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        yield 0, "is no mail: it has no headers"
        return
    subject = _header(message, "Subject") or file.name
    body, note = _body(message)
    if note:
        yield 0, note
    lines = [f"{name}: {said}" for name in _SHOWN if (said := _header(message, name))]
    text = f"# {subject}\n\n" + "  \n".join(lines) + f"\n\n{body.strip()}\n"
    if body.strip() or lines:
        yield 0, converted(file.id, text, subject, meta=_meta(message))
    for item in _attached(file, message):
        yield 0, item


def _body(message: EmailMessage) -> tuple[str, str]:
    """The text of a mail, from its plain part or else from its HTML, and what is to be said about it."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return "", ""
    raw = part.get_payload(decode=True)
    text, note = decode(raw if isinstance(raw, bytes) else b"", part.get_content_charset() or "")
    if text is None:
        return "", f"its text {note}"
    if part.get_content_type() == "text/html":
        text = to_markdown(text)
    return text.replace("\r\n", "\n"), f"its text {note}" if note else ""


def _attached(file: SourceFile, message: EmailMessage) -> Iterator[Document | str | Dropped]:
    known = readers()
    for number, part in enumerate(message.iter_attachments(), 1):
        mail = part.get_content_type() == "message/rfc822"
        name = PurePosixPath((part.get_filename() or "").replace("\\", "/")).name or f"attachment-{number}"
        if mail and not name.lower().endswith(".eml"):
            name += ".eml"
        if PurePosixPath(name).suffix.lower() not in known:
            continue  # images of signatures and the like
        if mail and file.id.count(".eml/") + 1 >= _DEEPEST:
            yield f"'{name}' is a mail within {_DEEPEST} mails; left out"
            continue
        yield from inside(file, name, _payload(part))


def _payload(part: Message) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        return inner[0].as_bytes() if isinstance(inner, list) and inner and isinstance(inner[0], Message) else b""
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def _meta(message: EmailMessage) -> dict[str, Json]:
    meta: dict[str, Json] = {key: said for key in ("from", "to") if (said := _header(message, key))}
    with suppress(ValueError):  # no date, or none that can be understood: the header is in the text
        meta["date"] = parsedate_to_datetime(_header(message, "Date")).isoformat()
    return meta


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):
        return ""  # a header that the library cannot take apart
