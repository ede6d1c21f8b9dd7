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


def target_ranks(case: Case, ranking: Sequence[Passage]) -> list[int | None]:
    """The rank (from 1) at which each gold target is found, None where it never is.

    Targets are the evidence spans: found at the first rank by which the passages so far cover at least half of the span's
    characters (a span may be cut by chunking). Without spans they are the gold documents, each found at its place among
    the *documents* of the ranking: further passages of a document already seen take no rank, as in TREC.
    """
    if case.evidence:
        return [_span_rank(span, ranking) for span in dict.fromkeys(case.evidence)]
    order = {document: rank for rank, document in enumerate(dict.fromkeys(p.document for p in ranking), start=1)}
    return [order.get(document) for document in dict.fromkeys(case.gold_documents)]


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


def overlaps(span: Evidence, part: Passage | Citation) -> bool:
    """Whether a passage or citation shares at least one character with the span."""
    return part.document == span.document and part.start < span.end and span.start < part.end


def is_gold(case: Case, part: Passage | Citation) -> bool:
    """Whether a passage or citation touches the gold: an evidence span or, without spans, a gold document."""
    if case.evidence:
        return any(overlaps(span, part) for span in case.evidence)
    return part.document in case.gold_documents
