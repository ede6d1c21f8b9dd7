"""Quiz cards: a question on a line, its answer on the next after "= "."""

from __future__ import annotations

from collections.abc import Iterator

from rung.importers.imported import ImportedRow, Importer, case_row
from rung.importers.source import ImportFile


def _claims(file: ImportFile) -> float:
    return 1.0 if file.text.startswith("#cards\n") else 0.0


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    question, asked_on = "", 0
    for number, line in enumerate(file.text.splitlines()[1:], 2):
        if line.startswith("= ") and question:
            yield ImportedRow(asked_on, cases=(case_row(question, [line[2:]]),))
            question = ""
        elif line.strip():
            if question:
                yield ImportedRow(asked_on, refused="has no answer: write '= ' and the answer on the next line")
            question, asked_on = line, number
    if question:
        yield ImportedRow(asked_on, refused="has no answer: write '= ' and the answer on the next line")


CARDS = Importer("quiz cards", _claims, _read)
