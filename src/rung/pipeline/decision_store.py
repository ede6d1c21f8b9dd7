"""What a verdict was decided by beside the rungs: `decision.json` beside it. With the stored answers it is decided anew, by
the same code, with other numbers in the place of some.

Warnings and their cases are left out: nothing is chosen by them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.files.durable import damaged
from rung.pipeline.evaluation_store import EVALUATIONS, numbers_of, read_evaluations
from rung.pipeline.limits import limitable
from rung.records import Evaluation, Outcome
from rung.stats.prediction_powered import Corrected
from rung.verdict.bar import Bar, bar_of
from rung.verdict.constant import Constant
from rung.verdict.costs import Demand, Prices
from rung.verdict.judging import DecisionContext

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

DECISION = "decision.json"  # of a verdict
FORMAT = 1
_PLAIN = (
    *("documents", "trainable", "incumbent", "looks", "few_documents"),
    *("knowledge_version", "executed", "replayed"),
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A comparison as it was decided: the rungs, scored, without the texts of their answers; the bar; all else."""

    evaluations: tuple[Evaluation, ...]
    bar: Bar
    context: DecisionContext


def decision_json(bar: Bar, context: DecisionContext, clusters: Sequence[int] | None) -> str:
    """Bar and context, with the clusters of the cases."""
    constant = context.constant
    entry = {
        "format": FORMAT,
        "bar": {**asdict(bar), "limits": {name: limit.value for name, limit in bar.limits.items()}},
        **{name: getattr(context, name) for name in _PLAIN},
        "prices": asdict(context.prices),
        "prices_on": {name: asdict(prices) for name, prices in context.prices_on.items()},
        "demand": asdict(context.demand),
        "constant": None if constant is None else {"what": constant.what, "values": numbers_of(constant.values)},
        "corrections": {
            name: {**asdict(replace(one, values=())), "values": numbers_of(one.values)}  # type: ignore[arg-type]
            for name, one in context.corrections.items()
        },
        "clusters": None if clusters is None else list(clusters),
    }
    return json.dumps(entry, allow_nan=False)


def read_decision(folder: Path) -> Decision:
    """A verdict's, from its folder.

    Raises:
        UserError: its answers, or what it was decided by, are not stored with it.
        Damaged: they cannot be read.
    """
    path = folder / DECISION
    if not path.is_file() or not (folder / EVALUATIONS).is_file():
        raise UserError(
            f"the verdict in {folder} does not say all that it was decided by: an earlier Rung made it, or its answers were "
            "taken away; 'rung rescore' makes one of the same answers, 'rung compare' one of new ones"
        )
    stored = read_evaluations(folder / EVALUATIONS)
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["format"] != FORMAT:
            raise UserError(f"{path} is in format {entry['format']}, and this Rung reads {FORMAT}: update Rung")
        clusters = None if entry["clusters"] is None else tuple(map(int, entry["clusters"]))
        context = replace(_context(entry), coverage=stored.facts.coverage)
        bar = _bar(entry["bar"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path, str(error) or type(error).__name__) from error
    evaluations = tuple(replace(_without_texts(one), clusters=clusters) for one in stored.evaluations)
    return Decision(evaluations, bar, context)


def _context(entry: Mapping[str, Any]) -> DecisionContext:
    constant = entry["constant"]
    return DecisionContext(
        **{name: entry[name] for name in _PLAIN},
        prices=Prices(**entry["prices"]),
        prices_on={name: Prices(**prices) for name, prices in entry["prices_on"].items()},
        demand=Demand(**entry["demand"]),
        constant=None if constant is None else Constant(constant["what"], _column(constant["values"])),
        corrections={
            name: Corrected(**{**one, "values": _column(one["values"])}) for name, one in entry["corrections"].items()
        },
    )


def _bar(entry: Mapping[str, Any]) -> Bar:
    measurable = limitable()
    limits = {name: value for name, value in entry["limits"].items() if name in measurable}
    if gone := sorted(set(entry["limits"]) - set(limits)):
        raise UserError(f"its bar has a limit on {gone[0]}, which nothing here measures now: install what measured it")
    bar = bar_of(limits, measurable, correct=entry["correct"], metric=entry["metric"], risk=entry["risk"])
    return replace(bar, prefer=entry["prefer"])


def _without_texts(evaluation: Evaluation) -> Evaluation:
    """What is decided by: that an answer came, who gave it, what it took."""

    def brief(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        return tuple(
            o
            if o.answer is None
            else replace(o, answer=replace(o.answer, text="", plain="", citations=(), passages=(), retrieved=()))
            for o in outcomes
        )

    return replace(evaluation, outcomes=brief(evaluation.outcomes), again=tuple(map(brief, evaluation.again)))


def _column(values: Sequence[float | None]) -> Floats:
    import numpy as np

    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
