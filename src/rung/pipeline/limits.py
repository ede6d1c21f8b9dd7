"""A project's bar against what is measured in it: a limit on anything else, or out of its range, is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rung.config.project import Project
from rung.errors import UserError
from rung.plugins import hint
from rung.records import Metric
from rung.scoring import metrics
from rung.verdict.bar import OF_RUNS, Bar, bar_of


def limitable() -> Mapping[str, Metric]:
    """All that a limit may be about, by name: what scorers measure, and what is measured of a run as a whole.

    Raises:
        UserError: a plugin's scorer cannot be loaded, or measures what something else measures.
    """
    scores = metrics()
    if both := sorted(set(scores) & set(OF_RUNS)):
        raise UserError(f"a scorer measures '{both[0]}', which is measured of every run: rename the metric, or uninstall it")
    return {**scores, **OF_RUNS}


def bar_in(project: Project) -> Bar:
    """What is good enough in this project."""
    settings, risk = project.settings.bar, project.settings.verdict.risk
    bar = bar_of(settings.limits(), limitable(), correct=settings.correct, metric=settings.metric or "", risk=risk)
    return replace(bar, prefer=project.settings.prefer)


def check_limits(project: Project) -> None:
    """Refuse a limit on what nothing measures, or that no number can miss or keep.

    Raises:
        InputError: points at its line.
    """
    measured = limitable()
    for name, value in project.settings.bar.limits().items():
        if name not in measured:
            raise project.error(f"bar: nothing measures '{name}'; {hint(name, measured)}", "bar", name)
        if measured[name].is_share and not 0 <= value <= 1:
            raise project.error(f"bar: {name} is a share, so its limit lies in 0 to 1, not at {value:g}", "bar", name)
