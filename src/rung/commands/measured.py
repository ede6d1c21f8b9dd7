"""A verdict of this moment, and what a comparison would do: what `compare` returns to a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from rung.commands.kept_verdict import As, KeptVerdict, framed
from rung.commands.survey import Survey
from rung.config.project import Project
from rung.pipeline.evaluate import Comparison
from rung.records import Coverage, Difference, Json, Problem, RungResult, Verdict
from rung.report.changes import Changes, change_lines


@dataclass(frozen=True, slots=True)
class MeasuredVerdict(KeptVerdict):
    """A verdict that was just made: as it was published, and as a record.

    `problems`: rows and files that were left out. `changes`: what is other than in the baseline, None where none was named.
    """

    record: Verdict = field(kw_only=True)
    problems: tuple[Problem, ...] = field(default=(), kw_only=True)
    changes: Changes | None = field(default=None, kw_only=True)

    @property
    def rungs(self) -> tuple[RungResult, ...]:
        """A line for each rung."""
        return self.record.rungs

    @property
    def rejected(self) -> Mapping[str, str]:
        """Rung -> why it was not chosen."""
        return {name: str(why) for name, why in self.record.rejected.items()}

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Each candidate against the best, on the same cases."""
        return self.record.differences

    @property
    def warnings(self) -> tuple[str, ...]:
        """What stands under "Mind"."""
        return self.record.warnings

    @property
    def doubts(self) -> Mapping[str, str]:
        """Gap -> why nothing follows from it."""
        return self.record.doubts

    @property
    def probability(self) -> float | None:
        """The winner's of reaching the bar."""
        return self.record.probability

    @property
    def code(self) -> str:
        """Why it was chosen, in a word."""
        return self.record.code

    @property
    def coverage(self) -> Coverage:
        """What it took, and why not more."""
        return self.record.coverage

    @property
    def executed(self) -> int:
        """Steps that were carried out; the others were remembered."""
        return self.record.executed

    @property
    def worse(self) -> tuple[str, ...]:
        """The rungs that are significantly worse than in the baseline."""
        return () if self.changes is None else self.changes.worse

    def __str__(self) -> str:
        """As `rung compare` prints it."""
        return "\n".join([self.published.table, *(change_lines(self.changes) if self.changes else ())])


def measured(done: Comparison, project: Project, changes: Changes | None = None) -> MeasuredVerdict:
    """What `compare` returns."""
    return MeasuredVerdict(done.published, project, record=done.verdict, problems=done.problems, changes=changes)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What a comparison would do, and take at most. Nothing was asked of a model."""

    survey: Survey

    @property
    def json(self) -> Mapping[str, Json]:
        """As `rung compare --dry-run --json` has it."""
        return self.survey.plan_json()

    def rows(self, as_: As = "records") -> Any:
        """A row for each rung: `rung`, `status`, `why`, `conversations`, `trains_on`, and what it takes.

        Args:
            as_: as of `KeptVerdict.scores`.

        Raises:
            UserError: that library is not installed.
        """
        return framed(list(self._rows()), as_)

    def _rows(self) -> Iterator[dict[str, Json]]:
        for one in self._rungs:
            forecast: Mapping[str, Json] = one["forecast"] or {}
            named = {"rung": one["name"], **{key: one[key] for key in ("status", "why", "conversations", "trains_on")}}
            yield {**named, **{key: value for key, value in forecast.items() if not isinstance(value, (dict, list))}}

    @property
    def _rungs(self) -> list[Any]:
        rungs: Any = self.json["rungs"]
        return list(rungs)

    def __str__(self) -> str:
        """As `rung compare --dry-run` prints it."""
        return "\n".join(self.survey.plan_lines())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"
