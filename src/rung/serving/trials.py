"""When a deployment that is tried, or served, is stopped, taken over, or taken back: rules of counts, no I/O.

Two signals tell good answers from bad: what askers said of them ("up" or "down"), and whether they came at all. Askers stay
with one deployment and differ among themselves, so that the answers of one of them are no independent draws: each asker
counts once, by the first answer they got and by the first rating they gave. Refusals are counted and shown, and decide
nothing: they may be right. All tests of one deployment share its risk, and may be looked at after every answer
(`rung.stats.sequential`). Limits on failures and seconds are brakes, and count every answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from rung.records import Json
from rung.records.deployment import Rollout
from rung.state.deployments import Seen
from rung.stats.sequential import Counts, Look, is_over, look

SLOW = 0.05  # share of answers that may take longer than `max_p95`


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen, why, and by which numbers."""

    what: Literal["finished", "stopped", "undecided"]
    why: str
    figures: Mapping[str, Json] = field(default_factory=dict)


def decide_canary(rollout: Rollout, old: Seen, new: Seen) -> Decision | None:
    """What a canary has come to; None: it goes on.

    Args:
        rollout: the canary's.
        old: what was seen of the one that is served, since the canary began.
        new: of the canary.
    """
    looks = signals(rollout, old, new)
    figures = _figures(old, new, looks)
    risk = risk_of_each(rollout)
    if broken := broken_limit(rollout, new, risk=risk):
        return Decision("stopped", broken, figures)
    for name, signal in looks.items():
        if signal.shows("worse", risk):
            return Decision("stopped", f"worse by its {name}: {_drop(signal)}", figures)
    if all(signal.shows("not worse", rollout.risk) for signal in looks.values()):
        drops = "; ".join(f"{name}, {_drop(signal)}" for name, signal in looks.items())
        why = f"not worse by {100 * rollout.margin:g} points: {drops}"
        return Decision("finished", why, figures)
    if (count := old.answers + new.answers) >= rollout.max_answers:
        return Decision(
            "undecided", f"not decided after {count:,} answers ({_ratings(new).n:,} people rated its own)", figures
        )
    return None


def signals(rollout: Rollout, old: Seen, new: Seen) -> dict[str, Look]:
    """What a canary is told by, and what each says so far; see `decide_canary`."""
    ratings, answers = (_look(rollout, count(old), count(new)) for count in (_ratings, _first_answers))
    return {"ratings": ratings, "answers": answers}


def risk_of_each(rollout: Rollout) -> float:
    """The part of its risk that each signal that a canary is worse, and each of its limits, has. That it is not worse takes
    all of the risk, as both signals have to say it."""
    return rollout.risk / (2 + len(_limits(rollout)))


def decide_shadow(rollout: Rollout, old: Seen, new: Seen) -> Decision | None:
    """What a deployment in the shadow has come to; None: it goes on. Nobody rates it, and it waits for others, so that
    answers that fail are all that speaks against it."""
    figures = _figures(old, new, {})
    if rollout.max_error_rate is not None and is_over(_came(new), rollout.max_error_rate, risk=rollout.risk):
        return Decision("stopped", _errors(rollout, new), figures)
    if new.answers >= rollout.max_answers:
        return Decision("undecided", f"{new.answers:,} answers were given in the shadow", figures)
    return None


def broken_limit(rollout: Rollout, seen: Seen, *, risk: float) -> str:
    """The first of `broken_limits`, in words; "" where there is none."""
    return next(iter(broken_limits(rollout, seen, risk=risk).values()), "")


def broken_limits(rollout: Rollout, seen: Seen, *, risk: float) -> dict[str, str]:
    """The limits that a deployment is shown to break, each in words.

    Args:
        rollout: with its limits.
        seen: what was seen of it; slow is what takes longer than `max_p95`.
        risk: the chance that is taken, for each limit, of being wrong.
    """
    return {
        name: limit_words(rollout, name, seen)
        for name in _limits(rollout)
        if is_over(_counts(name, seen), _share(rollout, name), risk=risk)
    }


def keeps_limit(rollout: Rollout, name: str, seen: Seen, *, risk: float) -> bool:
    """Whether a deployment is shown to keep a limit, by its name in `broken_limits`: the contrary, by the same evidence."""
    share, counts = _share(rollout, name), _counts(name, seen)
    return share > 0 and is_over(Counts(counts.bad, counts.good), 1 - share, risk=risk)


def is_within(rollout: Rollout, name: str, seen: Seen) -> bool:
    """Whether no more of what was seen is bad than a limit allows, which shows nothing yet."""
    counts = _counts(name, seen)
    return counts.bad <= _share(rollout, name) * counts.n


def limit_words(rollout: Rollout, name: str, seen: Seen) -> str:
    """What was seen, and what a limit allows."""
    if name == "errors":
        return _errors(rollout, seen)
    if name == "p95":
        return f"{seen.slow:,} of {seen.answers:,} answers took longer than {rollout.max_p95:g} s, and 5 % may"
    return (
        f"{seen.askers_down:,} of {_ratings(seen).n:,} ratings that count are down, and {_share(rollout, name):.1%} may be"
    )


def risk_of_limit(rollout: Rollout) -> float:
    """The part of its risk that each limit of a deployment that is served has, over one block of answers."""
    return rollout.risk / max(1, len(_limits(rollout)))


def _limits(rollout: Rollout) -> dict[str, float]:
    given = {"errors": rollout.max_error_rate, "p95": rollout.max_p95, "ratings": rollout.max_down_rate}
    return {name: limit for name, limit in given.items() if limit is not None}


def _share(rollout: Rollout, name: str) -> float:
    """Of what is counted for a limit, how much may be bad."""
    return SLOW if name == "p95" else _limits(rollout)[name]


def _counts(name: str, seen: Seen) -> Counts:
    if name == "p95":
        return Counts(seen.answers - seen.failed - seen.late - seen.slow, seen.slow)
    return _came(seen) if name == "errors" else _ratings(seen)


def _errors(rollout: Rollout, seen: Seen) -> str:
    limit = rollout.max_error_rate or 0.0
    return f"{seen.failed + seen.late:,} of {seen.answers:,} answers failed, and {limit:.1%} may"


def _look(rollout: Rollout, old: Counts, new: Counts) -> Look:
    return look(old, new, margin=rollout.margin, tolerance=rollout.tolerance)


def _ratings(seen: Seen) -> Counts:
    return Counts(seen.askers_up, seen.askers_down)


def _first_answers(seen: Seen) -> Counts:
    return Counts(seen.askers - seen.askers_failed, seen.askers_failed)


def _came(seen: Seen) -> Counts:
    failed = seen.failed + seen.late
    return Counts(seen.answers - failed, failed)


def _drop(signal: Look) -> str:
    if signal.drop is None:
        return "no drop told"
    return f"share of good ones {'higher' if signal.drop < 0 else 'lower'} by {abs(100 * signal.drop):.1f} points"


def _figures(old: Seen, new: Seen, looks: Mapping[str, Look]) -> dict[str, Json]:
    figures: dict[str, Json] = {"old": dict(asdict(old)), "new": dict(asdict(new))}
    for name, signal in looks.items():
        evidence: dict[str, Json] = {"drop": signal.drop}
        # minus infinity, before both have an answer, is no JSON
        evidence |= {"log_worse": max(signal.worse, -1e9), "log_not_worse": max(signal.not_worse, -1e9)}
        figures[name] = evidence
    return figures
