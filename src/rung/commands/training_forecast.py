"""What `rung train KIND` would learn from, and how long it might take. Reads files; runs no model and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rung.commands.survey import Survey, survey
from rung.config.project import Project
from rung.pipeline.training_pace import pace_of_building
from rung.records import Problem

UNPLANNED = "reranker"  # no rung plans it: it is trained for the project
FOLDERS = {"generator": "adapter"}  # kinds of training whose artifacts are of another name


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One training that would be done.

    `lessons`: rows that a rung would learn from; None for a kind that no rung plans: it picks its own among `examples` and
    `train_cases`. `seconds`: as long a row as the last artifact of this kind took; None where there is none. `trainer`: what
    trains an adapter, "" where only the model's files tell.
    """

    kind: str
    rung: str
    lessons: int | None
    examples: int
    train_cases: int
    seconds: float | None = None
    trainer: str = ""

    def __str__(self) -> str:
        rows = f"{self.lessons} lessons" if self.lessons is not None else f"what fits of {self._materials}"
        time = f"about {self.seconds:,.0f} s, as the last one took" if self.seconds is not None else "how long is unknown"
        by = f", by {self.trainer}" if self.trainer else ""
        return f"{self.rung or self.kind} would learn from {rows}{by}; {time}"

    @property
    def _materials(self) -> str:
        return f"{self.examples} examples and {self.train_cases} train cases"


def foresee(
    project: Project,
    kind: str,
    *,
    rung: str = "",
    on_problems: Callable[[Sequence[Problem]], None] = lambda _problems: None,
) -> list[Foreseen]:
    """The trainings of a kind, of this rung only where one is named; an artifact that is there already is not looked for.
    `on_problems` is given the rows and files that are left out, or taken otherwise.

    Raises:
        UserError: what would stop the training before it began.
    """
    surveyed = survey(project, rehearsed=False)
    on_problems(surveyed.problems)
    if kind == UNPLANNED:
        return [_foreseen(surveyed, kind, "", None, None)]
    pace, folder = pace_of_building(project), FOLDERS.get(kind, kind)
    selected = [p for p in surveyed.planned if p.taught.get(kind) and rung in ("", p.rung)]
    takes = {p.rung: next((pace.seconds(one) for one in p.trainings if one.kind == folder), None) for p in selected}
    foreseen = [(p, _foreseen(surveyed, kind, p.rung, p.taught[kind], takes[p.rung])) for p in selected]
    return [replace(one, trainer=p.trainer if kind == "generator" else "") for p, one in foreseen]


def _foreseen(surveyed: Survey, kind: str, rung: str, row_count: int | None, seconds: float | None) -> Foreseen:
    return Foreseen(kind, rung, row_count, len(surveyed.rows.examples), len(surveyed.rows.split("train")), seconds)
