"""Whether an outcome is a refusal, as all scorers see it: one rule, so that no two layers disagree about a case.

The words of a refusal are left to `rung.text.refusals`.
"""

from __future__ import annotations

from rung.records import Answer, Case
from rung.scoring.protocol import ScoringContext
from rung.text import matching
from rung.text.json_values import composed, key, parse
from rung.text.labels import label_key, label_named
from rung.text.refusals import is_refusal


def spoken(answer: Answer) -> str:
    """What is judged: the answer without citation marks."""
    return answer.plain or answer.text


def refused(case: Case, answer: Answer, scoring_context: ScoringContext) -> bool:
    """Whether the answer refuses: its strategy or its words say so, and it is neither a label nor an accepted answer.

    An accepted answer is never a refusal: where "unknown" or `{"answer": null}` is right, saying so is an answer.
    """
    text = spoken(answer).strip()
    if label_named(text, scoring_context.labels) is not None or accepts(case, text, scoring_context):
        return False
    return answer.refused or is_refusal(text, scoring_context.schema)


def accepts(case: Case, text: str, scoring_context: ScoringContext) -> bool:
    """Whether the text equals an accepted answer: JSON by value, a label as `labels` reads it, else by `matching`."""
    if scoring_context.schema:
        try:
            return key(composed(parse(text))) in {key(composed(parse(answer))) for answer in case.answers}
        except ValueError:
            return False  # no JSON equals nothing; `correctness` reports an accepted answer that is none
    if scoring_context.labels:
        predicted, *right = (label_named(one, scoring_context.labels) or label_key(one) for one in (text, *case.answers))
        return predicted in right
    return matching.matches(text, case.answers)
