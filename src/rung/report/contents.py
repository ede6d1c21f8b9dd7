"""The records that a report says it all from; `report` makes the page of them.

Gathering them from a run is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rung.records import Case, Json, Metric, Outcome, RungResult, Verdict
from rung.verdict.bar import Bar
from rung.verdict.failure_modes import LOST_BELOW, RIGHT_FROM


@dataclass(frozen=True, slots=True)
class Basis:
    """What the numbers rest on: counts of the materials, `cases` by split, and who answered.

    `correct_by` names what `correct` means here ("json", "label", "f1", …); "" leaves the explanation out.
    `weights`: of JSON fields, as `bar.fields` has them.
    `settings` is anything else worth knowing (seed, limit, version), shown as it is.
    """

    documents: int = 0
    passages: int = 0
    cases: Mapping[str, int] = field(default_factory=dict)
    examples: int = 0
    model: str = ""
    embedder: str = ""
    correct_by: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CasePage:
    """One case with what every rung made of it.

    `scores`: rung -> metric -> value. `lost_in`: rung -> the layer that lost the case, "" where it was not lost.
    """

    case: Case
    outcomes: Mapping[str, Outcome]
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    lost_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What keeps the file usable: beyond these, the page says how much it leaves out. Characters, not bytes."""

    cases: int = 5000
    cases_with_passages: int = 500
    passages_per_answer: int = 12
    answer_characters: int = 2000
    passage_characters: int = 4000


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page. `created` is an ISO date; `losses`: rung -> layer -> cases lost there.

    `metrics`: what each score means, by its name. `restricted`: id -> groups of the documents that are not for everybody.
    """

    project: str
    task: str
    created: str
    verdict: Verdict
    bar: Mapping[str, Json] = field(default_factory=dict)
    basis: Basis = Basis()
    cases: tuple[CasePage, ...] = ()
    losses: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    limits: Limits = Limits()
    restricted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)


def ladder(verdict: Verdict) -> tuple[RungResult, ...]:
    """The rungs that can be chosen, lowest first."""
    return tuple(sorted((r for r in verdict.rungs if not r.reference), key=lambda r: r.order))


def references(verdict: Verdict) -> tuple[RungResult, ...]:
    """The arms that are measured and never served."""
    return tuple(sorted((r for r in verdict.rungs if r.reference), key=lambda r: r.order))


def everyone(verdict: Verdict) -> tuple[RungResult, ...]:
    """The ladder, then the reference arms: the order of every table."""
    return ladder(verdict) + references(verdict)


def losing(verdict: Verdict) -> RungResult | None:
    """The rung whose losses are told: the choice or, without one, the best that lost anything."""

    def score(rung: RungResult) -> float:
        main = rung.scores.get(verdict.main_metric)
        return 0.0 if main is None or main.mean is None else main.mean

    judged = [rung for rung in ladder(verdict) if (rung.losses or rung.partly) and verdict.winner in (rung.name, None)]
    return max(judged, key=score, default=None)


def fields(verdict: Verdict) -> tuple[str, ...]:
    """The fields of JSON answers that any rung was judged by, in their order; none where no answer is judged so."""
    return tuple(dict.fromkeys(name for rung in everyone(verdict) for name in rung.fields))


def is_cleared(verdict: Verdict) -> bool:
    """Whether the choice is shown to clear the bar: a comparison that was cut short shows that of none."""
    return verdict.clears_bar and not verdict.coverage.partial


def is_missed(verdict: Verdict) -> bool:
    """Whether the choice is likely below the bar."""
    chosen = choice_in(verdict)
    alone = None if chosen is None else chosen.probability_alone
    return not verdict.clears_bar and Bar(risk=verdict.risk).is_likely_missed(alone)


def choice_in(verdict: Verdict) -> RungResult | None:
    """The line of the choice."""
    return next((rung for rung in verdict.rungs if rung.name == verdict.winner), None)


def limit(bar: Mapping[str, Json], key: str) -> float | None:
    """A number of the bar, None where the bar does not say."""
    value = bar.get(key)
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)


Mark = Literal["right", "partly right", "wrong"]
WHAT_IS_RIGHT = (
    f"Right is a score of {RIGHT_FROM} or more, wrong below {LOST_BELOW} (or lost otherwise), partly right between."
)


def mark_of(page: CasePage, rung: str, *, metric: str) -> Mark:
    """Wrong where a layer lost it (where nobody diagnosed: below one half), else right from `RIGHT_FROM` on, else partly."""
    score = page.scores.get(rung, {}).get(metric)
    lost = bool(page.lost_in[rung]) if rung in page.lost_in else (score or 0.0) < LOST_BELOW
    if lost:
        return "wrong"
    return "right" if score is None or score >= RIGHT_FROM else "partly right"


def layer_words(layer: str) -> str:
    """A layer's name as people read it: "not_retrieved" -> "not retrieved"."""
    return layer.replace("_", " ").replace("-", " ").strip()


def lost_counts(report: Report, rung: str) -> Mapping[str, int]:
    """Cases of a rung by the layer (in words) that lost them; cases that were not lost are not in it."""
    counts: dict[str, int] = {}
    for layer, n in report.losses.get(rung, {}).items():
        if n and layer_words(layer) not in {"", "right"}:
            counts[layer_words(layer)] = counts.get(layer_words(layer), 0) + n
    return counts
