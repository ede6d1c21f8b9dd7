"""Whether the answer is right: `correct`, the main score of every table and bar, and what stands beside it.

`correct` in [0, 1] (DESIGN section 7): with a schema equality of JSON values, or field by field (`json_fields`); with labels
equality of the label; else whether a sentence states an accepted answer (`stating`), or what `correct_by` says, by
`matching`: numbers count by their value, with sign and unit, where SQuAD's own rule (`em`, `f1`, `contains` beside it) makes
12.50 equal to 1250.
An unanswerable case wants a refusal (1), and an answer to it is a miss (0); on an answerable case a refusal is a miss. A
failure is a miss everywhere.

JSON and labels are equal however their letters are composed; labels also where only case, quotation marks around or a final
dot differ, which `format` does not forgive. A label or JSON value inside other words is a miss: a program would miss it too.
Which layer lost a case is left to `verdict`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rung.records import Case, Json, Metric, Outcome
from rung.records.steps import Conversation
from rung.scoring import squad
from rung.scoring.json_fields import JsonFields, parsed
from rung.scoring.judge import NO_ANSWER, judgement
from rung.scoring.protocol import Scores, ScoringContext
from rung.scoring.refusal import accepts, refused, spoken
from rung.scoring.rouge import f_measure
from rung.text import matching
from rung.text.json_values import key, leaves
from rung.text.stating import stated

_BY: Mapping[
    str, Callable[[str, Sequence[str], str], float]
] = {  # what `correct` is: of an answer, accepted ones, a question
    "match": stated,
    "f1": lambda text, answers, _: matching.figured_f1(text, answers),
    "em": lambda text, answers, _: float(matching.matches(text, answers)),
    "contains": lambda text, answers, _: float(matching.contains(text, answers)),
    "rouge_l": lambda text, answers, _: matching.best(f_measure, text, answers, articles=True),
}
_SQUAD: Mapping[str, Callable[[str, Sequence[str]], float]] = {
    "em": squad.exact_match,
    "f1": squad.token_f1,
    "contains": squad.contains,
}
_BESIDE: Mapping[str, tuple[str, ...]] = {
    "json": ("correct", "json_field_f1"),
    "json_fields": ("correct", "json_field_f1", "json_exact"),
    "label": ("correct", "label_accuracy"),
}


class Correctness:
    """`correct`; `em`, `f1`, `contains` for text; `label_accuracy` with labels; `json_field_f1` with a schema."""

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("correct", "correctness", "how right an answer is, by what `bar.metric` says", headline=True),
        Metric("em", "correctness", "exact match, as SQuAD 2.0 computes it", needs="answers in words"),
        Metric("f1", "correctness", "token F1, as SQuAD 2.0 computes it", needs="answers in words"),
        Metric("contains", "correctness", "an accepted answer stands in the answer", needs="answers in words"),
        Metric("label_accuracy", "correctness", "the label is an accepted one", needs="labels"),
        Metric("json_field_f1", "correctness", "F1 over the leaves of the JSON value", needs="a schema"),
        Metric("json_exact", "correctness", "the JSON value is an accepted one", needs="bar.metric json_fields"),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        self._scoring_context = scoring_context
        by_field = scoring_context.correct_by == "json_fields"
        self._fields = JsonFields(scoring_context.schema, scoring_context.weights) if by_field else None

    def __call__(self, case: Case, outcome: Outcome) -> Scores | Conversation[Scores]:
        """Metrics of one outcome. With a schema nothing equals an accepted answer that is no JSON."""
        if self._scoring_context.correct_by == "judge":
            return self._judged(case, outcome)
        if case.answerable and not case.answers:
            return {}  # it judges the search alone
        by = self._scoring_context.correct_by
        names = _BESIDE.get(by, ("correct", *_SQUAD))
        if outcome.answer is None:
            return dict.fromkeys(names, 0.0)
        refusal = refused(case, outcome.answer, self._scoring_context)
        if refusal or not case.answerable:
            return dict.fromkeys(names, float(refusal and not case.answerable))
        text = spoken(outcome.answer)
        if by == "json":
            return _json_scores(text, case.answers)
        if self._fields is not None:
            whole, by_field = _json_scores(text, case.answers), self._fields.of(text, case.answers)
            return {**whole, "correct": by_field.mean if by_field else 0.0, "json_exact": whole["correct"]}
        if by == "label":
            return dict.fromkeys(names, float(accepts(case, text.strip(), self._scoring_context)))
        return {
            "correct": _BY[by](text, case.answers, case.question),
            **{name: score(text, case.answers) for name, score in _SQUAD.items()},
        }

    def _judged(self, case: Case, outcome: Outcome) -> Scores | Conversation[Scores]:
        """A model's word, where one is needed."""
        if outcome.answer is None:
            return {"correct": 0.0}
        refusal = refused(case, outcome.answer, self._scoring_context)
        if refusal or not case.answerable:
            return {"correct": float(refusal and not case.answerable)}
        return self._asked(case, spoken(outcome.answer))

    def _asked(self, case: Case, answer: str) -> Conversation[Scores]:
        rivals = self._scoring_context.rivals
        rival = None if rivals is None else rivals.get(case.id, NO_ANSWER)
        return {"correct": (yield from judgement(case, answer, rival, rubric=self._scoring_context.rubric))}


def _json_scores(text: str, answers: Sequence[str]) -> dict[str, float]:
    expected = [value for answer in answers for value in parsed(answer)]
    compared = [(key(value) == key(one), field_f1(value, one)) for value in parsed(text) for one in expected]
    return {
        "correct": float(any(equal for equal, _ in compared)),
        "json_field_f1": max((f1 for _, f1 in compared), default=0.0),
    }


def field_f1(value: Json, expected: Json) -> float:
    """F1 over the leaves, as pairs of path and value: how much of a JSON value is right. The order of lists is ignored.

    >>> field_f1({"intent": "play", "slots": {"artist": ["Bach"]}}, {"intent": "play", "slots": {"artist": ["Händel"]}})
    0.5
    """
    one, other = (Counter((path, key(leaf)) for path, leaf in leaves(side)) for side in (value, expected))
    return 2 * (one & other).total() / (one.total() + other.total())
