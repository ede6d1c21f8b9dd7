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
        lines.append(f"The price of an answer is unknown: {_no_price(winner)}.")
    else:
        lines.append(f"{money(per_1k)} for 1,000 questions.")
    if bill is not None and bill.per_month is not None:
        lines.append(f"{money(bill.per_month)} a month at the stated traffic, every part of its bill included.")
    if bill is not None and bill.per_passed is not None:
        lines.append(f"{money(bill.per_passed)} for each answer that is at least half right.")
    if bill is not None and per_1k is not None and bill.unknown:
        lines.append(f"Not in these sums, since nobody said what it costs: {', '.join(bill.unknown)}.")
    if winner.latency is not None:
        half, most = seconds(winner.latency.p50 / 1000), seconds(winner.latency.p95 / 1000)
        timed = f"{count(winner.latency.n, 'answer')} that {'was' if winner.latency.n == 1 else 'were'} timed one at a time"
        lines.append(f"Of {timed}, half took at most {half}, 95 % at most {most}.")
    return lines


def _no_price(winner: RungResult) -> str:
    """Why what an answer costs is unknown, as far as its line tells."""
    if winner.bill is not None and winner.bill.per_query is not None:
        return "its server is paid by the hour, and the traffic is not stated"
    if winner.latency is None:
        return "no price of its tokens is known, and what it takes of a machine's hour was not timed"
    return "no price of its tokens is known, nor one of the machine's hour"


def covered(report: Report) -> str:
    """How much was answered for this verdict, and what stopping early may have changed; "" where all was answered."""
    done = report.verdict.coverage
    if not done.exhaustive or done.answers >= done.exhaustive:
        return ""
    share = f"{done.answers:,} of {count(done.exhaustive, 'possible answer')} were made"
    if done.partial:
        return f"This verdict is partial: {share}."
    if done.rescored:
        return (
            f"{share[0].upper()}{share[1:]} in the comparison: rungs that could not win by the scores and the bar of then "
            "stopped early. By those of now one of them might; 'rung compare' lets it go on."
        )
    return (
        f"{share[0].upper()}{share[1:]}: rungs that could not win any more stopped early. The chance that this changed the "
        f"choice is at most {done.error:.0%}; who was chosen has answered every case."
    )
