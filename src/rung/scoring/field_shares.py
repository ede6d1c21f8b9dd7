"""How right each field of a run's JSON answers is: a column for each field, beside the scores that `correctness` gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rung.records import Case, Outcome
from rung.scoring.json_fields import JsonFields
from rung.scoring.protocol import ScoringContext
from rung.scoring.refusal import refused, spoken


def field_shares(
    cases: Mapping[str, Case], passes: Sequence[Sequence[Outcome]], context: ScoringContext
) -> dict[str, list[float]]:
    """Field -> one share in [0, 1] per case, in the order of `cases`, the mean of the passes; NaN where the case was not
    asked, owes no answer, or neither its nearest accepted answer nor what was said has the field.

    Nothing where JSON is not judged by fields. An answer that did not come, or refuses, has no field right.
    """
    if context.correct_by != "json_fields":
        return {}
    fields = JsonFields(context.schema, context.weights)
    index = {id: n for n, id in enumerate(cases)}
    seen: dict[str, list[list[float]]] = {}
    for outcome in (one for outcomes in passes for one in outcomes if one.case in index):
        case, answer = cases[outcome.case], outcome.answer
        if not case.answerable:
            continue
        text = "" if answer is None or refused(case, answer, context) else spoken(answer)
        score = fields.of(text, case.answers)
        for name, share in (score.by_field if score else {}).items():
            seen.setdefault(name, [[] for _ in cases])[index[outcome.case]].append(share)
    return {name: [sum(some) / len(some) if some else math.nan for some in column] for name, column in seen.items()}
