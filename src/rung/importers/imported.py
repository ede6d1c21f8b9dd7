"""What an importer gives for each row of a file, and the contract of importers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rung.importers.source import ImportFile
from rung.records import Json, digest

Row = dict[str, Json]  # of a file of cases, examples or documents, as docs/data-formats.md has them


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """What became of one row. It holds something, or says in `refused` why it does not.

    Args:
        line: on which the row begins, from 1; 0 where lines are not known.
        cases, examples, documents: rows of Rung's own.
        refused: why nothing was taken.
        notes: what of the row was not carried over.
        part: the member of a folder or an archive that it is of; "" for the file itself.
        schema: the JSON Schema that its answer must fit, if the row says one.
        metric: the `bar.metric` that its assertions ask for, if they do.
        name: what the row calls itself in its file, by a title or an id; "" where it does not.
    """

    line: int
    cases: tuple[Row, ...] = ()
    examples: tuple[Row, ...] = ()
    documents: tuple[Row, ...] = ()
    refused: str = ""
    notes: tuple[str, ...] = ()
    part: str = ""
    schema: Json = None
    metric: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Importer:
    """A form of files. This is all that one is.

    Args:
        about: what the form is, in a few words.
        claims: how sure it is that a file is of this form: 0 it is not, 1 nothing else looks like this.
        read: every row of the file, each once; raises `InputError` where the file is broken as a whole.
        options: of `question` and `answer`, by which a user names columns, those that it reads; others are refused.
    """

    about: str
    claims: Callable[[ImportFile], float]
    read: Callable[[ImportFile], Iterator[ImportedRow]]
    options: tuple[str, ...] = ()


_NAMES = ("title", "name", "id", "_id", "uuid", "custom_id")  # keys by which a row calls itself
_LONGEST_NAME = 60
LOOKED_AT = 20  # rows by which a file is known


def by_rows(about: str, fits: Callable[[Row], float], take: Callable[[Row, int], ImportedRow]) -> Importer:
    """The importer of a form whose file is a list of rows (JSONL, JSON, CSV).

    Args:
        about: as `Importer` has it.
        fits: how sure one row looks like this form, 0 to 1; the file's claim is the mean of its first rows.
        take: a row and its line, as an `ImportedRow`; a `ValueError` is a refusal, its message the reason.
    """

    def read(file: ImportFile) -> Iterator[ImportedRow]:
        for line, row in file.rows:
            yield taken(row, line, take)

    return Importer(about, claims_by(fits), read)


def claims_by(fits: Callable[[Row], float]) -> Callable[[ImportFile], float]:
    """How sure it is that a file of rows is of a form: the mean of its first rows."""

    def claims(file: ImportFile) -> float:
        rows = file.rows[:LOOKED_AT]
        return sum(fits(row) for _, row in rows) / len(rows) if rows else 0.0

    return claims


def taken(row: Row, line: int, take: Callable[[Row, int], ImportedRow]) -> ImportedRow:
    """What `take` makes of a row; its `ValueError` is a refusal, and so is a key that is not there."""
    try:
        imported = take(row, line)
    except KeyError as error:
        imported = ImportedRow(line, refused=f"is not of this form: it has no {error}")
    except ValueError as error:
        imported = ImportedRow(line, refused=str(error))
    name = next((str(row[key]) for key in _NAMES if isinstance(row.get(key), (str, int)) and str(row[key]).strip()), "")
    return replace(imported, name=" ".join(name.split())[:_LONGEST_NAME])


def unread(row: Row, read: Collection[str], where: str = "") -> tuple[str, ...]:
    """A note for each key of a row that holds something and is not one that is read. `where`: of what it is a key."""
    return tuple(f"'{key}'{where} is not taken" for key, value in row.items() if key not in read and _says(value))


def _says(value: Json) -> bool:
    return value is not None and value not in ("", [], {}) and not (isinstance(value, str) and not value.strip())


def case_row(
    question: str,
    answers: Sequence[Json] = (),
    *,
    id: Json = None,
    gold: Sequence[str] = (),
    answerable: bool = True,
    messages: Sequence[Mapping[str, Json]] = (),
    meta: Mapping[str, Json] | None = None,
) -> Row:
    """A row of cases; what there is nothing of has no key, and an `id` that is no text or number none either.

    `answers`: repeats are dropped.
    """
    row: Row = {} if id == "" or not isinstance(id, (str, int)) or isinstance(id, bool) else {"id": id}
    row["question"] = question
    if answers or not answerable:  # an empty list would say that there is no answer
        row["answers"] = unique(answers)
    if not answerable:
        row["answerable"] = False
    if gold:
        row["gold_documents"] = unique(gold)
    if messages:
        row["messages"] = [dict(message) for message in messages]
    if meta:
        row["meta"] = dict(meta)
    return row


def document_row(text: str, *, id: str = "", title: str = "", meta: Mapping[str, Json] | None = None) -> Row:
    """A row of documents. Without an `id` it is named by its text, so that one text is one document."""
    row: Row = {"id": id or f"context-{digest(text)[:12]}", "text": text}
    if title:
        row["title"] = title
    if meta:
        row["meta"] = dict(meta)
    return row


def ids(documents: Sequence[Row]) -> list[str]:
    """The ids of rows of documents."""
    return [str(document["id"]) for document in documents]


def unique(values: Sequence[Json]) -> list[Json]:
    """The values in their order, each once."""
    seen: list[Json] = []
    for value in values:
        if value not in seen:
            seen.append(value)
    return seen
