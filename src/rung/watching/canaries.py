"""The canaries: questions of the project's own cases, always the same ones, that are asked to see whether anything moved."""

from __future__ import annotations

from rung.dataset.load import Dataset
from rung.records import Case, digest

MOST = 50  # for searching, which costs little


def canaries(dataset: Dataset, count: int = MOST) -> tuple[Case, ...]:
    """So many of the cases that judge, drawn by their ids: more cases leave most of them as they are.

    They are asked, and nothing is learnt from them.
    """
    judging = [case for case in dataset.cases if case.split != "train" and case.question.strip()]
    return tuple(sorted(judging, key=lambda case: digest("canary", case.id))[:count])
