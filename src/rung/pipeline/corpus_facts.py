"""What the corpus has to do with the lost cases: the facts that `verdict.failure_modes` cannot see in an answer's record.

Which layer lost a case is left to `verdict.failure_modes`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.artifacts.store import CHUNKED_INDEXES
from rung.pipeline.oracle import expected
from rung.pipeline.prepare import Prepared
from rung.pipeline.slips import never_right
from rung.records import Case, Evaluation, Passage
from rung.records.gold import has_gold
from rung.runtime.engines import Engines
from rung.scoring import ScoringContext
from rung.scoring.bearing import SAID_AS_IS, SHORT, holds, in_parts
from rung.text.matching import WORD
from rung.verdict.bar import MAIN
from rung.verdict.failure_modes import LOST_BELOW, Corpus

if TYPE_CHECKING:
    from rung.knowledge import Knowledge


class Examiner:
    """Finds the facts of each rung's corpus; what all rungs share is looked up once.

    Args:
        engines: of the project.
        prepared: its documents and cases, as they were judged.
        context: what `correct` means here.
        doubtful: cases whose gold is in doubt.
        unaided: cases that were answered rightly without any document: none is lacking there.
    """

    def __init__(
        self,
        engines: Engines,
        prepared: Prepared,
        context: ScoringContext,
        doubtful: Iterable[str] = (),
        unaided: Collection[str] = (),
    ) -> None:
        self._engines = engines
        self._prepared = prepared
        self._context = context
        self._unaided = unaided
        self._words = context.correct_by in SAID_AS_IS
        self._facts = Corpus(
            unwinnable=frozenset(case.id for case, _ in never_right(engines.project, prepared.rows)),
            doubtful=frozenset(doubtful),
        )
        self._shared: Corpus | None = None

    @property
    def unwinnable(self) -> frozenset[str]:
        """The cases none of whose accepted answers may be given."""
        return self._facts.unwinnable

    def corpus(self, evaluation: Evaluation, lost: Iterable[str]) -> Corpus:
        """The facts for one rung. `lost`: ids of the cases that it lost; of others nothing is looked up."""
        knowledge, ids = self._engines.knowledge, set(lost)
        if knowledge is None:
            return self._facts
        mine = [case for case in self._prepared.cases if case.id in ids]
        if self._shared is None:
            self._shared = replace(
                self._facts,
                groups=self._prepared.document_groups or {},
                missing={
                    case.id: named for case in self._prepared.cases if (named := self._prepared.rows.missing.get(case.id))
                },
                unread=tuple(dict.fromkeys(problem.path for problem in self._prepared.problems)),
                lacking=self._lacking(knowledge),
            )
        spanned = dict.fromkeys(span.document for case in mine for span in case.evidence)
        searched = self._searched(evaluation) or knowledge
        spans = {id: tuple((p.start, p.end) for p in searched.passages_of(id)) for id in spanned}
        answers = {outcome.case: outcome.answer for outcome in evaluation.outcomes if outcome.answer is not None}
        shown = {id: answer.passages for id, answer in answers.items()}
        retrieved = {id: answer.retrieved or answer.passages for id, answer in answers.items()}
        return replace(
            self._shared, passages=spans, not_shown=self._without(mine, shown), not_found=self._without(mine, retrieved)
        )

    def _without(self, cases: Sequence[Case], passages: Mapping[str, Sequence[Passage]]) -> frozenset[str]:
        """The cases whose gold documents hold an accepted answer, word by word, and these passages do not."""
        lacking = set()
        for case in cases:
            gold = self._prepared.gold.get(case.id)
            accepted = expected(case, self._context) if gold and gold.held and not case.evidence else ()
            own = sorted(passages.get(case.id, ()), key=lambda p: p.document not in case.gold_documents)
            if accepted and not any(holds(passage, accepted) for passage in own):
                lacking.add(case.id)
        return frozenset(lacking)

    def _searched(self, evaluation: Evaluation) -> Knowledge | None:
        """The index that this rung searches, where it is not the project's."""
        return self._engines.indexes.get(evaluation.result.artifacts.get(CHUNKED_INDEXES, ""))

    def _lacking(self, knowledge: Knowledge) -> frozenset[str]:
        """The cases without gold that nothing answered unaided, none of whose accepted answers stands in any document, word
        by word."""
        missing = self._prepared.rows.missing
        named = [c for c in self._prepared.cases if c.answerable and not has_gold(c) and c.id not in missing]
        open_ = [c for c in named if c.id not in self._unaided]
        asked = {c.id: accepted for c in open_ if self._words and (accepted := _short(c))}
        if not asked:
            return frozenset()
        written = {case.id: case.answers for case in open_ if case.id in asked}
        held: set[str] = set()
        for document in knowledge.documents():
            whole = f"{document.title}\n{document.text}"
            text = _spaced(whole)
            held |= {id for id, answers in asked.items() if id not in held and any(a in text for a in answers)}
            held |= {id for id, answers in written.items() if id not in held and any(in_parts(whole, a) for a in answers)}
        return frozenset(asked) - held


def right_unaided(evaluations: Sequence[Evaluation]) -> frozenset[str]:
    """The cases that a rung, or the closed book, got right with no passage before it. `evaluations`: their scores in the
    order of all cases."""
    right: set[str] = set()
    for evaluation in evaluations:
        first = evaluation.cards[0] if evaluation.cards else None
        if first is None or MAIN not in first.values:
            continue
        scores = dict(zip(first.cases, first.values[MAIN], strict=True))
        for outcome in evaluation.outcomes:
            answer = outcome.answer
            if answer is not None and not answer.passages and not answer.retrieved and scores[outcome.case] >= LOST_BELOW:
                right.add(outcome.case)
    return frozenset(right)


def _short(case: Case) -> Sequence[str]:
    """The accepted answers, ready to be looked for; none where one is too long to be expected word by word."""
    spaced = [_spaced(answer) for answer in case.answers]
    return [] if any(len(answer.split()) > SHORT for answer in spaced) else [answer for answer in spaced if answer.strip()]


_THOUSANDS = re.compile(r"(?<=\d)[,'’\u00a0\u202f](?=\d{3}(?!\d))")
_WORD = re.compile(WORD)


def _spaced(text: str) -> str:
    words = " ".join(_WORD.findall(_THOUSANDS.sub("", text.lower())))
    return f" {words} "
