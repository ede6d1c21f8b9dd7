"""A second look at an answer, against the passages that it was made from: what they do not bear out is dropped or refused.

The look is by words (`rung.text.support`), so that it asks no model and says the same each time; it does not see a denial, a
name in the place of another that the passages have too, or the same said in other words. How sure an answer must be to be
given at all is a threshold on `confidence`, which `wrong_at_most` has learnt on dev cases (`builders.refusal`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal, Protocol

from rung.records import Answer, Json, Question
from rung.stats.risk_control import fewest
from rung.strategies.citing import reworded
from rung.strategies.protocol import Materials, NotApplicable, Plan, PromptInputs, RefusalThreshold
from rung.text.refusals import REFUSAL
from rung.text.support import Claim, claims, shown_in, support, unmarked

Check = Literal["none", "drop", "refuse"]
NOT_IN_WORDS = (
    "its settings 'check', 'refuse_below' and 'wrong_at_most' read sentences, and the project's answers are JSON or labels"
)


class Looks(Protocol):
    """The settings of a rung that may look at its answers again."""

    @property
    def check(self) -> Check: ...

    @property
    def refuse_below(self) -> float: ...


def looks_over(settings: Looks) -> bool:
    """Whether answers are looked at again."""
    return settings.check != "none" or settings.refuse_below > 0 or getattr(settings, "wrong_at_most", 0.0) > 0


def reads_sentences(settings: Mapping[str, Json]) -> bool:
    """Whether answers are looked at again, by the settings of a spec."""
    return settings.get("check", "none") != "none" or bool(settings.get("refuse_below"))


def in_words(given: PromptInputs) -> bool:
    """Whether answers are sentences, which can be looked at again."""
    return not (given.schema or given.labels)


def with_threshold(plan: Plan, materials: Materials, wrong_at_most: float) -> Plan | NotApplicable:
    """The plan, where answers are in words; with `wrong_at_most` it needs a threshold, learnt on the dev cases."""
    if not in_words(materials):
        return NotApplicable(NOT_IN_WORDS)
    if not wrong_at_most:
        return plan
    needed = fewest(wrong_at_most)
    if len(materials.dev) < needed:
        return NotApplicable(
            f"to promise that at most {wrong_at_most:.0%} of its answers are wrong takes {needed} dev cases at least, and "
            f"the project has {len(materials.dev)}"
        )
    spec = replace(plan.spec, settings={**plan.spec.settings, "wrong_at_most": 0.0})
    need = RefusalThreshold(spec, materials.dev, wrong_at_most, materials.schema, materials.labels)
    return replace(plan, needs=(*plan.needs, need))


def looked_over(question: Question, answer: Answer, check: Check, refuse_below: float) -> Answer:
    """The answer after the second look; one that is refused keeps its passages and ranking."""
    if answer.refused:
        return answer
    unsupported = [] if check == "none" else unsupported_claims(answer)
    if unsupported and check == "refuse":
        return refusing(answer)
    if unsupported:
        answer = without(answer, unsupported)
    return refusing(answer) if not answer.refused and confidence(question, answer) < refuse_below else answer


def unsupported_claims(answer: Answer) -> list[Claim]:
    """The sentences that neither what they cite nor any other passage shown bears out."""
    return [one for one in claims(answer) if not one.is_supported and shown_in(one.text, answer.passages) is None]


def without(answer: Answer, dropped: Sequence[Claim]) -> Answer:
    """The answer without these sentences and their marks; a refusal where nothing that claims anything is left."""
    every = claims(answer)
    if len(dropped) == len(every):
        return refusing(answer)
    plain, marks = unmarked(answer.text)
    starts = [0, *(claim.start for claim in every[1:]), len(plain)]
    texts_left = []
    for claim, (start, end) in zip(every, pairwise(starts), strict=True):
        if claim in dropped:
            continue
        own = [(at, numbers) for at, numbers in marks if (start < at <= end) or (at == start == 0)]
        cuts = [start, *(at for at, _ in own), end]
        texts = [plain[a:b] for a, b in pairwise(cuts)]
        shown = [f" [{', '.join(map(str, numbers))}]" for _, numbers in own]
        texts_left.append("".join(text + mark for text, mark in zip(texts, [*shown, ""], strict=True)))
    return reworded(answer, "".join(texts_left).strip())


def refusing(answer: Answer) -> Answer:
    """A refusal in the answer's place."""
    return reworded(answer, REFUSAL)


def confidence(question: Question, answer: Answer) -> float:
    """How far a passage says together what was asked and what was answered, in [0, 1]; 0 for a refusal.

    The share of the content words of question and answer that stand close together in one of the cited passages, or of those
    shown, where none is cited; 0 where a number of them stands in none.
    """
    if answer.refused or not answer.passages:
        return 0.0
    marks = {citation.mark for citation in answer.citations}
    cited = [p for n, p in enumerate(answer.passages, 1) if n in marks] or list(answer.passages)
    both = f"{question.text} {answer.plain}"
    return max(support(both, f"{passage.title}. {passage.text}") for passage in cited)
