"""Where a case's gold stands in a ranking: the one rule that scoring, diagnosis and the reference arms share.

What follows from it (recall, nDCG, which layer lost the case) is left to `scoring` and `verdict`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rung.records import Case, Citation, Evidence, Passage

FOUND_SHARE = 0.5  # a span counts as found when at least this share of its characters has been seen


def has_gold(case: Case) -> bool:
    """Whether the case says where its answer stands."""
    return bool(case.evidence or case.gold_documents)


def gains(case: Case) -> list[float]:
    """What finding each gold target is worth, in the order of `target_ranks`: a graded document its grade, all else 1.

    Grades are those of `meta.grades` (document -> number), as qrels have them; one of 0 or below is worth nothing.
    """
    if case.evidence:
        return [1.0] * len(dict.fromkeys(case.evidence))
    graded = grades(case)
    return [max(0.0, graded.get(document, 1.0)) for document in dict.fromkeys(case.gold_documents)]


def grades(case: Case) -> dict[str, float]:
    """The graded judgements of a case, by document; what is no number is left out."""
    declared = case.meta.get("grades")
    given = declared.items() if isinstance(declared, dict) else ()
    return {name: float(grade) for name, grade in given if isinstance(grade, (int, float)) and not isinstance(grade, bool)}


def judgements(case: Case) -> tuple[object, ...]:
    """All that a case's ranking is judged by, for the digests of what was measured or chosen by it."""
    named = (case.question, case.groups, case.evidence, case.gold_documents)
    own = {key: case.meta[key] for key in ("grades", "ignored_documents") if case.meta.get(key)}
    return (*named, own) if own else named


def counted(case: Case, ranking: Sequence[Passage]) -> Sequence[Passage]:
    """The passages that take a rank: not those of `meta.ignored_documents`, such as the query itself among the documents."""
    left_out = ignored(case)
    return [p for p in ranking if p.document not in left_out] if left_out else ranking


def ignored(case: Case) -> tuple[str, ...]:
    """The documents that take no rank in this case, and teach nothing."""
    declared = case.meta.get("ignored_documents")
    return tuple(map(str, declared)) if isinstance(declared, list) else ()


def target_ranks(case: Case, ranking: Sequence[Passage]) -> list[int | None]:
    """The rank (from 1) at which each gold target is found among the passages that count, None where it never is.

    Targets are the evidence spans: found at the first rank by which the passages so far cover at least half of the span's
    characters (a span may be cut by chunking). Without spans they are the gold documents, each found at its place among
    the *documents* of the ranking: further passages of a document already seen take no rank, as in TREC.
    """
    ranking = counted(case, ranking)
    if case.evidence:
        return [_span_rank(span, ranking) for span in dict.fromkeys(case.evidence)]
    rank_of = {document: rank for rank, document in enumerate(dict.fromkeys(p.document for p in ranking), start=1)}
    return [rank_of.get(document) for document in dict.fromkeys(case.gold_documents)]


def span_recall(case: Case, ranking: Sequence[Passage]) -> float | None:
    """The share of the gold characters that these passages cover, in [0, 1]; None where the case has no evidence spans.

    Characters of overlapping spans, and of overlapping passages, count once. It says the same of any way of cutting, which
    recall by whole passages does not.
    """
    gold: dict[str, list[tuple[int, int]]] = {}
    for span in case.evidence:
        gold.setdefault(span.document, []).append((span.start, span.end))
    total = sum(_covered(spans) for spans in gold.values())
    if not total:
        return None
    seen: dict[str, list[tuple[int, int]]] = {}
    for passage in ranking:
        if passage.document in gold:
            parts = [(max(a, passage.start), min(b, passage.end)) for a, b in gold[passage.document]]
            seen.setdefault(passage.document, []).extend((a, b) for a, b in parts if a < b)
    return sum(_covered(parts) for parts in seen.values()) / total


def _span_rank(span: Evidence, ranking: Sequence[Passage]) -> int | None:
    seen: list[tuple[int, int]] = []
    needed = max(FOUND_SHARE * (span.end - span.start), 1)
    for rank, passage in enumerate(ranking, start=1):
        if overlaps(span, passage):
            seen.append((max(passage.start, span.start), min(passage.end, span.end)))
            if _covered(seen) >= needed:
                return rank
    return None


def _covered(parts: Iterable[tuple[int, int]]) -> int:
    total, reached = 0, -1
    for start, end in sorted(parts):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def overlaps(span: Evidence | Passage, part: Passage | Citation) -> bool:
    """Whether a passage or citation shares at least one character with the span, or with another passage."""
    return part.document == span.document and part.start < span.end and span.start < part.end


def is_gold(case: Case, part: Passage | Citation) -> bool:
    """Whether a passage or citation touches the gold: an evidence span or, without spans, a gold document."""
    if case.evidence:
        return any(overlaps(span, part) for span in case.evidence)
    return part.document in case.gold_documents
