"""A sentence of context for a passage: what a model is asked, shown the document around it, and how its reply is read.

The sentence is searched with the passage and shown to nobody: it is no part of the document (contextual retrieval, Anthropic
2024). Asking is left to `runtime.passage_contexts`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rung.records import Answer, Document, Message, Passage
from rung.records.steps import Conversation, Generate, generate
from rung.text.refusals import is_refusal
from rung.text.sentences import sentence_starts

VERSION = 1  # of the prompt and of how replies are read; when it changes, passages are placed anew
ROOM = 64  # tokens for the sentence
AROUND = 2400  # characters of a document that are shown
LONGEST = 300  # characters of a sentence
_LABEL = re.compile(
    r"^\W*(?:(?:one |the )?(?:sentence|passage|context|answer)(?: that places[^:.]{0,30})?\W*:\W*)+", re.IGNORECASE
)
_BEGINNING = 600  # of those, characters of the document's beginning, where it is longer
_INSTRUCTION = (
    "You are given a document and a passage of it. Write one short sentence that says what the passage is about and where "
    "it belongs in the document, with the names that a search would need. Write the sentence alone."
)


def placed(document: Document, passage: Passage) -> Conversation[Answer]:
    """The sentence that a model writes; "" where its reply is none. The answer names the parts of the document that were
    shown, so that what was made of them is forgotten with them."""
    shown = excerpts(document, passage)
    reply = yield from generate(placing(document, passage, shown))
    return Answer(context_of(reply.text), passages=(*shown, passage))


def placing(document: Document, passage: Passage, shown: tuple[Passage, ...]) -> Generate:
    """What is asked of the model. The document comes first: passages of one document share the beginning of the prompt."""
    title = f"{document.title}\n\n" if document.title else ""
    text = "\n[…]\n".join(part.text for part in shown)
    prompt = f"Document:\n{title}{text}\n\nPassage:\n{passage.text}\n\nOne sentence that places the passage:"
    return Generate((Message("system", _INSTRUCTION), Message("user", prompt)), max_tokens=ROOM)


def excerpts(document: Document, passage: Passage) -> tuple[Passage, ...]:
    """The document, or where it is long its beginning and what stands around the passage."""
    length = len(document.text)
    if length <= AROUND:
        return (_part(document, passage, 0, length),)
    room = AROUND - _BEGINNING
    start = max(0, min((passage.start + passage.end - room) // 2, length - room))
    if start <= _BEGINNING:
        return (_part(document, passage, 0, max(start + room, _BEGINNING)),)
    return _part(document, passage, 0, _BEGINNING), _part(document, passage, start, start + room)


def context_of(reply: str) -> str:
    """The sentence in a reply; "" where it is none.

    >>> context_of('Passage: "It is about the fee for parcels to Norway. It also says more."')
    'It is about the fee for parcels to Norway.'
    """
    text = _LABEL.sub("", " ".join(reply.split())).strip(" \"'*`")
    ends = [at for at in sentence_starts(text, 0, len(text)) if at]
    sentence = text[: ends[0]].strip() if ends else text
    return "" if len(sentence.split()) < 3 or len(sentence) > LONGEST or is_refusal(sentence) else sentence


def _part(document: Document, passage: Passage, start: int, end: int) -> Passage:
    text = document.text[start:end]
    return replace(passage, id=f"{document.id}#{start}-{start + len(text)}", start=start, end=start + len(text), text=text)
