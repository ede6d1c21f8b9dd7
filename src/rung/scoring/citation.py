"""Whether citations point at the gold, and each sentence's own bears it out. Whether it is right is not asked.

Judges answers made from passages that are no refusals. The first question needs an answerable case with gold; with a schema
or labels, where marks have no place in the text, it is asked only in runs that cite at all. The second needs an answer in
words. What "bears out" means is said in `rung.text.support`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.records import Answer, Case, Metric, Outcome
from rung.records.gold import has_gold, is_gold, overlaps
from rung.scoring.protocol import ScoringContext
from rung.scoring.refusal import refused
from rung.text.support import claims

_GOLD = "a rung that answers from passages, and a case that says where its answer stands"
_WORDS = "a rung that answers in words from passages"


class CitationScorer:
    """`citation_precision`: share of an answer's citations that touch gold. `citation_recall`: share of gold targets cited.

    `support_recall`: share of the answer's sentences that what they cite bears out. `support_precision`: share of its marks
    that bear out the sentence in which they stand (Gao and others 2023, with a check by words in place of a model's). An
    answer without citations has no precision, and recall 0.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("citation_precision", "citation", "share of the citations that touch gold", needs=_GOLD),
        Metric("citation_recall", "citation", "share of the gold that is cited", needs=_GOLD),
        Metric("support_precision", "grounding", "share of the marks that bear out their sentence", needs=_WORDS),
        Metric("support_recall", "grounding", "share of the sentences that their citations bear out", needs=_WORDS),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        self._scoring_context = scoring_context
        self._owed = scoring_context.cites or not (scoring_context.schema or scoring_context.labels)

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """Metrics of one outcome; none where they do not apply."""
        answer = outcome.answer
        if answer is None or not answer.passages or refused(case, answer, self._scoring_context):
            return {}
        in_words = not (self._scoring_context.schema or self._scoring_context.labels)
        scores = dict(_support(answer)) if in_words else {}
        if self._owed and case.answerable and has_gold(case):
            scores["citation_recall"] = _recall(case, answer)
            if answer.citations:
                hits = sum(is_gold(case, citation) for citation in answer.citations)
                scores["citation_precision"] = hits / len(answer.citations)
        return scores


def _support(answer: Answer) -> Mapping[str, float]:
    checked = claims(answer)
    if not checked:
        return {}
    scores = {"support_recall": sum(claim.is_supported for claim in checked) / len(checked)}
    marks = sum(len(claim.cites) for claim in checked)
    if marks:
        scores["support_precision"] = sum(len(claim.supporting) for claim in checked) / marks
    return scores


def _recall(case: Case, answer: Answer) -> float:
    if case.evidence:
        cited = [any(overlaps(span, citation) for citation in answer.citations) for span in case.evidence]
    else:
        documents = {citation.document for citation in answer.citations}
        cited = [document in documents for document in case.gold_documents]
    return sum(cited) / len(cited)
