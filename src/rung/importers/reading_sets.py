"""Question answering over texts, as research publishes it: SQuAD, HotpotQA, MS MARCO."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rung.importers.fields import object_of, objects_in, texts, words
from rung.importers.imported import (
    ImportedRow,
    Importer,
    Row,
    by_rows,
    case_row,
    claims_by,
    document_row,
    ids,
    taken,
    unique,
    unread,
)
from rung.importers.source import ImportFile
from rung.records import Json

_NOT_THERE = "an answer does not stand in its context: it is accepted, and there is no evidence for it"
_ELSEWHERE = "an answer does not begin at its 'answer_start': its nearest place in the context is the evidence"
_ONLY = "an answer has no 'answer_start': its only place in the context is the evidence"
_NOWHERE = "an answer has no 'answer_start', and stands at several places: there is no evidence for it"
_BOTH = "its answers are not taken: it says that it is impossible"
_OF_QUESTIONS = ("id", "question", "answers", "is_impossible")
_OF_HOTPOT = ("_id", "id", "question", "answer", "context", "supporting_facts", "type", "level")
_OF_MARCO = ("query", "query_id", "query_type", "answers", "wellFormedAnswers", "passages")
_OF_PASSAGES = ("passage_text", "is_selected")


def _squad_claims(file: ImportFile) -> float:
    whole = file.whole
    articles = whole.get("data") if isinstance(whole, dict) else None
    if isinstance(articles, list) and articles:
        return 1.0 if isinstance(articles[0], dict) and "paragraphs" in articles[0] else 0.0
    return claims_by(_is_flat)(file)


def _is_flat(row: Row) -> float:
    answers = row.get("answers")
    return 1.0 if "context" in row and "question" in row and isinstance(answers, dict) and "text" in answers else 0.0


def _squad_read(file: ImportFile) -> Iterator[ImportedRow]:
    whole = file.whole
    articles = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(articles, list):
        for line, row in file.rows:
            yield taken(row, line, _flat_question)
        return
    for index, article in enumerate(articles):
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        if not isinstance(article, dict) or not isinstance(paragraphs, list):
            yield ImportedRow(file.line(f"/data/{index}"), refused="is an article without paragraphs")
            continue
        for number, paragraph in enumerate(paragraphs):
            pointer = f"/data/{index}/paragraphs/{number}"
            yield from _paragraph(file, paragraph, words(article.get("title")), pointer)


def _paragraph(file: ImportFile, paragraph: Json, title: str, pointer: str) -> Iterator[ImportedRow]:
    context = words(paragraph.get("context")) if isinstance(paragraph, dict) else ""
    questions = paragraph.get("qas") if isinstance(paragraph, dict) else None
    line = file.line(pointer)
    if not context.strip():
        asked = len(questions) if isinstance(questions, list) else 0
        yield ImportedRow(line, refused=f"is a paragraph without text; its {asked} questions are left out")
        return
    document = document_row(context, title=title.replace("_", " "))
    yield ImportedRow(line, documents=(document,), notes=unread(object_of(paragraph), ("context", "qas")))
    for index, question in enumerate(questions if isinstance(questions, list) else []):
        there = file.line(f"{pointer}/qas/{index}")
        try:
            yield _question(question, document, there)
        except ValueError as error:
            yield ImportedRow(there, refused=str(error))


def _question(question: Json, document: Row, line: int) -> ImportedRow:
    if not isinstance(question, dict) or not words(question.get("question")).strip():
        raise ValueError("is no question: it needs 'question' with text")
    listed = [(words(one.get("text")), one.get("answer_start")) for one in objects_in(question.get("answers"))]
    impossible = question.get("is_impossible") is True
    if not impossible and not any(text.strip() for text, _ in listed):
        raise ValueError("has no answer, and does not say that it is impossible (a test file without answers)")
    case, notes = _read_case(words(question["question"]), [] if impossible else listed, document, question.get("id"))
    notes += (_BOTH,) if impossible and listed else ()
    notes += unread(question, _OF_QUESTIONS)
    return ImportedRow(line, cases=(case,), notes=notes)


def _flat_question(row: Row, line: int) -> ImportedRow:
    """A row of SQuAD as data set libraries flatten it: answers {text: [...], answer_start: [...]}, empty if unanswerable."""
    question, context = words(row["question"]), words(row["context"])
    if not question.strip() or not context.strip():
        raise ValueError("needs 'question' and 'context' with text")
    document = document_row(context, title=words(row.get("title")).replace("_", " "))
    answers = object_of(row["answers"])
    listed, starts = ([*one] if isinstance(one, list) else [one] for one in (answers["text"], answers.get("answer_start")))
    accepted = [(words(text), start) for text, start in zip_longest(listed, starts[: len(listed)])]
    if listed and not any(text.strip() for text, _ in accepted):
        raise ValueError(
            "has no answer, and no empty list of them, which says that there is none (a test file without answers)"
        )
    case, notes = _read_case(question, accepted, document, row.get("id"))
    notes += unread(row, (*_OF_QUESTIONS, "title", "context"))
    return ImportedRow(line, cases=(case,), documents=(document,), notes=notes)


def _read_case(question: str, answers: Sequence[tuple[str, Json]], document: Row, id: Json) -> tuple[Row, tuple[str, ...]]:
    """(a case about a document, what is to be said of it): its answers where they stand in it; without any there is no gold.

    Args:
        question: what is asked.
        answers: each with the character on which it says that it begins.
        document: the one that holds them.
        id: the question's.
    """
    if not answers:
        return case_row(question, id=id, answerable=False, meta={"context_document": document["id"]}), ()
    notes: dict[str, None] = {}  # in their order, each once
    spans: list[Row] = []
    accepted = [(text, start) for text, start in answers if text.strip()]
    if len(accepted) < len(answers):
        notes["an answer without text is not taken"] = None
    for text, stated in accepted:
        start, note = _place(text, stated, str(document["text"]))
        notes.update({note: None} if note else {})
        if start is not None:
            spans.append({"document": document["id"], "start": start, "end": start + len(text)})
    case = case_row(question, [text for text, _ in accepted], id=id, gold=[] if spans else ids([document]))
    return ({**case, "evidence": unique(spans)} if spans else case), tuple(notes)


def _place(text: str, stated: Json, context: str) -> tuple[int | None, str]:
    """(where an answer begins in its context, None where that cannot be told; what is to be said of it)."""
    start = int(stated) if isinstance(stated, (int, float)) and not isinstance(stated, bool) else None
    if start is not None and start >= 0 and context.startswith(text, start):
        return start, ""
    whole, part = (re.compile(pattern.format(re.escape(text))) for pattern in (r"(?<!\w)(?={}(?!\w))", "(?={})"))
    starts = [match.start() for match in [*whole.finditer(context)] or part.finditer(context)]
    if not starts:
        return None, _NOT_THERE
    if start is None:
        return (starts[0], _ONLY) if len(starts) == 1 else (None, _NOWHERE)
    return min(starts, key=lambda one: abs(one - start)), _ELSEWHERE


_NO_PARAGRAPH = "names a gold paragraph that is not in its context"


def _is_hotpot(row: Row) -> float:
    return 1.0 if {"question", "answer", "context", "supporting_facts"} <= set(row) else 0.0


def _hotpot(row: Row, line: int) -> ImportedRow:
    paragraphs = _paragraphs(row["context"])
    if not paragraphs:
        raise ValueError("'context' must be a list of [title, sentences]")
    facts = row["supporting_facts"]
    titles = (
        texts(facts.get("title"))
        if isinstance(facts, dict)
        else [str(f[0]) for f in facts if isinstance(f, list) and f]
        if isinstance(facts, list)
        else []
    )
    documents = [document_row(text, title=title) for title, text in paragraphs]
    gold = [document for document in documents if document.get("title", "") in titles]
    answer, question = words(row["answer"]), words(row["question"])
    if not question.strip() or not answer.strip():
        raise ValueError("needs 'question' and 'answer' with text")
    id = row.get("_id", row.get("id"))
    meta = {key: row[key] for key in ("type", "level") if row.get(key)}
    notes: tuple[str, ...] = (
        ("which sentences support the answer is not taken: gold is by paragraph",) if gold else ("names no gold paragraph",)
    )
    notes += (_NO_PARAGRAPH,) if gold and set(titles) - {title for title, _ in paragraphs} else ()
    notes += unread(row, _OF_HOTPOT)
    case = case_row(question, [answer], id=id, gold=ids(gold), meta=meta)
    return ImportedRow(line, cases=(case,), documents=tuple(documents), notes=notes)


def _paragraphs(context: Json) -> list[tuple[str, str]]:
    """(title, text) of each paragraph: a list of [title, sentences], or {title: [...], sentences: [...]}."""
    if isinstance(context, dict):
        titles, sentences = context.get("title"), context.get("sentences")
        if not isinstance(titles, list) or not isinstance(sentences, list):
            return []
        context = [[title, listed] for title, listed in zip(titles, sentences, strict=False)]
    pairs = [one for one in context if isinstance(one, list) and len(one) == 2] if isinstance(context, list) else []
    return [(words(title), text) for title, listed in pairs if (text := _joined(listed)).strip()]


def _joined(sentences: Json) -> str:
    listed = texts(sentences)
    return "".join(s if n == 0 or s[:1].isspace() else f" {s}" for n, s in enumerate(listed)).strip()


_NO_ANSWER = "No Answer Present."  # how MS MARCO says that a query has none


def _is_marco(row: Row) -> float:
    return 1.0 if {"query", "passages", "answers"} <= set(row) or {"query", "passages", "query_id"} <= set(row) else 0.0


def _marco(row: Row, line: int) -> ImportedRow:
    passages = _marco_passages(row["passages"])
    if not words(row["query"]).strip() or not passages:
        raise ValueError("needs 'query' with text and 'passages'")
    documents = [document_row(text) for text, _ in passages]
    gold = [document for document, (_, selected) in zip(documents, passages, strict=True) if selected]
    well = [text for text in texts(row.get("wellFormedAnswers")) if text not in ("[]", _NO_ANSWER)]
    stated = texts(row.get("answers"))
    accepted = [text for text in stated if text.strip() != _NO_ANSWER]
    unanswerable = bool(stated) and not accepted
    if not stated and not gold:
        raise ValueError("has neither answers nor a passage that is selected: nobody wrote an answer, or there is none")
    passage_keys = [row["passages"]] if isinstance(row["passages"], dict) else objects_in(row["passages"])
    notes = dict.fromkeys(note for one in passage_keys for note in unread(one, _OF_PASSAGES, " of passages"))
    id = row.get("query_id")
    meta = {"query_type": row["query_type"]} if row.get("query_type") else {}
    case = case_row(
        words(row["query"]),
        [*accepted, *well] if accepted else [],
        id=id,
        gold=[] if unanswerable else ids(gold),
        answerable=not unanswerable,
        meta=meta,
    )
    return ImportedRow(line, cases=(case,), documents=tuple(documents), notes=(*unread(row, _OF_MARCO), *notes))


def _marco_passages(value: Json) -> list[tuple[str, bool]]:
    """(text, whether the answer was made from it), from a list of passages, or an object of columns."""
    if isinstance(value, dict):
        columns, marks = (
            one if isinstance(one, list) else [] for one in (value.get("passage_text"), value.get("is_selected"))
        )
        value = [{"passage_text": text, "is_selected": mark} for text, mark in zip_longest(columns, marks[: len(columns)])]
    pairs = [(words(one.get("passage_text")), one.get("is_selected") in (1, True)) for one in objects_in(value)]
    return [(text, selected) for text, selected in pairs if text.strip()]


SQUAD = Importer("SQuAD: questions on paragraphs", _squad_claims, _squad_read)
HOTPOT = by_rows("HotpotQA: questions on several paragraphs", _is_hotpot, _hotpot)
MS_MARCO = by_rows("MS MARCO: queries with passages and answers", _is_marco, _marco)
