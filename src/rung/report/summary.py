"""What a manager must know: what to use, why, how sure, what it costs, what would change it; each in sentences.

The page and the Markdown report say the same sentences; how they look is left to them.
"""

from __future__ import annotations

from rung.records import RungResult
from rung.report.contents import Report, choice_in
from rung.report.numbers import count, money, seconds


def chosen(report: Report) -> RungResult | None:
    """The line of the rung to use; None where none can be recommended."""
    return choice_in(report.verdict)


def costs(winner: RungResult) -> list[str]:
    """What the choice costs and how long it takes, one sentence each; the unknown is said to be unknown."""
    bill = winner.bill
    per_1k = bill.per_1k if bill is not None and bill.per_1k is not None else winner.usd_per_1k
    lines = []
    if per_1k is None:
        why = "it was not timed" if winner.latency is None else "rung.yaml names no price for this model or machine"
        lines.append(f"The price of an answer is unknown: {why}.")
    else:
        lines.append(f"{money(per_1k)} for 1,000 questions.")
    if bill is not None and bill.per_month is not None:
        lines.append(f"{money(bill.per_month)} a month at the stated traffic, everything included.")
    if bill is not None and bill.per_passed is not None:
        lines.append(f"{money(bill.per_passed)} for each answer that is at least half right.")
    if bill is not None and per_1k is not None and bill.unknown:
        lines.append(f"Not in these sums, since nobody said what it costs: {', '.join(bill.unknown)}.")
    if winner.latency is not None:
        half, most = seconds(winner.latency.p50 / 1000), seconds(winner.latency.p95 / 1000)
        lines.append(f"Half of the answers take at most {half}, 95 % at most {most}, asked one at a time.")
    return lines


def covered(report: Report) -> str:
    """How much was answered for this verdict, and what stopping early may have changed; "" where all was answered."""
    done = report.verdict.coverage
    if not done.exhaustive or done.answers >= done.exhaustive:
        return ""
    share = f"{done.answers:,} of {count(done.exhaustive, 'possible answer')} were made"
    if done.partial:
        return f"This verdict is partial: {share}."
    return (
        f"{share[0].upper()}{share[1:]}: rungs that could not win any more stopped early. The chance that this changed the "
        f"choice is at most {done.error:.0%}; who was chosen has answered every case."
    )
