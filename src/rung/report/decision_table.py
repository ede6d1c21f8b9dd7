"""The verdict over scores from elsewhere, for a person at a terminal of 80 columns: lines of text, without colours."""

from __future__ import annotations

from collections.abc import Sequence

from rung.records import Estimate
from rung.report.table import WIDTH, columns, money, padded, remark, section, verdict_lines, wrapped
from rung.verdict import reasons
from rung.verdict.bar import Bar
from rung.verdict.score_columns import Decision, SystemScore

_HEAD = ("", "system", "score", "n", "reaches", "$/1k", "")
_WIDTHS = (1, 25, 17, 7, 7, 7, 10)  # with the blanks between them 80


def decision_table(decision: Decision, *, title: str = "") -> list[str]:
    """The decision in lines of at most 80 columns. `title`: what it is about, for the heading."""
    verdict = decision.verdict
    what = f"{reasons.cases(verdict.cases)}, 95 % intervals"
    lines = [*wrapped(f"{title}: {what}" if title else what), "", _row(_HEAD), "-" * WIDTH]
    lines += [line for system in decision.rungs for line in _system(system, decision)] + [""]
    lines += [*verdict_lines(verdict), ""]
    others = [d for d in decision.differences if d.a != d.b]
    differences = [f"{d.a} − {d.b}: {reasons.interval(d.estimate)}, p {_short(d.p, 0.001)}" for d in others]
    lines += section("Differences from the best, paired", differences)
    why = [f"{r.name}: {r.why}" for r in decision.rungs if r.why]
    lines += section("Why not", why)
    lines += section("Mind", decision.warnings)
    return lines[:-1] if lines[-1] == "" else lines


def _system(system: SystemScore, decision: Decision) -> list[str]:
    mark = "*" if system.name == decision.winner else " "
    result = next(r for r in decision.verdict.rungs if r.name == system.name)
    probability = None if system.probability_of_bar is None else Bar(risk=decision.verdict.risk).told_of(result)
    chance = "" if probability is None else _short(probability, 0.01)
    score = Estimate(system.mean, system.low, system.high, system.n)
    price = "unknown" if system.usd_per_1k is None else money(system.usd_per_1k)
    numbers = (reasons.interval(score), f"{system.n:,}", chance, price, remark(result, decision.verdict))
    if columns(system.name) <= _WIDTHS[1]:
        return [_row((mark, system.name, *numbers))]
    return [*wrapped(system.name, indent=2, mark=mark), _row(("", "", *numbers))]


def _short(chance: float, least: float) -> str:
    """A probability in few digits, never as if it were certain."""
    digits = 2 if least == 0.01 else 3
    if chance < least:
        return f"<{least}"
    return f">{1 - least}" if chance > 1 - least else f"{chance:.{digits}f}"


def _row(cells: Sequence[str]) -> str:
    return " ".join(padded(cell, width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()
