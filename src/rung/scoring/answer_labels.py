"""What people said of single answers, and what a judge's scores become by it. Pure.

A label is of one rung's answer to one case: it counts as long as the rung gives that answer. Cases are drawn at random from
strata of known size, which each label names; so a few labels speak for all cases. Asking is left to `commands.label_cases`,
the file to `pipeline.judge_labels`, the numbers to `stats.prediction_powered`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Json, digest

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

_TEXTS = ("case", "rung", "answer", "by", "at", "plan", "stratum")


@dataclass(frozen=True, slots=True)
class AnswerLabel:
    """A person's word on an answer. `answer`: its digest; `good` None: skipped. `by`, `at`: who, and when (ISO).

    `plan`: names the drawing, `strata` its strata with their sizes, `stratum` the one that the case was drawn from.
    """

    case: str
    rung: str
    answer: str
    good: bool | None
    by: str
    at: str
    plan: str
    stratum: str
    strata: Mapping[str, int]

    def as_json(self) -> dict[str, Json]:
        """As a line of the file; `read` reads it again."""
        texts: dict[str, Json] = {name: getattr(self, name) for name in _TEXTS}
        return {**texts, "good": self.good, "strata": dict(self.strata)}

    @classmethod
    def read(cls, row: Mapping[str, Json]) -> AnswerLabel:
        """A line of the file.

        Raises:
            ValueError: it is no label; says what it lacks.
        """
        texts: dict[str, str] = {}
        for name in _TEXTS:
            value = row.get(name)
            if not isinstance(value, str):
                raise ValueError(f"needs {name!r}, a text")
            texts[name] = value
        good, strata = row.get("good"), row.get("strata")
        if good is not None and not isinstance(good, bool):
            raise ValueError("needs 'good': true, false, or null where it was skipped")
        if not isinstance(strata, dict) or not all(type(n) is int and n > 0 for n in strata.values()):
            raise ValueError("needs 'strata': how many cases each stratum has")
        sizes = {name: n for name, n in strata.items() if isinstance(n, int)}
        if texts["stratum"] not in sizes:
            raise ValueError(f"'stratum' is {texts['stratum']!r}, which is not one of 'strata'")
        return cls(**texts, good=good, strata=sizes)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What people said of one rung's answers, case by case: `human` in [0, 1], NaN where nobody was asked, with the
    `probability` with which the case was drawn.

    A drawing counts as long as the rung still gives every answer that was labelled in it. `stale`: how many labels there are
    where none counts any more. `split`: answers of which people said both. `unheard`: whether a stratum has cases, and none
    of them a label: then nothing counts.
    """

    human: Floats
    probability: Floats
    stale: int = 0
    split: int = 0
    unheard: bool = False


def answer_digest(case: str, text: str) -> str:
    """Names an answer to a case; "" is the answer that did not come."""
    return digest(case, text)[:16]


def heard(labels: Sequence[AnswerLabel], rung: str, answers: Mapping[str, str], cases: Sequence[str]) -> Heard:
    """What was said of a rung.

    Args:
        labels: of every rung, in the order in which they were given.
        rung: whose answers.
        answers: case -> digest of the answer that the rung gives now.
        cases: of the columns, in their order.
    """
    import numpy as np

    human, probability = np.full(len(cases), np.nan), np.full(len(cases), np.nan)
    mine = [one for one in labels if one.rung == rung and one.good is not None and one.case in answers]
    old = {one.plan for one in mine if answers[one.case] != one.answer}
    said: dict[str, list[AnswerLabel]] = {}
    for one in mine:
        if one.plan not in old:
            said.setdefault(one.case, []).append(one)
    drawn = Counter((found[0].plan, found[0].stratum) for found in said.values())
    of_plan = Counter(found[0].plan for found in said.values())
    strata = {found[0].plan: found[0].strata for found in said.values()}
    unheard = any((plan, stratum) not in drawn for plan, sizes in strata.items() for stratum in sizes)
    stale = 0 if said else len(mine)
    if stale or unheard:
        return Heard(human, probability, stale, unheard=unheard)
    for n, case in enumerate(cases):
        if case in said:
            first = said[case][0]
            human[n] = float(np.mean([bool(one.good) for one in said[case]]))
            # several drawings speak for all cases each, and count by their labels
            share = of_plan[first.plan] / len(said)
            probability[n] = drawn[first.plan, first.stratum] / first.strata[first.stratum] / share
    return Heard(human, probability, split=sum(len({one.good for one in found}) > 1 for found in said.values()))
