"""The verdict over scores that another tool made: a column of scores for each system, over the same cases.

Pure. It has the statistics and the rule of `decide`, which gets a minimal record of each system (`_evaluated`). Reading
tables from files is left to `dataset.score_tables`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.records import Case, Difference, Estimate, Evaluation, Json, RungResult, Scorecard, Verdict
from rung.verdict import reasons
from rung.verdict.bar import MAIN, RISK, Bar
from rung.verdict.clusters import clusters as clusters_of
from rung.verdict.clusters import few_documents
from rung.verdict.decide import decide
from rung.verdict.gaps import CLOSED_BOOK, ORACLE
from rung.verdict.judging import DecisionContext

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

Score = float | bool | None
Usd = float | Iterable[float | None] | None

_ARMS = (CLOSED_BOOK, ORACLE)
_SETTING = re.compile(r"(.+?)\[[^\[\]]*\]")
_MAX_USD = 1e9  # of one case


@dataclass(frozen=True, slots=True)
class SystemScore:
    """A system's line: mean score over its `n` cases with the ends of the 95 % interval, and the probability that it reaches
    the bar, shared among what was tried and by itself (None without a bar). `usd_per_1k`: dollars for a thousand cases, None
    where unknown. `why`: why it is not the choice, "" for the winner."""

    name: str
    mean: float | None
    low: float | None
    high: float | None
    n: int
    probability_of_bar: float | None
    probability_alone: float | None
    usd_per_1k: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which system to use, and why: the verdict over scores from elsewhere.

    `winner` is None where none can be chosen. `probability`: the winner's of reaching the bar, None without a bar.
    `differences`: each system's paired mean difference from the best (`b`), with interval and p. `warnings`: what to mind.
    `verdict`: the same in Rung's own record.
    """

    winner: str | None
    clears_bar: bool
    probability: float | None
    reason: str
    rungs: tuple[SystemScore, ...]
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]
    verdict: Verdict = field(repr=False)

    def why_not(self, system: str) -> str:
        """Why this system was not chosen.

        Raises:
            KeyError: there is no such system.
        """
        return self.verdict.why_not(system)

    def as_json(self) -> dict[str, Json]:
        """As `rung decide --json` writes it."""
        verdict = self.verdict
        return {
            "winner": self.winner,
            "clears_bar": self.clears_bar,
            "probability": self.probability,
            "risk": verdict.risk,
            "reason": self.reason,
            "reason_code": verdict.code,
            "rungs": [
                {
                    **{"name": r.name, "mean": r.mean, "low": r.low, "high": r.high, "n": r.n},
                    **{"probability_of_bar": r.probability_of_bar, "probability_alone": r.probability_alone},
                    **{"usd_per_1k": r.usd_per_1k, "why": r.why},
                }
                for r in self.rungs
            ],
            "differences": [{"a": d.a, "b": d.b, **_numbers(d.estimate), "p": d.p} for d in self.differences],
            "gaps": {name: _numbers(gap) for name, gap in verdict.gaps.items()},
            "front": list(verdict.front),
            "cases": verdict.cases,
            "clusters": verdict.clusters,
            "few_documents": verdict.few_documents,
            "warnings": list(self.warnings),
        }


def decide_scores(
    columns: Mapping[str, Iterable[Score]],
    bar: float | None = None,
    *,
    order: Sequence[str] | None = None,
    clusters: Iterable[Hashable | None] | None = None,
    usd: Mapping[str, Usd] | None = None,
    risk: float = RISK,
    notes: Sequence[str] = (),
) -> Decision:
    """Which of several systems to use, told from their scores on the same cases. Needs no project, and writes nothing.

    The rule is that of `rung compare`: the lowest system that reaches the bar with a probability of 1 − risk at least; where
    none does, or without a bar, the lowest that is not shown to be worse than the best. Columns called `closed_book` and
    `oracle` are reference arms, never chosen. `x[…]` is a setting of `x`; every other name is a rung of its own.

    Args:
        columns: system -> its scores in [0, 1], one a case, the cases in the same order; None: no score. Such a case is left
            out of that system's mean and of its comparisons; one that was asked and got no answer is a 0.
        bar: the mean that is good enough, in [0, 1]; None: no bar.
        order: names of the systems from the lowest (cheapest) rung up; those left out are not compared. None: the order of
            `columns`.
        clusters: the group of each case (its document, say), None for a case that stands for itself.
        usd: system -> US dollars of each case, or of any case; None is unknown.
        risk: the chance that is taken of being wrong, above 0 and below one half.
        notes: what the caller has to say, put first among the warnings.

    Raises:
        UserError: there is no column or no case; columns of unequal lengths; a score that is none, or lies outside [0, 1];
            an order that names no column, or one twice; a bar, risk or cost that is none. Says which.

    >>> decide_scores({"prompt": [0, 1, 0, 1] * 10, "rag": [1, 1, 1, 1] * 10}, bar=0.7).winner
    'rag'
    """
    values = {name: _floats(name, column) for name, column in _named(columns).items()}
    cases = _length({name: len(column) for name, column in values.items()})
    ladder, left_out = _ladder(list(values), order)
    if all(name in _ARMS for name in ladder):
        raise UserError(f"{' and '.join(ladder)}: reference arms alone, and nothing to choose; give the systems' scores too")
    _check_bar(bar, risk)
    asked = _cases(clusters, cases)
    groups = clusters_of(asked)
    prices = _prices(usd or {}, {name: values[name] for name in ladder}, cases)
    evaluated = [_evaluated(name, index, values[name], groups, prices.get(name)) for index, name in enumerate(ladder)]
    documents, about = few_documents(asked)
    warnings = [*notes, *left_out, *_remarks({name: values[name] for name in ladder}, bar, prices)]
    warnings += [reasons.few_documents(documents, about)] if documents else []
    context = DecisionContext(is_kept=False, warnings=tuple(warnings), few_documents=documents)
    verdict = decide(evaluated, bar=Bar(bar, risk=risk), context=context)
    return _decision(verdict)


def _evaluated(
    name: str, index: int, scores: Floats, groups: tuple[int, ...] | None, usd_per_1k: float | None
) -> Evaluation:
    """The record that `decide` reads: a measured rung at its place on the ladder, with one metric."""
    setting = _SETTING.fullmatch(name)
    line = RungResult(
        name,
        {},
        "measured",
        usd_per_1k=usd_per_1k,
        reference=name in _ARMS,
        order=index,
        answered=len(scores),
        rung=setting[1] if setting else name,
    )
    card = Scorecard(tuple(map(str, range(len(scores)))), {MAIN: scores})
    return Evaluation(line, cards=(card,), clusters=groups)


def _decision(verdict: Verdict) -> Decision:
    from dataclasses import replace

    verdict = replace(
        verdict,
        front=verdict.front if sum(r.usd_per_1k is not None for r in verdict.rungs if not r.reference) > 1 else (),
        gaps={name: gap for name, gap in verdict.gaps.items() if gap.n},
    )
    lines = []
    for result in verdict.rungs:
        score = result.scores[MAIN]
        why = str(verdict.rejected.get(result.name, ""))
        chances = (result.probability, result.probability_alone) if score.n else (None, None)
        numbers = (score.mean, score.low, score.high, score.n, *chances)
        lines.append(SystemScore(result.name, *numbers, result.usd_per_1k, why))
    return Decision(
        verdict.winner,
        verdict.clears_bar,
        verdict.probability,
        verdict.reason,
        tuple(lines),
        verdict.differences,
        verdict.warnings,
        verdict,
    )


def _numbers(estimate: Estimate) -> dict[str, Json]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "n": estimate.n}


def _named(columns: Mapping[str, Iterable[Score]]) -> dict[str, Iterable[Score]]:
    if not hasattr(columns, "items"):
        raise UserError(f"columns maps each system to its scores, found {type(columns).__name__}")
    named: dict[str, Iterable[Score]] = {}
    for name, column in columns.items():
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"a system's name must be text, found {name!r}")
        named[name] = column
    if not named:
        raise UserError("there is no column of scores: give at least one system")
    return named


def _floats(name: str, column: Iterable[Score]) -> Floats:
    import numpy as np

    return np.array(
        [math.nan if one is None else _score(f"{name}[{n}]", one) for n, one in enumerate(_listed(name, column))]
    )


def _listed(name: str, column: object) -> list[Any]:
    if isinstance(column, (str, bytes)) or not isinstance(column, Iterable):
        raise UserError(f"{name}: a column is a list with one value a case, found {type(column).__name__}")
    return list(column)


def _score(where: str, value: object) -> float:
    number = _number(where, value, "score")
    if not 0 <= number <= 1:
        raise UserError(f"{where} is {number:g}, and scores lie in 0 to 1: bring them to that scale first")
    return number


def _number(where: str, value: object, what: str) -> float:
    if type(value).__name__ in ("bool_", "bool"):  # numpy's, too
        return float(bool(value))
    if not isinstance(value, Real):
        raise UserError(f"{where} is {value!r}, which is no {what}: give a number, or None where there is none")
    number = float(value)
    if not math.isfinite(number):
        raise UserError(f"{where} is {number}, which is no {what}: give None where there is none")
    return number


def _length(lengths: Mapping[str, int]) -> int:
    """How many cases there are, the same in every column."""
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"{name} {n}" for name, n in list(lengths.items())[:6])
        raise UserError(
            f"columns are of unequal length ({listing}): each needs one value for every case, None where there is none"
        )
    cases = next(iter(lengths.values()))
    if cases == 0:
        raise UserError("there is no case: each column needs one score a case")
    return cases


def _ladder(names: Sequence[str], ascending: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The systems from the lowest, and what to say of those that the order leaves out."""
    if ascending is None:
        return list(names), []
    if isinstance(ascending, str):
        raise UserError(f"order is a list of names, found the text {ascending!r}")
    asked = list(ascending)
    if unknown := [name for name in asked if name not in names]:
        raise UserError(f"the order names {unknown[0]!r}, and there is no such system: there are {', '.join(names)}")
    if twice := [name for n, name in enumerate(asked) if name in asked[:n]]:
        raise UserError(f"the order names {twice[0]!r} twice: each system has one place on the ladder")
    if not asked:
        raise UserError(f"the order names no system: there are {', '.join(names)}")
    left = [name for name in names if name not in asked]
    return asked, [f"Left out, since the order does not name them: {', '.join(left)}."] if left else []


def _check_bar(bar: float | None, risk: float) -> None:
    if bar is not None and not 0 <= (number := _number("the bar", bar, "number")) <= 1:
        raise UserError(f"the bar is {number:g}: it lies in 0 to 1, as the scores do")
    if not 0 < (number := _number("the risk", risk, "number")) <= 0.5:
        raise UserError(f"the risk is {number:g}: it lies above 0, and is one half at most")


def _cases(clusters: Iterable[Hashable | None] | None, cases: int) -> list[Case]:
    """Cases that are about nothing but their cluster, in the place of a document: so the rules for these hold."""
    if clusters is None:
        return [Case(str(n), "") for n in range(cases)]
    labels = _listed("clusters", clusters)
    if len(labels) != cases:
        raise UserError(
            f"clusters has {len(labels)} values for {cases} cases: give one a case, None for one that stands alone"
        )
    alone = [label is None or label == "" or (isinstance(label, float) and math.isnan(label)) for label in labels]
    return [
        Case(str(n), "", gold_documents=() if by_itself else (str(label),))
        for n, (label, by_itself) in enumerate(zip(labels, alone, strict=True))
    ]


def _prices(usd: Mapping[str, Usd], columns: Mapping[str, Floats], cases: int) -> dict[str, float | None]:
    """Dollars of a thousand cases by system; None where a cost is unknown of any case that has a score."""
    prices: dict[str, float | None] = {}
    for name, cost in usd.items():
        if name not in columns:
            raise UserError(f"a cost is given for {name!r}, and there is no such system: there are {', '.join(columns)}")
        if cost is None or isinstance(cost, Real):
            prices[name] = None if cost is None else 1000 * _usd(f"usd[{name!r}]", cost)
            continue
        listed = _listed(f"usd[{name!r}]", cost)
        if len(listed) != cases:
            raise UserError(f"usd[{name!r}] has {len(listed)} values for {cases} cases: give one a case, None where unknown")
        costs = [None if one is None else _usd(f"usd[{name!r}][{n}]", one) for n, one in enumerate(listed)]
        counted = [one for one, score in zip(costs, columns[name], strict=True) if not math.isnan(score)]
        priced = [one for one in counted if one is not None]
        prices[name] = 1000 * sum(priced) / len(priced) if priced and len(priced) == len(counted) else None
    return prices


def _usd(where: str, value: object) -> float:
    number = _number(where, value, "cost")
    if not 0 <= number < _MAX_USD:
        raise UserError(f"{where} is {number:g}: a cost of a case is 0 or more US dollars, and less than {_MAX_USD:,.0f}")
    return number


def _remarks(columns: Mapping[str, Floats], bar: float | None, prices: Mapping[str, float | None]) -> list[str]:
    """What to mind: cases without a score, costs that are not known of all, one system alone."""
    remarks = _missing(columns)
    unknown = [name for name in columns if prices.get(name) is None]
    if prices and unknown:
        remarks.append(f"Cost unknown of {reasons.listed(unknown)}: the cost of every case with a score is needed.")
    rungs = [name for name in columns if name not in _ARMS]
    if len(rungs) == 1:
        what = "only the bar judges it" if bar is not None else "without a bar there is nothing to decide"
        remarks.append(f"There is one system, {rungs[0]}, and nothing to hold it against: {what}.")
    return remarks


def _missing(columns: Mapping[str, Floats]) -> list[str]:
    """The sentence that says how many cases each system has no score of, and the means over those that all have."""
    import numpy as np

    unknown = np.isnan(np.stack(list(columns.values())))
    if not unknown.any():
        return []
    counts = ", ".join(f"{name} {int(row.sum()):,}" for name, row in zip(columns, unknown, strict=True) if row.any())
    common = ~unknown.any(axis=0)
    beside = "No case has a score of every system."
    if common.any():
        means = ", ".join(f"{name} {reasons.number(float(column[common].mean()))}" for name, column in columns.items())
        beside = f"Over the {reasons.cases(int(common.sum()))} that all have: {means}."
    return [
        f"Without a score, of {reasons.cases(unknown.shape[1])}: {counts}. They are left out of that system's mean, not "
        f"counted as misses, and differences are over the cases that both have. {beside} Where an answer was owed and did "
        "not come, write 0."
    ]
