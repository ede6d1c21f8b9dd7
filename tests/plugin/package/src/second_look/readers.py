"""E-mails (`.eml`) as documents: the subject is the title, the plain text is the text."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

from rung.knowledge.loading import Item, SourceFile
from rung.records import Document


def read_eml(file: SourceFile) -> Iterator[Item]:
    """One document a file, or why there is none."""
    message = message_from_bytes(file.data, policy=default)
    body = message.get_body(("plain",))
    if body is None:
        yield 0, "has no plain text; left out"
        return
    yield 0, Document(file.id, body.get_content(), title=str(message["subject"] or ""), source=file.id)
