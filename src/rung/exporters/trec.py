"""Cases as TREC qrels with their queries, and rankings as TREC runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from rung.records import Case, Passage

TAG = "rung"  # names the runs of this program
UNITS = 1_000_000  # of a score, as it is written


def qrels_lines(cases: Iterable[Case]) -> Iterator[str]:
    """The judgements: query, 0, document, grade. A gold document is worth its grade in `meta.grades`, else 1."""
    for case in cases:
        grades = case.meta.get("grades")
        by_document = grades if isinstance(grades, dict) else {}
        for document in gold_of(case):
            yield f"{word(case.id)} 0 {word(document)} {by_document.get(document, 1)}\n"


def query_lines(cases: Iterable[Case]) -> Iterator[str]:
    """The queries, as BEIR has them: `_id`, as the judgements name it, and `text`."""
    for case in cases:
        yield json.dumps({"_id": word(case.id), "text": case.question}, ensure_ascii=False) + "\n"


def gold_of(case: Case) -> list[str]:
    """The documents that hold the answer, each once."""
    return list(dict.fromkeys((*case.gold_documents, *(span.document for span in case.evidence))))


def run_lines(query: str, ranking: Sequence[Passage], *, tag: str = TAG) -> Iterator[str]:
    """The lines of one query. Tools that read runs sort by score, and equal ones by name: equal scores are told apart."""
    units: int | None = None  # whole ones, as they are written: what is subtracted from a float may round away again
    for rank, passage in enumerate(ranking, 1):
        own = round(passage.score * UNITS)
        units = own if units is None else min(own, units - 1)
        sign, (whole, rest) = "-" if units < 0 else "", divmod(abs(units), UNITS)
        yield f"{word(query)} Q0 {word(passage.document)} {rank} {sign}{whole}.{rest:06d} {word(tag)}\n"


def best_of_documents(ranking: Sequence[Passage], top: int | None = None) -> list[Passage]:
    """The first passage of each of the first `top` documents."""
    best: dict[str, Passage] = {}
    for passage in ranking:
        if len(best) == top:
            break
        best.setdefault(passage.document, passage)
    return list(best.values())


def word(name: str) -> str:
    """A name as one word: TREC's fields are separated by white space."""
    return re.sub(r"\s", lambda space: "".join(f"%{byte:02X}" for byte in space[0].encode()), name)
