"""What the file of cases says of how a ranking is judged: grades of documents, and documents that take no rank.

How they are counted is left to `rung.records.gold`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rung.records import Case


def ignoring_itself(case: Case) -> Case:
    """The case, whose ranking leaves out the document of the query's own id: BEIR's `ignore_identical_ids`."""
    ignored = case.meta.get("ignored_documents")
    return replace(case, meta={**case.meta, "ignored_documents": [*(ignored if isinstance(ignored, list) else ()), case.id]})


def misgraded(case: Case) -> Iterator[str]:
    """What is wrong with a case's grades, and with the documents that it ignores."""
    grades, ignored = case.meta.get("grades"), case.meta.get("ignored_documents")
    if ignored is not None and not (isinstance(ignored, list) and all(isinstance(one, str) for one in ignored)):
        yield f"'meta.ignored_documents' must be a list of document ids, found {ignored!r}: nothing is ignored"
    if grades is None:
        return
    if not case.gold_documents:
        yield "'meta.grades' counts nothing: grades are of 'gold_documents', and it names none"
        return
    if not isinstance(grades, dict):
        yield f"'meta.grades' must be an object of document ids and numbers, found {grades!r}: every gold document counts 1"
        return
    for document, grade in grades.items():
        if not isinstance(grade, (int, float)) or isinstance(grade, bool):
            yield f"'meta.grades' must hold numbers, found {grade!r} for '{document}': it counts 1"
        elif grade > 0 and document not in case.gold_documents:
            yield f"'meta.grades' grades '{document}' with {grade:g}, but it is none of 'gold_documents': it counts nothing"
        elif grade <= 0 and document in case.gold_documents:
            yield f"'gold_documents' names '{document}', graded {grade:g}: it counts nothing in nDCG"
