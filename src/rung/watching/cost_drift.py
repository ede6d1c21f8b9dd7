"""Whether answers take longer, read and write more tokens or cost more than the verdict measured, by their own numbers.

An answer is bad where it takes more than 1.25 times what half of the verdict's took, or what 95 % did. How large a share of
those is usual is not known from so few: but for the chance `RISK` it is at most what `share_beyond` says, whatever the
distribution. More than that, shown by `stats.change` over the newest answers, both ways together, is a drift. An answer that
failed or came late is no answer here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Json
from rung.records.alerts import Found, Reading
from rung.stats.change import answers_to_find, changes, share_beyond, shown, together
from rung.watching.surroundings import WINDOW, Surroundings

if TYPE_CHECKING:
    from rung.records import Evaluation
    from rung.state.observed import Observed

USUAL = (0.5, 0.95)  # shares of the verdict's answers that are within a number
TIMES = 1.25  # so much more is put up with: people ask through a network, and several at once
RISK = 0.005  # of the limit being too low, and of the stream seeming worse than it is: of each
FEWEST = 3  # of the verdict's answers: fewer say of no share that it is unusual


@dataclass(frozen=True, slots=True)
class _Measure:
    """What is measured: its numbers in the verdict and as served. `unit` stands behind a number."""

    name: str
    unit: str
    measured: Sequence[float]
    served: Sequence[float]
    why_none: str
    do: str


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """A reading of seconds, of tokens, and of dollars where they are known."""
    evaluation, answered = surroundings.evaluation, [one for one in surroundings.observed if one.end == "answered"]
    if surroundings.deployment is None:
        why = "nothing was promoted, so nothing is known of what is served: 'rung promote'"
    elif evaluation is None:
        why = surroundings.unmeasured
    elif not answered:
        why = "nothing was answered yet since it is served"
    else:
        for part in _parts(evaluation, answered):
            yield _reading(part)
        return
    for name in ("seconds of an answer", "tokens of an answer", "dollars of an answer"):
        yield Reading(name, "unknown", why)


def _parts(evaluation: Evaluation, answered: Sequence[Observed]) -> Iterator[_Measure]:
    latency = evaluation.result.latency
    times = [] if latency is None else [ms / 1000 for ms in latency.times]
    yield _Measure(
        "seconds of an answer",
        "s",
        times,
        [one.seconds for one in answered],
        "the verdict has no live times of it",
        "look in 'rung trace' which step grew slow; 'rung rollback' goes back, where the deployment is at fault",
    )
    # of each case its first answer: further passes over the same cases are no further draws
    usage = [outcome.usage for outcome in evaluation.outcomes if outcome.answer is not None]
    untraced = "no answer of it has a trace: 'serve.traces.sample' in rung.yaml says how many have"
    yield _Measure(
        "tokens of an answer",
        "tokens",
        [float(one.prompt_tokens + one.completion_tokens) for one in usage],
        [
            float(one.prompt_tokens + one.completion_tokens)
            for one in answered
            if one.prompt_tokens is not None and one.completion_tokens is not None
        ],
        untraced,
        "look at the longest in 'rung trace': longer questions, longer documents or longer answers; then 'rung compare'",
    )
    prices = [one.usd for one in usage if one.usd is not None]
    if not usage or (len(prices) == len(usage) and any(prices)):
        yield _Measure(
            "dollars of an answer",
            "USD",
            prices,
            [one.usd for one in answered if one.usd is not None],
            untraced,
            "compare its vendor's prices and the tokens of an answer with the verdict's; then 'rung compare'",
        )


def _reading(part: _Measure) -> Reading:
    import numpy as np

    if len(part.measured) < FEWEST:
        why = f"the verdict has only {len(part.measured)}, and {FEWEST} are needed" if part.measured else part.why_none
        return Reading(part.name, "unknown", why)
    if not part.served:
        return Reading(part.name, "unknown", part.why_none)
    count, places = len(part.measured), [math.ceil(usual * len(part.measured)) for usual in USUAL]
    limits = [sorted(part.measured)[at - 1] * TIMES for at in places]
    shares = [share_beyond(count, at, risk=RISK / len(places)) for at in places]
    bad = np.array(part.served)[:, None] > np.array(limits)  # [answers, ways]
    ways = changes(bad, shares, within=WINDOW, risk=RISK)
    evidence, needed = together(ways), shown(within=WINDOW, risk=RISK)
    strongest = max(range(len(ways)), key=lambda at: ways[at].evidence)
    seen, limit, share = ways[strongest], limits[strongest], shares[strongest]
    state: Found = "drifted" if evidence >= needed else "between" if evidence >= needed / 2 else "fine"
    newest = f"{seen.share:.1%} of the newest {seen.since or len(bad):,} answers"
    return Reading(
        name=part.name,
        state=state,
        says=f"{newest} take more than {limit:.4g} {part.unit}, and {share:.1%} may "
        f"({TIMES:g} times what {USUAL[strongest]:.0%} of the verdict's {count:,} took)",
        figure=seen.share,
        limit=share,
        test=f"Shiryaev-Roberts e-detector of the share of such answers: log evidence {evidence:.1f} of {needed:.1f}",
        false_alarms=2 * RISK,
        per=f"{WINDOW:,} answers",
        do=part.do if state == "drifted" else "",
        fires_after=1,
        clears_after=2,
        evidence={
            "answers": len(bad),
            "since": seen.since,
            "evidence": max(evidence, -1e9),
            "median": float(np.median(part.served[-(seen.since or len(bad)) :])),
            "measured_median": float(np.median(part.measured)),
            "beyond": limits[-1],
            "found_within": _found_within(shares[-1]),
        },
    )


def _found_within(share: float) -> dict[str, Json]:
    """Answers after which it is found where these shares of them are beyond the limit of the 95 %."""
    return {
        f"{became:g}": answers_to_find(share, became, within=WINDOW, risk=RISK, ways=len(USUAL))
        for became in (0.5, 0.9)
        if became > share
    }
