"""Do the citations point at the gold? Judges those who answered from passages; whether the answer is right is not asked.

Applies to answerable cases with gold whose answer was made from passages and is no refusal. With a schema or labels, where
marks have no place in the text, it applies only in runs that cite at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.gold import has_gold, is_gold, overlaps
from rung.records import Answer, Case, Outcome
from rung.scoring.protocol import Layer, Yardstick
from rung.scoring.refusal import refused


class CitationScorer:
    """`citation_precision`: share of an answer's citations that touch gold. `citation_recall`: share of gold targets cited.

    An answer without citations has no precision, and recall 0.
    """

    layer: ClassVar[Layer] = "citation"

    def __init__(self, yardstick: Yardstick) -> None:
        self._yardstick = yardstick
        self._owed = yardstick.cites or not (yardstick.schema or yardstick.labels)

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """Metrics of one outcome; none where they do not apply."""
        answer = outcome.answer
        if answer is None or not answer.passages or not self._owed or not case.answerable or not has_gold(case):
            return {}
        if refused(case, answer, self._yardstick):
            return {}
        scores = {"citation_recall": _recall(case, answer)}
        if answer.citations:
            hits = sum(is_gold(case, citation) for citation in answer.citations)
            scores["citation_precision"] = hits / len(answer.citations)
        return scores


def _recall(case: Case, answer: Answer) -> float:
    if case.evidence:
        cited = [any(overlaps(span, citation) for citation in answer.citations) for span in case.evidence]
    else:
        documents = {citation.document for citation in answer.citations}
        cited = [document in documents for document in case.gold_documents]
    return sum(cited) / len(cited)
