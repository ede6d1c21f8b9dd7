"""Test sets for retrieval-augmented answering: ragas, DeepEval's goldens, LlamaIndex' labelled sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rung.importers.fields import asked, asked_in, cell_texts, chat_turns, object_of, plain_name, texts, words
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
    unread,
)
from rung.importers.source import ImportFile
from rung.records import Json

_RETRIEVED = "retrieved contexts are not taken: they are what a search found, not what holds the answer"
_RESPONSE = "the response is not taken: it is what was to be judged"
_OLDER = ("ground_truth", "ground_truths", "groundtruth")


_OF_RAGAS = (
    *("user_input", "question", "reference", *_OLDER, "reference_contexts", "reference_context_ids"),
    *("retrieved_contexts", "contexts", "response", "answer"),
)
_OF_EXPORT = ("case", "turns", "references", "answerable", "as", "split", "weight", "calls")


def _is_ragas(row: Row) -> float:
    if "user_input" in row:
        return 0.95 if {"reference", "retrieved_contexts", "response", "reference_contexts"} & set(row) else 0.5
    return 0.9 if "question" in row and any(key in row for key in _OLDER) else 0.0


def _ragas(row: Row, line: int) -> ImportedRow:
    is_ours = {"case", "question", "references"} <= set(row)  # as `rung export` writes it, with columns beside ragas' own
    asks: Json = row.get("turns", row["question"]) if is_ours else row.get("user_input", row.get("question"))
    unanswerable = is_ours and row.get("answerable") is False
    before, notes = list[Mapping[str, Json]](), tuple[str, ...]()
    if isinstance(asks, str) and asks.lstrip().startswith("[{"):
        raise ValueError("its conversation stands in a cell as text: export it as JSONL")
    if isinstance(asks, list):
        turns = chat_turns(asks)
        while turns and turns[-1]["role"] != "user":
            turns.pop()
            notes = ("turns after the last one of the user are not taken: they are what was to be judged",)
        question, before, _ = asked(turns)
    else:
        question, _, _ = asked_in(asks)
    accepted = cell_texts(row.get("references")) or texts(row.get("reference"))
    for key in _OLDER:
        accepted = accepted or cell_texts(row.get(key), numbers=key.endswith("s"))
    gold = [document_row(text) for text in cell_texts(row.get("reference_contexts"))]
    named = [str(one) for one in cell_texts(row.get("reference_context_ids"), numbers=True)]
    if not accepted and not gold and not named and not unanswerable:
        raise ValueError("has neither a reference nor reference contexts: there is nothing to judge by")
    documents = (
        tuple(gold)
        if not (named and len(named) == len(gold))
        else tuple(document_row(str(one["text"]), id=id) for one, id in zip(gold, named, strict=True))
    )
    notes += (_RETRIEVED,) if cell_texts(row.get("retrieved_contexts", row.get("contexts"))) else ()
    notes += (_RESPONSE,) if texts(row.get("response", row.get("answer"))) else ()
    notes += unread(row, (*_OF_RAGAS, *(_OF_EXPORT if is_ours else ())))
    gold_ids = [] if unanswerable else ids(documents) or named
    id = row.get("case") if is_ours else None
    case = case_row(question, accepted, id=id, gold=gold_ids, answerable=not unanswerable, messages=before)
    own: Row = {key: row[key] for key in ("as", "split", "weight", "calls") if is_ours and key in row}
    return ImportedRow(line, cases=({**case, **own},), documents=documents, notes=notes)


_GOLDEN_KEYS = {"actual_output", "retrieval_context", "additional_metadata", "source_file", "expected_tools", "tools_called"}


_OF_GOLDENS = (
    *("input", "expected_output", "context", "source_file", "actual_output", "retrieval_context"),
    *("additional_metadata", "name", "comments"),
)


def _is_golden(row: Row) -> float:
    names = {plain_name(key) for key in row}
    if {"scenario", "expected_outcome"} <= names:
        return 0.9
    if "input" not in names or "expected_output" not in names:
        return 0.0
    return 0.95 if names & _GOLDEN_KEYS else 0.75


def _golden(row: Row, line: int) -> ImportedRow:
    values = {plain_name(key): value for key, value in row.items()}
    if "scenario" in values:
        raise ValueError("is a conversational golden: a scenario that a simulated user plays has no question and no answer")
    question, _, _ = asked_in(values.get("input"))
    documents = tuple(document_row(text, meta=_source(values)) for text in _contexts(values.get("context")))
    accepted: list[Json] = [*texts(values.get("expected_output"))]
    if not accepted and not documents:
        raise ValueError("has no expected output: there is nothing to judge by")
    notes = [_RESPONSE] if texts(values.get("actual_output")) else []
    notes += [_RETRIEVED] if _contexts(values.get("retrieval_context")) else []
    notes += unread(values, _OF_GOLDENS)
    extra = values.get("additional_metadata")
    meta = dict(object_of(extra)) | {key: values[key] for key in ("name", "comments") if values.get(key)}
    case = case_row(question, accepted, gold=ids(documents), meta=meta)
    return ImportedRow(line, cases=(case,), documents=documents, notes=tuple(notes))


def _source(values: Row) -> Row | None:
    return {"source_file": values["source_file"]} if values.get("source_file") else None


def _contexts(value: Json) -> list[str]:
    """Contexts as a list, as JSON or Python text of one, or, in DeepEval's CSV, with bars between them."""
    if isinstance(value, list):
        return [str(one["context"]) if isinstance(one, dict) and "context" in one else words(one) for one in value if one]
    listed = cell_texts(value)
    return [part.strip() for text in listed for part in text.split("|") if part.strip()] if len(listed) == 1 else listed


_NOT_IN_CORPUS = "names a document that is not in the corpus"
_OF_LABELLED = ("query", "reference_contexts", "reference_answer", "query_by", "reference_answer_by")


def _llama_claims(file: ImportFile) -> float:
    whole = file.whole
    if isinstance(whole, dict) and {"queries", "corpus", "relevant_docs"} <= set(whole):
        return 1.0
    return claims_by(_is_labelled)(file)


def _is_labelled(row: Row) -> float:
    return 1.0 if "query" in row and ("reference_answer" in row or "reference_contexts" in row) else 0.0


def _llama_read(file: ImportFile) -> Iterator[ImportedRow]:
    whole = file.whole
    if isinstance(whole, dict) and "relevant_docs" in whole:
        queries, corpus, relevant = (object_of(whole.get(key)) for key in ("queries", "corpus", "relevant_docs"))
        for id, text in corpus.items():
            there = file.line(f"/corpus/{_pointer(id)}")
            filled = bool(words(text).strip())
            documents = (document_row(words(text), id=id),) if filled else ()
            yield ImportedRow(there, documents=documents, refused="" if filled else f"the document '{id}' is empty")
        for id, text in queries.items():
            there = file.line(f"/queries/{_pointer(id)}")
            named = texts(relevant.get(id))
            gold = [name for name in named if name in corpus]
            if gold and words(text).strip():
                notes = (_NOT_IN_CORPUS,) if len(gold) < len(named) else ()
                yield ImportedRow(there, cases=(case_row(words(text), id=id, gold=gold),), notes=notes)
            else:
                yield ImportedRow(there, refused=f"the query '{id}' has no text, or no document of the corpus")
        return
    for line, row in file.rows:
        yield taken(row, line, _labelled)


def _labelled(row: Row, line: int) -> ImportedRow:
    question, _, _ = asked_in(row["query"])
    documents = tuple(document_row(text) for text in cell_texts(row.get("reference_contexts")))
    accepted = texts(row.get("reference_answer"))
    if not accepted and not documents:
        raise ValueError("has neither a reference answer nor reference contexts: there is nothing to judge by")
    meta = {key: row[key] for key in ("query_by", "reference_answer_by") if row.get(key)}
    case = case_row(question, [*accepted], gold=ids(documents), meta=meta)
    return ImportedRow(line, cases=(case,), documents=documents, notes=unread(row, _OF_LABELLED))


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


RAGAS = by_rows("ragas: samples with references", _is_ragas, _ragas)
GOLDENS = by_rows("DeepEval: goldens", _is_golden, _golden)
LLAMA_INDEX = Importer("LlamaIndex: labelled sets of questions", _llama_claims, _llama_read)
