"""Cases that stand or fall together: those about one document, which are resampled as one.

Twenty questions about one handbook page are not twenty independent tests: one lost page loses them all. What follows for
intervals and p is left to `estimating` and `statistics`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rung.records import Case

CONTEXT = "context_document"  # key of `meta`: the document that an unanswerable case was asked of
MIN_CLUSTERS = 10  # documents with several cases; of fewer nothing can be learnt about how documents differ
PERCOLATED = 0.25  # of all cases in one cluster by chains of shared documents: then the first document alone counts


def documents_of(case: Case) -> tuple[str, ...]:
    """The documents that a case is about: those of its evidence, its gold documents, or the one that it was asked of."""
    named = dict.fromkeys([*(span.document for span in case.evidence), *case.gold_documents])
    asked_of = case.meta.get(CONTEXT)
    return tuple(named) or ((asked_of,) if isinstance(asked_of, str) else ())


def clusters(cases: Sequence[Case]) -> tuple[int, ...] | None:
    """The cluster of each case, numbered from 0; None where fewer than `MIN_CLUSTERS` documents have several cases.

    So few are no sample of documents: the numbers then tell of further questions about these, not about others
    (`few_documents`).

    Cases belong together when they share a document, also through others: a question over two documents joins the two. Where
    such chains join over a quarter of the cases that way, each case counts with its first document alone. A case that
    names no document stands for itself.
    """
    named = [documents_of(case) for case in cases]
    numbers = _joined(named)
    if numbers and max(Counter(numbers).values()) > PERCOLATED * len(numbers):
        numbers = _joined([documents[:1] for documents in named])
    shared = sum(n > 1 for n in Counter(numbers).values())
    return numbers if shared >= MIN_CLUSTERS else None


def few_documents(cases: Sequence[Case]) -> tuple[int, int]:
    """How many documents the cases are about, and how many cases are, where they are too few to tell of others; (0, 0) else.

    Too few: fewer than `MIN_CLUSTERS` groups of cases that share a document, with at least half of the cases that name one.
    """
    about = [documents for case in cases if (documents := documents_of(case))]
    sizes = [n for n in Counter(_joined(about)).values() if n > 1]
    if not sizes or len(sizes) >= MIN_CLUSTERS or 2 * sum(sizes) < len(about):
        return 0, 0
    return len({document for documents in about for document in documents}), len(about)


def _joined(named: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Connected components, by the documents that cases share."""
    parent: dict[str, str] = {}

    def root(document: str) -> str:
        while parent.setdefault(document, document) != document:
            parent[document] = document = parent[parent[document]]
        return document

    for documents in named:
        for other in documents[1:]:
            parent[root(other)] = root(documents[0])
    numbers: dict[str, int] = {}
    components: list[int] = []
    alone = 0
    for documents in named:
        if documents:
            components.append(numbers.setdefault(root(documents[0]), len(numbers)))
        else:
            alone -= 1  # below 0, so that it meets no document's number
            components.append(alone)
    renumbered: dict[int, int] = {}
    return tuple(renumbered.setdefault(number, len(renumbered)) for number in components)
