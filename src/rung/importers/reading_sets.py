"""Question answering over texts, as research publishes it: SQuAD, HotpotQA, MS MARCO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
)
from rung.importers.source import ImportFile
from rung.records import Json


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
    yield ImportedRow(line, documents=(document,))
    for index, question in enumerate(questions if isinstance(questions, list) else []):
        there = file.line(f"{pointer}/qas/{index}")
        try:
            yield _question(question, document, there)
        except ValueError as error:
            yield ImportedRow(there, refused=str(error))


def _question(question: Json, document: Row, line: int) -> ImportedRow:
    if not isinstance(question, dict) or not words(question.get("question")).strip():
        raise ValueError("is no question: it needs 'question' with text")
    listed = objects_in(question.get("answers"))
    accepted = [text for one in listed if (text := words(one.get("text"))).strip()]
    starts = [one.get("answer_start") for one in listed]
    impossible = question.get("is_impossible") is True
    if not accepted and not impossible:
        raise ValueError("has no answer, and does not say that it is impossible (a test file without answers)")
    id = question.get("id")
    case = _read_case(words(question["question"]), [] if impossible else accepted, document, id, starts)
    return ImportedRow(line, cases=(case,))


def _flat_question(row: Row, line: int) -> ImportedRow:
    """A row of SQuAD as data set libraries flatten it: answers {text: [...], answer_start: [...]}, empty if unanswerable."""
    question, context = words(row["question"]), words(row["context"])
    if not question.strip() or not context.strip():
        raise ValueError("needs 'question' and 'context' with text")
    document = document_row(context, title=words(row.get("title")).replace("_", " "))
    answers = object_of(row["answers"])
    starts, listed = answers.get("answer_start"), answers.get("text")
    accepted = texts(listed)
    if not accepted and listed != []:
        raise ValueError(
            "has no answer, and no empty list of them, which says that there is none (a test file without answers)"
        )
    case = _read_case(question, accepted, document, row.get("id"), starts if isinstance(starts, list) else [])
    return ImportedRow(line, cases=(case,), documents=(document,))


def _read_case(question: str, accepted: list[str], document: Row, id: Json, starts: Sequence[Json]) -> Row:
    """A case about a document, its answers where they stand in it; without accepted ones it has none, and no gold."""
    if not accepted:
        return case_row(question, id=id, answerable=False, meta={"context_document": document["id"]})
    context = str(document["text"])
    spans: list[Row] = [
        {"document": document["id"], "start": start, "end": start + len(text)}
        for text, start in zip(accepted, starts, strict=False)
        if isinstance(start, int) and start >= 0 and context.startswith(text, start)
    ]
    case = case_row(question, [*accepted], id=id, gold=[] if spans else ids([document]))
    return {**case, "evidence": unique(spans)} if spans else case


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
    documents = {title: document_row(text, title=title) for title, text in paragraphs}
    gold = [documents[title] for title in dict.fromkeys(titles) if title in documents]
    answer, question = words(row["answer"]), words(row["question"])
    if not question.strip() or not answer.strip():
        raise ValueError("needs 'question' and 'answer' with text")
    id = row.get("_id", row.get("id"))
    meta = {key: row[key] for key in ("type", "level") if row.get(key)}
    notes = (
        ("which sentences support the answer is not taken: gold is by paragraph",) if gold else ("names no gold paragraph",)
    )
    case = case_row(question, [answer], id=id, gold=ids(gold), meta=meta)
    return ImportedRow(line, cases=(case,), documents=tuple(documents.values()), notes=notes)


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
    return ImportedRow(line, cases=(case,), documents=tuple(documents))


def _marco_passages(value: Json) -> list[tuple[str, bool]]:
    """(text, whether the answer was made from it), from a list of passages, or an object of columns."""
    if isinstance(value, dict):
        columns, selected = texts(value.get("passage_text")), value.get("is_selected")
        marks = selected if isinstance(selected, list) else []
        return [(text, n < len(marks) and marks[n] in (1, True)) for n, text in enumerate(columns)]
    pairs = [(words(one.get("passage_text")), one.get("is_selected") in (1, True)) for one in objects_in(value)]
    return [(text, selected) for text, selected in pairs if text.strip()]


SQUAD = Importer("SQuAD: questions on paragraphs", _squad_claims, _squad_read)
HOTPOT = by_rows("HotpotQA: questions on several paragraphs", _is_hotpot, _hotpot)
MS_MARCO = by_rows("MS MARCO: queries with passages and answers", _is_marco, _marco)
