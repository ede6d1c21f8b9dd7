"""Whether the asker saw what they may not read. One leak in a thousand cases is one too many: bars put `leaks` at 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from rung.records import Answer, Asker, Case, Metric, Outcome
from rung.scoring.protocol import ScoringContext


class Access:
    """`leaks`: 1 if any passage retrieved, shown or cited is not readable by the case's asker, else 0.

    Left out where the case says nothing about its asker, and for failures, which show nothing. Who may read a document is
    taken from the project's documents, not from the passage that the search returned: a search that loses a document's
    groups is caught. Only for documents that the project does not know do the passage's own groups decide.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            "leaks",
            "access",
            "answers that show what their asker may not read",
            better="lower",
            needs="a case that says who asks",
        ),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        self._document_groups = scoring_context.document_groups or {}

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """The metric of one outcome; none where it does not apply."""
        if case.groups is None or outcome.answer is None:
            return {}
        asker = Asker(frozenset(case.groups))
        leaked = not all(map(asker.may_read, self._readers(outcome.answer)))
        return {"leaks": float(leaked)}

    def _readers(self, answer: Answer) -> Iterator[tuple[str, ...]]:
        for passage in (*answer.retrieved, *answer.passages):
            yield self._document_groups.get(passage.document, passage.groups)
        for citation in answer.citations:
            yield self._document_groups.get(citation.document, ())
