"""What people said of single answers, and what of it counts for a rung. Pure.

A label is of one rung's answer to one case: it counts as long as the rung gives that answer. Cases are drawn at random, all
alike, so a few labels speak for all cases. Asking is left to `commands.label_cases`, the file to `pipeline.judge_labels`,
the numbers to `stats.prediction_powered`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Json, digest

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

CHOSEN = "chosen"  # the plan of labels of cases that a person chose: they are kept, and correct no judge
_TEXTS = ("case", "rung", "answer", "by", "at", "plan")


@dataclass(frozen=True, slots=True)
class AnswerLabel:
    """A person's word on an answer. `answer`: its digest; `good` None: skipped. `by`, `at`: who, and when (ISO).

    `plan`: names the drawing, `CHOSEN` where nothing was drawn; `of`: from how many cases it drew. `undone`: it takes back
    the last label of this person on this answer, and says nothing itself.
    """

    case: str
    rung: str
    answer: str
    good: bool | None
    by: str
    at: str
    plan: str
    of: int
    undone: bool = False

    def as_json(self) -> dict[str, Json]:
        """As a line of the file; `read` reads it again."""
        texts: dict[str, Json] = {name: getattr(self, name) for name in _TEXTS}
        return {**texts, "of": self.of, "good": self.good, **({"undone": True} if self.undone else {})}

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
        good, of = row.get("good"), row.get("of")
        if good is not None and not isinstance(good, bool):
            raise ValueError("needs 'good': true, false, or null where it was skipped")
        if isinstance(of, bool) or not isinstance(of, int):
            raise ValueError("needs 'of': from how many cases it was drawn")
        return cls(**texts, good=good, of=of, undone=row.get("undone") is True)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What people said of one rung's answers, case by case: `human` in [0, 1], NaN where nobody was asked.

    What people chose to look at says nothing of all cases, and counts for nothing here. A drawing counts as long as the rung
    still gives every answer that was labelled in it: what is left of one whose answers changed in part is no random part of
    the cases. `stale`: how many labels there are where none counts any more. `split`: answers of which people said both.
    """

    human: Floats
    stale: int = 0
    split: int = 0


def standing(labels: Sequence[AnswerLabel]) -> list[AnswerLabel]:
    """The labels that nobody took back, in their order."""
    standing: list[AnswerLabel] = []
    for label in labels:
        if not label.undone:
            standing.append(label)
            continue
        named = _named(label)
        last = next((n for n in range(len(standing) - 1, -1, -1) if _named(standing[n]) == named), None)
        if last is not None:
            del standing[last]
    return standing


def _named(label: AnswerLabel) -> tuple[str, str, str, str]:
    return label.case, label.rung, label.answer, label.by


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

    human = np.full(len(cases), np.nan)
    mine = [
        one for one in labels if one.rung == rung and one.plan != CHOSEN and one.good is not None and one.case in answers
    ]
    old = {one.plan for one in mine if answers[one.case] != one.answer}
    votes: dict[str, list[bool]] = {}
    for one in mine:
        if one.plan not in old:
            votes.setdefault(one.case, []).append(bool(one.good))
    for n, case in enumerate(cases):
        if case in votes:
            human[n] = float(np.mean(votes[case]))
    return Heard(human, 0 if votes else len(mine), sum(len(set(words)) > 1 for words in votes.values()))
