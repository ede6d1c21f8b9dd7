"""Annotations of people: Label Studio tasks and Argilla records; a question with what people said of it.

What was asked of a text may be several things at once, a topic and a sentiment say. A case has the answers to one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rung.errors import InputError
from rung.importers.fields import QUESTIONS, asked_in, listed_in, name_in, object_of, objects_in, words
from rung.importers.imported import ImportedRow, Importer, Row, case_row, claims_by, unique
from rung.importers.source import ImportFile
from rung.records import Json

_MIN_FIELDS = ("text", "question", "prompt", "instruction", "input")
_MIN_OWN = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
_SUGGESTED = "-suggestion"
_FLAT_OWN = ("id", "status", "_server_id")


@dataclass(slots=True)
class _Entry:
    """A row: what was shown, and by the name of what was asked the texts of each person."""

    shown: Mapping[str, Json]
    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, texts_of: list[str]) -> None:
        """One person's answer to one of the things that were asked."""
        if texts_of:
            self.answers.setdefault(name, []).append(texts_of)


def _importer(about: str, fits: Callable[[Row], float], entry_of: Callable[[Row, str], _Entry]) -> Importer:
    def read(file: ImportFile) -> Iterator[ImportedRow]:
        entries: list[tuple[int, Row, _Entry | str]] = []
        for line, row in file.rows:
            try:
                entries.append((line, row, entry_of(row, file.question)))
            except ValueError as error:
                entries.append((line, row, str(error)))
        name = _asked_for(file, [one for _, _, one in entries if isinstance(one, _Entry)])
        for line, row, one in entries:
            try:
                yield ImportedRow(line, refused=one) if isinstance(one, str) else _case(row, line, one, name, file.question)
            except ValueError as error:
                yield ImportedRow(line, refused=str(error))

    return Importer(about, claims_by(fits), read, ("question", "answer"))


def _asked_for(file: ImportFile, rows: Sequence[_Entry]) -> str:
    """The name of what was asked whose answers are taken.

    Raises:
        InputError: people answered several, and the user names none or another.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.answers))
    listed = ", ".join(f"'{name}'" for name in names) or "none"
    if file.answer and names and file.answer not in names:
        raise InputError(f"has no answers to '{file.answer}'; there are: {listed}", path=file.shown)
    if not file.answer and len(names) > 1:
        why = f"holds answers to several questions ({listed}), and a case has those to one: name it with --answer NAME"
        raise InputError(why, path=file.shown)
    return file.answer or next(iter(names), "")


def _case(row: Row, line: int, entry: _Entry, name: str, named: str) -> ImportedRow:
    """A case of what was shown, and the answers to what has this name. `named`: the question, where the user says so."""
    shown = entry.shown
    there = ", ".join(shown) or "none"
    if named and named not in shown:
        raise ValueError(f"has no field '{named}'; there are: {there}")
    asks = named or name_in(shown, QUESTIONS) or (next(iter(shown)) if len(shown) == 1 else "")
    if not asks:
        raise ValueError(f"no field says that it is the question; there are: {there}")
    question, before, system = asked_in(shown[asks])
    by_person = entry.answers.get(name, [])
    if not by_person:
        raise ValueError("holds no answer in words: " + ("; ".join(entry.notes) or "nobody wrote or chose one"))
    differ = len({tuple(sorted(one)) for one in by_person}) > 1
    notes = [*entry.notes, *(f"answers to '{other}' are not taken" for other in entry.answers if other != name)]
    notes += ["annotators differ: each one's answer is accepted"] if differ else []
    meta = {key: value for key, value in shown.items() if key != asks and words(value)}
    answers = unique([text for one in by_person for text in one])
    case = case_row(question, answers, id=row.get("id"), messages=before, meta=meta)
    return ImportedRow(line, cases=(case,), notes=(*notes, *system))


def _is_task(row: Row) -> float:
    if isinstance(row.get("data"), dict) and ("annotations" in row or "completions" in row or "predictions" in row):
        return 1.0
    return 0.8 if "annotation_id" in row and "annotator" in row else 0.0


def _task(row: Row, question: str) -> _Entry:
    """A task of Label Studio, in full JSON or in JSON-MIN."""
    if "data" not in row:
        return _min_task(row, question)
    listed = row.get("annotations", row.get("completions"))
    finished = [one for one in objects_in(listed) if not one.get("was_cancelled")]
    if not finished:
        raise ValueError("has no annotation: nobody said what is right")
    entry = _Entry(object_of(row["data"]))
    others: set[str] = set()
    for one in finished:
        results = one.get("result")
        by_name: dict[str, list[str]] = {}
        for result in results if isinstance(results, list) else []:
            name, texts_of, kind = _result(result)
            by_name.setdefault(name, []).extend(texts_of)
            others |= {kind} if not texts_of else set()
        for name, texts_of in by_name.items():
            entry.add(name, texts_of)
    entry.notes += [f"results of the kind '{kind}' are not taken: they are no text and no choice" for kind in sorted(others)]
    return entry


def _min_task(row: Row, question: str) -> _Entry:
    """A row of JSON-MIN: what was shown, the task's id, what was answered, who annotated; all of them keys of one object.

    Where the id comes first, what was shown and what was answered are not told apart.
    """
    keys = list(row)
    at = {key: keys.index(key) for key in ("id", "annotator") if key in row}
    shown = keys[: at["id"]] if at.get("id", 0) < at.get("annotator", 0) else []
    own = {*_MIN_OWN, *shown, *_MIN_FIELDS, question}
    entry = _Entry({key: row[key] for key in shown})
    if not shown:
        asks = question if question in row else name_in([key for key in keys if key not in _MIN_OWN], QUESTIONS)
        own |= {asks}
        entry.shown = {asks: row[asks]} if asks else {}
    for key in keys:
        if key not in own:
            entry.add(key, _values(row[key]))
    return entry


def _result(result: Json) -> tuple[str, list[str], str]:
    """(the name of the control, the texts or choices of a result of Label Studio, its kind)."""
    fields = result if isinstance(result, dict) else {}
    name, kind, value = words(fields.get("from_name")), words(fields.get("type")), fields.get("value")
    if not isinstance(value, dict) or "start" in value:  # a span is no answer
        return name, [], kind or "unknown"
    return name, [text for key in ("text", "choices", "taxonomy") for text in _values(value.get(key))], kind


def _values(value: Json) -> list[str]:
    """A text, a number, or a list of them (Label Studio's JSON-MIN has {"choices": [...]} for several)."""
    if isinstance(value, dict):
        value = value.get("choices", value.get("text"))
    listed = value if isinstance(value, list) else [value]
    flat = [one[-1] if isinstance(one, list) and one else one for one in listed]
    return [words(one) for one in flat if isinstance(one, (str, int, float)) and words(one).strip()]


def _is_record(row: Row) -> float:
    if isinstance(row.get("fields"), dict) and "responses" in row:
        return 1.0
    flat = any(key.endswith((".responses", ".suggestion", ".suggestion.score")) for key in row)
    return 0.9 if flat or any(_responses(row[name]) for name in _first_version(row)) else 0.0


def _record(row: Row, _: str) -> _Entry:
    """A record of Argilla, whose submitted answers count: of Argilla 2 nested, or flat with columns `label.responses`; of
    Argilla 1 by person, or flat with `label` beside `label-suggestion`."""
    usual = _status_of_responses(row)
    if isinstance(row.get("fields"), dict):
        entry = _Entry(object_of(row["fields"]))
        for response in objects_in(row.get("responses")):  # of Argilla 1: a response holds the answers of one person
            for name, answer in object_of(response.get("values")).items():
                value = answer.get("value") if isinstance(answer, dict) else answer
                _respond(entry, name, value, response.get("status") or usual)
        for name, answers in object_of(row.get("responses")).items():
            for one in answers if isinstance(answers, list) else [answers]:
                fields = one if isinstance(one, dict) else {"value": one}
                _respond(entry, name, fields.get("value"), fields.get("status") or usual)
    elif asked_of := _first_version(row):
        own = (*asked_of, *_FLAT_OWN, "external_id", "metadata", "vectors")
        entry = _Entry({key: value for key, value in row.items() if key not in own and _SUGGESTED not in key})
        for name in asked_of:
            for fields in _responses(row.get(name)):
                _respond(entry, name, fields.get("value"), fields.get("status") or usual)
    else:
        entry = _Entry({key: value for key, value in row.items() if "." not in key and key not in _FLAT_OWN})
        for key in [key for key in row if key.endswith(".responses")]:
            values, status = _cell_list(row[key]), row.get(f"{key}.status")
            statuses = [usual] * len(values) if status is None else _cell_list(status)
            for n, value in enumerate(values):
                _respond(entry, key.removesuffix(".responses"), value, statuses[n] if n < len(statuses) else "unknown")
    if not entry.answers and (row.get("suggestions") or any(key.endswith((".suggestion", _SUGGESTED)) for key in row)):
        entry.notes.append("suggestions are not taken: no person submitted them")
    return entry


def _first_version(row: Row) -> list[str]:
    """What was asked, by the columns that Argilla 1 writes: the answers of each beside `<name>-suggestion`."""
    return [name for key in row if (name := key.removesuffix(_SUGGESTED)) != key and name in row]


def _responses(value: Json) -> list[dict[str, Json]]:
    """Responses of people: a list of objects, or as tables have it an object of lists."""
    if isinstance(value, dict):
        values, statuses = _cell_list(value.get("value")), _cell_list(value.get("status"))
        return [{"value": one, "status": statuses[n] if n < len(statuses) else None} for n, one in enumerate(values)]
    return objects_in(value)


def _status_of_responses(row: Row) -> Json:
    """The status of responses that have none. Argilla 2 writes none into its JSON, and calls a record completed whose
    responses were submitted."""
    status = row.get("status")
    return "submitted" if status in (None, "completed") else f"not in the file, and the record is {words(status)}"


def _respond(entry: _Entry, name: str, value: Json, status: Json) -> None:
    """A person's response, which counts where it was submitted."""
    if status == "submitted":
        entry.add(name, _values(value))
    elif _values(value):
        entry.notes.append(f"a response to '{name}' is not taken: its status is {words(status)}")


def _cell_list(value: Json) -> list[Json]:
    """A list, or the list that a cell of a table holds as text; anything else is one of its own."""
    listed = listed_in(value) if isinstance(value, str) and value.strip().startswith("[") else value
    return listed if isinstance(listed, list) else [] if value is None else [value]


LABEL_STUDIO = _importer("Label Studio: annotated tasks", _is_task, _task)
ARGILLA = _importer("Argilla: records with responses", _is_record, _record)
