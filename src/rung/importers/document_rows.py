"""Documents that other tools keep as rows: BEIR's and Pyserini's corpora, LangChain, LlamaIndex, Haystack, tables of texts.

What a row has beside its text stays in it, access too: what of it narrows who may read it is told where sources are read.
"""

from __future__ import annotations

from rung.importers.fields import name_in, object_of, plain_name, words
from rung.importers.imported import ImportedRow, Row, by_rows, document_row

_TEXTS = ("text", "page_content", "content", "contents", "body", "passage")
_IDS = ("id", "_id", "id_", "doc_id", "docid", "document_id", "uuid")
_TITLES = ("title", "headline", "heading")
_METAS = ("meta", "metadata")
_BESIDE = (*_TITLES, *_METAS, "url", "source", "source_url")
_OTHERS = (
    *(
        "question",
        "questions",
        "query",
        "answer",
        "answers",
        "prompt",
        "messages",
        "input",
        "output",
        "label",
        "labels",
        "intent",
    ),
    *("class", "sentiment", "target", "role", "sender", "author_role", "summary", "translation", "expected"),
)


def _is_document(row: Row) -> float:
    row = _inner(row)
    names = {plain_name(name) for name in row}
    text = name_in(row, _TEXTS)
    if not text or not isinstance(row[text], str) or names & set(_OTHERS):
        return 0.0
    return (
        0.55 if names & set(_BESIDE) and (names & set(_IDS) or names & set(_METAS)) else 0.45 if names & set(_IDS) else 0.0
    )


def _inner(row: Row) -> Row:
    """The row, or what LangChain's own JSON has it in."""
    return object_of(row.get("kwargs")) if row.get("type") == "constructor" else row


def _document(row: Row, line: int) -> ImportedRow:
    row = _inner(row)
    text, id, title, meta = (name_in(row, names) for names in (_TEXTS, _IDS, _TITLES, _METAS))
    if not words(row.get(text)).strip():
        raise ValueError(f"'{text or 'text'}' is empty: there is no document")
    own = words(row[id]).strip() if id and isinstance(row[id], (str, int)) else ""
    document = document_row(
        words(row[text]), id=own, title=words(row.get(title)) if title else "", meta=object_of(row.get(meta))
    )
    beside = {key: value for key, value in row.items() if key not in (text, id, title, meta) and words(value).strip()}
    return ImportedRow(line, documents=({**beside, **document},))


DOCUMENTS = by_rows("documents: rows with a text, and an id or what is known of it", _is_document, _document)
