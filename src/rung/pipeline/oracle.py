"""What the oracle is shown, and in which cases that was the answer: only of those do the gaps tell.

Which passages bear an answer is left to `scoring.bearing`, what follows for the gaps to `verdict.gaps`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.pipeline.prepare import Prepared
from rung.records import Answer, Case, Evaluation, Passage
from rung.records.gold import has_gold, overlaps, target_ranks
from rung.runtime.engines import Engines
from rung.scoring.bearing import SAID_AS_IS, SHORT, Phrases, holds, holds_whole, phrases
from rung.scoring.protocol import AS_JSON, ScoringContext
from rung.strategies.prompting import grounded, grounding, instruction, listing, worked_examples
from rung.strategies.settings import Retrieval
from rung.verdict.gaps import ORACLE, RAG
from rung.verdict.reasons import cases as counted

if TYPE_CHECKING:
    from rung.knowledge import Gold
    from rung.stats.estimates import Floats

IN_WORDS = (*SAID_AS_IS, "rouge_l", *AS_JSON)  # the oracle's answers are looked for by these, too
# Gold is in doubt where rag had an answer that no gold document has in so many cases, in so large a share of the answerable
# ones, and of those that no gold document answers in so many words.
MIN_ELSEWHERE, DOUBT, TELLING = 3, 0.2, 0.25
WIDE = 0.5  # of the model's context: so much is shown where nobody can tell which passages bear the answer


def shown_to_oracle(engines: Engines, prepared: Prepared, settings: Retrieval) -> dict[str, tuple[Passage, ...]]:
    """Of each judging case's gold what the oracle is shown, by case id.

    The passages that bear the answer, as many as `rag` shows, and something of each piece of evidence and gold document.
    Where nobody can tell which bear it: as many as fill half of the model's context, those nearest to the question first.
    Nothing that does not fit beside prompt and answer, unless that leaves nothing. Evidence stands in its own order,
    passages of gold documents in that of the documents.
    """
    materials, gold = prepared.materials, prepared.gold
    asked = [case for case in prepared.cases if case.id in gold]
    worked = worked_examples(materials, settings.shots, with_passages=True)
    prompts = (grounded(instruction(materials), grounding(materials), case.ask(), (), worked=worked) for case in asked)
    used = engines.generator.count_tokens([engines.generator.render(prompt) for prompt in prompts])
    passages = list({passage: None for case in asked for passage in gold[case.id].passages})
    sizes = dict(zip(passages, engines.generator.count_tokens([f"{listing([p])}\n\n" for p in passages]), strict=True))
    free = materials.context_tokens - (settings.max_tokens or materials.answer_tokens)
    return {
        case.id: _chosen(case, gold[case.id], sizes, room=free - prompt, most=settings.passages)
        for case, prompt in zip(asked, used, strict=True)
    }


def _chosen(case: Case, gold: Gold, sizes: Mapping[Passage, int], *, room: int, most: int) -> tuple[Passage, ...]:
    if not gold.bearing:
        most, room = len(gold.passages), int(WIDE * room)
    chosen: list[Passage] = []
    for index, passage in enumerate(gold.passages):
        bears = index < gold.bearing or not gold.bearing
        if ((bears and len(chosen) < most) or _adds(case, passage, chosen)) and sizes[passage] <= room:
            chosen.append(passage)
            room -= sizes[passage]
    chosen = chosen or [gold.passages[0]]
    if case.evidence:
        return tuple(chosen)
    rank = {document: index for index, document in enumerate(case.gold_documents)}
    return tuple(sorted(chosen, key=lambda p: (rank.get(p.document, len(rank)), p.start)))


def _adds(case: Case, passage: Passage, chosen: Sequence[Passage]) -> bool:
    """Whether it has something of a piece of evidence, or of a gold document, that is not there yet."""
    spans = zip(dict.fromkeys(case.evidence), target_ranks(case, chosen), strict=True) if case.evidence else ()
    return any(rank is None and overlaps(span, passage) for span, rank in spans) or (
        passage.document not in {p.document for p in chosen}
    )


@dataclass(frozen=True)
class Shown:
    """What the oracle had before it. `held`: case by case 1 where that was the answer, 0 where it surely was not, one half
    where nobody can tell, NaN where it was not asked or there is nothing to show. The rest: cases by what is amiss.
    """

    held: Floats
    unnamed: tuple[Case, ...] = ()  # no gold is named
    missing: tuple[Case, ...] = ()  # a document that is named is not there, or could not be read
    cut: tuple[Case, ...] = ()  # it does not fit
    failed: tuple[Case, ...] = ()  # no answer came
    elsewhere: tuple[Case, ...] = ()  # a rag found it, and no gold passage has it
    doubtful: tuple[Case, ...] = ()  # no gold passage has it, and neither have those of many others where a rag found it
    unsaid: tuple[Case, ...] = ()  # the gold documents do not have it in so many words
    answerable: int = 0

    def doubt(self) -> str:
        """The sentence that says that the gold is in doubt, "" where it is not."""
        both = len(self.elsewhere) + len(self.doubtful)
        if not is_doubtful(len(self.elsewhere), both, self.answerable):
            return ""
        named = f"rag was shown an accepted answer in {len(self.elsewhere):,} of them"
        return (
            f"The gold is in doubt: in {both:,} of {counted(self.answerable, what='answerable case')} no gold document "
            f"holds an accepted answer, and {named}. Mend 'gold_documents' first; what the oracle tells leaves these out."
        )

    def remarks(self) -> dict[str, tuple[str, ...]]:
        """One sentence for each kind of case, with the places of all of these cases."""
        out = "; the gaps leave them out"
        kinds = (
            (self.unnamed, f"it had nothing to go by, since no gold is named ('evidence' or 'gold_documents'){out}"),
            (self.missing, f"a document that is named is not there, or could not be read{out}"),
            (self.failed, f"no answer came{out}"),
            (self.cut, f"what bears the answer does not fit into the model's context{out}"),
            (self.elsewhere, f"rag was shown an accepted answer, and no gold document has it (is that the right one?){out}"),
            (self.doubtful, f"no gold document has an accepted answer in so many words, and the gold is in doubt{out}"),
            (self.unsaid, "no gold document has an accepted answer in so many words; it was shown what is nearest to it"),
        )
        whole = f"of {counted(self.answerable, what='answerable case')}"
        return {
            f"The oracle in {len(some):,} {whole} ({_first(some)}): {why}.": tuple(c.place or c.id for c in some)
            for some, why in kinds
            if some
        }


def is_doubtful(elsewhere: int, unanswered: int, answerable: int) -> bool:
    """Whether gold is in doubt where rag had an answer that no gold has in `elsewhere` of the `unanswered` cases whose gold
    documents hold none."""
    enough = elsewhere >= MIN_ELSEWHERE and elsewhere >= DOUBT * answerable
    return enough and elsewhere >= TELLING * unanswered


def _first(some: Sequence[Case]) -> str:
    named = some[0].place or some[0].id
    return named if len(some) == 1 else f"{named} and others"


def shown_in(prepared: Prepared, context: ScoringContext, evaluations: Sequence[Evaluation]) -> Shown | None:
    """What was before the oracle in its answers, and was it less than `rag` had? None where the oracle was not asked."""
    import numpy as np

    asked = [e for e in evaluations if e.name == ORACLE]
    if not asked:
        return None
    oracle = {outcome.case: outcome.answer for outcome in asked[0].outcomes}
    rag = [{o.case: o.answer for o in e.outcomes} for e in evaluations if e.spec and e.spec.rung == RAG]
    in_words = context.correct_by in IN_WORDS
    held = np.full(len(prepared.cases), math.nan)
    kinds: dict[str, list[Case]] = {
        k: [] for k in ("unnamed", "missing", "cut", "failed", "elsewhere", "doubtful", "unsaid")
    }
    answerable = [(index, case) for index, case in enumerate(prepared.cases) if case.answerable and case.id in oracle]
    for index, case in answerable:
        accepted = expected(case, context)
        passages = _passages(oracle, case)
        kind = "failed" if oracle[case.id] is None else _lacks(case, passages, accepted, prepared)
        if kind == "unsaid" and context.correct_by in AS_JSON:
            kind = ""  # what is asked for may be no document's word
        if kind == "unsaid" and any(_any(_passages(one, case), accepted) for one in rag):
            kind = "elsewhere"
        if kind:
            kinds[kind].append(case)
        sure = bool(case.evidence and (accepted or not in_words)) or holds_whole(passages, accepted)
        held[index] = 1.0 if sure and not kind else 0.5 if kind in ("", "unsaid") else 0.0
    elsewhere, unsaid = len(kinds["elsewhere"]), len(kinds["unsaid"])
    if is_doubtful(elsewhere, elsewhere + unsaid, len(answerable)):
        kinds["doubtful"], kinds["unsaid"] = kinds["unsaid"], []
        doubtful = {case.id for case in kinds["doubtful"]}
        held[[index for index, case in answerable if case.id in doubtful]] = 0.0
    return Shown(held, **{kind: tuple(some) for kind, some in kinds.items()}, answerable=len(answerable))


def _passages(answers: Mapping[str, Answer | None], case: Case) -> Sequence[Passage]:
    answer = answers.get(case.id)
    return () if answer is None else answer.passages


def _lacks(case: Case, passages: Sequence[Passage], accepted: Phrases, prepared: Prepared) -> str:
    """Why the oracle did not have the answer before it; "" where it had, or nobody can tell."""
    if prepared.rows.missing.get(case.id):
        return "missing"
    gold = prepared.gold.get(case.id)
    if not has_gold(case) or gold is None:
        return "unnamed"
    if case.evidence:
        return "cut" if None in target_ranks(case, passages) else ""
    if not accepted or _any(passages, accepted):
        return ""
    return "cut" if gold.held else "unsaid"


def expected(case: Case, context: ScoringContext) -> Phrases:
    """What must stand in a document if it has the answer; nothing where that may be said in other words."""
    in_words = context.correct_by in IN_WORDS
    accepted = phrases(case, schema=context.schema, labels=context.labels) if in_words else ()
    long = context.correct_by not in AS_JSON and any(len(phrase.split()) > SHORT for answer in accepted for phrase in answer)
    return () if long else accepted


def _any(passages: Sequence[Passage], accepted: Phrases) -> bool:
    return any(holds(passage, accepted) for passage in passages)
