"""Annotations of people: Label Studio tasks and Argilla records; a question with what people said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.importers.fields import QUESTIONS, asked_in, name_in, object_of, words
from rung.importers.imported import ImportedRow, Row, by_rows, case_row, unique
from rung.records import Json

_MIN_FIELDS = ("text", "question", "prompt", "instruction", "input")


def _is_task(row: Row) -> float:
    if isinstance(row.get("data"), dict) and ("annotations" in row or "completions" in row or "predictions" in row):
        return 1.0
    return 0.8 if "annotation_id" in row and "annotator" in row else 0.0


def _task(row: Row, line: int) -> ImportedRow:
    """A task of Label Studio, in full JSON or in JSON-MIN."""
    if "data" not in row:
        own = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
        fields = {key: value for key, value in row.items() if key not in own}
        asks = name_in(fields, QUESTIONS)
        said_of = [value for key, value in fields.items() if key != asks and key not in _MIN_FIELDS]
        return _case(row, line, {asks: fields[asks]} if asks else {}, [one for value in said_of for one in _values(value)])
    fields = object_of(row["data"])
    listed = row.get("annotations", row.get("completions"))
    annotations = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    finished = [one for one in annotations if not one.get("was_cancelled")]
    if not finished:
        raise ValueError("has no annotation: nobody said what is right")
    accepted: list[list[str]] = []
    others: set[str] = set()
    for one in finished:
        results = one.get("result")
        accepted.append([])
        for result in results if isinstance(results, list) else []:
            texts_of, kind = _result(result)
            accepted[-1] += texts_of
            others |= {kind} if not texts_of else set()
    notes = [f"results of the kind '{kind}' are not taken: they are no text and no choice" for kind in sorted(others)]
    notes += (
        ["annotators differ: each one's answer is accepted"]
        if len({tuple(sorted(one)) for one in accepted if one}) > 1
        else []
    )
    return _case(row, line, fields, [text for one in accepted for text in one], notes)


def _result(result: Json) -> tuple[list[str], str]:
    """(the texts or choices of a result of Label Studio, its kind)."""
    kind = words(result.get("type")) if isinstance(result, dict) else ""
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict) or "start" in value:  # a span is no answer
        return [], kind or "unknown"
    return [text for key in ("text", "choices", "taxonomy") for text in _values(value.get(key))], kind


def _values(value: Json) -> list[str]:
    """A text, a number, or a list of them (Label Studio's JSON-MIN has {"choices": [...]} for several)."""
    if isinstance(value, dict):
        value = value.get("choices", value.get("text"))
    listed = value if isinstance(value, list) else [value]
    flat = [one[-1] if isinstance(one, list) and one else one for one in listed]
    return [words(one) for one in flat if isinstance(one, (str, int, float)) and words(one).strip()]


def _case(
    row: Mapping[str, Json], line: int, fields: Mapping[str, Json], accepted: Sequence[str], notes: Sequence[str] = ()
) -> ImportedRow:
    asks = name_in(fields, QUESTIONS) or (next(iter(fields)) if len(fields) == 1 else "")
    if not asks:
        raise ValueError(f"no field says that it is the question; there are: {', '.join(fields) or 'none'}")
    question, before, system = asked_in(fields[asks])
    answers = unique(accepted)
    if not answers:
        raise ValueError("holds no answer in words: " + ("; ".join(notes) or "nobody wrote or chose one"))
    meta = {key: value for key, value in fields.items() if key != asks and words(value)}
    id = row.get("id")
    case = case_row(question, answers, id=id, messages=before, meta=meta)
    return ImportedRow(line, cases=(case,), notes=(*notes, *system))


def _is_record(row: Row) -> float:
    if isinstance(row.get("fields"), dict) and "responses" in row:
        return 1.0
    return 0.9 if any(key.endswith((".responses", ".suggestion", ".suggestion.score")) for key in row) else 0.0


def _record(row: Row, line: int) -> ImportedRow:
    """A record of Argilla 2, nested, or flat with columns `label.responses`; answers that were submitted count."""
    notes: tuple[str, ...] = ()
    if isinstance(row.get("fields"), dict):
        fields, accepted = object_of(row["fields"]), list[str]()
        for name, answers in object_of(row["responses"]).items():
            listed = answers if isinstance(answers, list) else [answers]
            for one in listed:
                status = one.get("status", "submitted") if isinstance(one, dict) else "submitted"
                texts_of = _values(one.get("value") if isinstance(one, dict) else one)
                if status == "submitted":
                    accepted += texts_of
                else:
                    notes = (*notes, f"a response to '{name}' is not taken: its status is {words(status)}")
    else:
        fields = {key: value for key, value in row.items() if "." not in key and key not in ("id", "status", "_server_id")}
        accepted = [text for key, value in row.items() if key.endswith(".responses") for text in _values(value)]
    if not accepted and row.get("suggestions"):
        notes = (*notes, "suggestions are not taken: no person submitted them")
    return _case(row, line, fields, accepted, notes)


LABEL_STUDIO = by_rows("Label Studio: annotated tasks", _is_task, _task)
ARGILLA = by_rows("Argilla: records with responses", _is_record, _record)
