"""Whether an outcome is a refusal, as all scorers see it: one rule, so that no two layers disagree about a case.

The words of a refusal are left to `rung.text.refusals`.
"""

from __future__ import annotations

from rung.records import Answer, Case
from rung.scoring.protocol import ScoringContext
from rung.text import matching
from rung.text.json_values import key, parse
from rung.text.refusals import is_refusal


def spoken(answer: Answer) -> str:
    """What is judged: the answer without citation marks."""
    return answer.plain or answer.text


def refused(case: Case, answer: Answer, scoring_context: ScoringContext) -> bool:
    """Whether the answer refuses: its strategy or its words say so, and it is neither a label nor an accepted answer.

    An accepted answer is never a refusal: where "unknown" or `{"answer": null}` is right, saying so is an answer.
    """
    text = spoken(answer).strip()
    if text in scoring_context.labels or accepts(case, text, scoring_context):
        return False
    return answer.refused or is_refusal(text, scoring_context.schema)


def accepts(case: Case, text: str, scoring_context: ScoringContext) -> bool:
    """Whether the text equals an accepted answer: JSON by value, a label letter by letter, other text by `matching`."""
    if scoring_context.schema:
        try:
            return key(parse(text)) in {key(parse(answer)) for answer in case.answers}
        except ValueError:
            return False  # no JSON equals nothing; `correctness` reports an accepted answer that is none
    if scoring_context.labels:
        return text.strip() in {answer.strip() for answer in case.answers}
    return matching.matches(text, case.answers)
