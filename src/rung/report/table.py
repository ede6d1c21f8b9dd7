"""The verdict for a person at a terminal of 80 columns: lines of text, without colours. Printing them is left to the CLI."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rung.records import Estimate, Latency, Reason, ReasonKind, RungResult, Verdict, kind_of
from rung.report.contents import choice_in, everyone, is_cleared, is_missed, ladder, losing
from rung.verdict import reasons
from rung.verdict.bar import Limit, measured
from rung.verdict.failure_modes import LOST_BELOW, RIGHT_FROM
from rung.verdict.gap_words import gap_sentence, measured_on
from rung.verdict.remedies import remedy

WIDTH = 80
MAX_LOST = 4  # layers told of
MAX_FIELDS = 8  # of JSON answers told of
IN_SHORT: Mapping[ReasonKind, str] = {  # in at most ten characters
    "misses": "below bar",
    "not_shown": "not sure",
    "limit": "over limit",
    "at_floor": "at floor",
    "worse": "worse",
    "not_needed": "not needed",
    "nothing_right": "none right",
    "unjudged": "not judged",
}


def table(
    verdict: Verdict, *, project: str = "", judged_by: str = "", limits: Mapping[str, Limit] = MappingProxyType({})
) -> list[str]:
    """The verdict in lines of at most 80 columns (a wide character takes two), whatever the names and texts are.

    Args:
        verdict: what to tell.
        project: its name, for the heading.
        judged_by: what `correct` means here ("f1", "json", …), for the heading.
        limits: the bar's; those that have no column are told below the choice.
    """
    rungs = ladder(verdict)
    lines = [*_heading(verdict, project, judged_by), ""]
    lines += [_row(_HEAD), "-" * WIDTH]
    lines += [line for result in everyone(verdict) for line in _rung(result, verdict)] + [""]
    lines += [*verdict_lines(verdict), ""]
    lines += section("Limits", [_limit(name, limit, rungs) for name, limit in limits.items() if name not in _IN_COLUMNS])
    lines += _section("Gaps", [line for name in verdict.gaps for line in _gap(name, verdict)])
    lines += _section("Lost", _lost(verdict))
    lines += section("Fields", _fields(verdict))
    lines += section("What would change this", verdict.flips)
    rejected = [(r.name, verdict.rejected[r.name]) for r in rungs if r.name in verdict.rejected]
    lines += section("Why not", [f"{name}: {why}" for name, why in rejected])
    artifacts = [
        f"{r.name}: {', '.join(f'{kind} {named[:12]}' for kind, named in r.artifacts.items())}" for r in rungs if r.artifacts
    ]
    lines += section("Made with", artifacts)
    lines += section("Mind", verdict.warnings)
    return lines[:-1] if lines[-1] == "" else lines


def _heading(verdict: Verdict, project: str, judged_by: str) -> list[str]:
    by = f" by {judged_by}" if judged_by else ""
    run = "trial run, " if verdict.coverage.trial else ""
    some = " (each rung answered n of them)" if _uneven(verdict) else ""
    what = f"{run}{reasons.cases(verdict.cases)}{some}, {verdict.main_metric}{by}, 95 % intervals"
    if verdict.looks > 1:
        what += f", look {verdict.looks:,} at these cases"
    return wrapped(f"{project}: {what}" if project else what, indent=0)


def _uneven(verdict: Verdict) -> bool:
    """Whether any rung or arm that was measured answered some of the cases only."""
    return any(0 < _counted(r, verdict) < verdict.cases for r in verdict.rungs if r.status == "measured")


def _counted(result: RungResult, verdict: Verdict) -> int:
    """The cases that its row tells of: an arm's score leaves those out in which it had nothing to show."""
    score = result.scores.get(verdict.main_metric)
    return min(result.answered, score.n) if result.reference and score is not None else result.answered


def verdict_lines(verdict: Verdict) -> list[str]:
    """What was chosen, and why."""
    head = "Verdict: none" if verdict.winner is None else f"Verdict: {verdict.winner}{_bar_in_brackets(verdict)}"
    return [*wrapped(head, indent=0), *wrapped(verdict.reason, indent=2)]


def _bar_in_brackets(verdict: Verdict) -> str:
    """How the choice stands to the bar; "" where none was set."""
    winner = choice_in(verdict)
    if winner is None or verdict.probability is None:
        return ""
    head = (
        "clears the bar" if is_cleared(verdict) else "misses the bar" if is_missed(verdict) else "not shown to clear the bar"
    )
    head = f"partial: {head}" if verdict.coverage.partial else head
    return f" ({head}, probability {reasons.reaching(winner, verdict.risk)})"


def section(title: str, texts: Sequence[str]) -> list[str]:
    """Texts below their title, each wrapped; nothing where there are none."""
    return _section(title, [line for text in texts for line in wrapped(text, indent=2)])


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *lines, ""] if lines else []


def _limit(name: str, limit: Limit, rungs: Sequence[RungResult]) -> str:
    """What each rung that was measured comes to where a number is limited."""
    numbers = ((rung.name, measured(rung, name), rung.scores.get(name)) for rung in rungs if rung.status == "measured")
    cells = (
        f"{rung} {'unknown' if number is None else reasons.interval(score) if score else f'{number:.3g}'}"
        f"{'' if number is None or limit.holds(number) else ' (over)'}"
        for rung, number, score in numbers
    )
    return f"{name}, {reasons.limit_words(limit)}: {', '.join(cells) or 'no rung was measured'}"


_IN_COLUMNS = frozenset({"format", "recall@5", "p50_seconds", "p95_seconds", "usd_per_1k"})
_HEAD = ("", "rung", "correct", "format", "recall@5", "p50/p95 s", "$/1k", "")
_WIDTHS = (1, 15, 17, 6, 8, 9, 7, 10)  # with the blanks between them 80


def _row(cells: Sequence[str]) -> str:
    return " ".join(padded(cell, width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def _rung(result: RungResult, verdict: Verdict) -> list[str]:
    """A rung's row; a name that is too long for its column gets a line of its own above it."""
    mark = "*" if result.name == verdict.winner else " "
    numbers = _numbers(result, verdict)
    name = f"{result.name} n={_counted(result, verdict):,}" if result.answered and _uneven(verdict) else result.name
    if columns(_clean(name)) <= _WIDTHS[1]:
        return [_row((mark, name, *numbers))]
    return [*wrapped(name, indent=2, mark=mark), _row(("", "", *numbers))]


def _numbers(result: RungResult, verdict: Verdict) -> tuple[str, ...]:
    score = result.scores.get(verdict.main_metric)
    status = remark(result, verdict)
    if result.status != "measured" or score is None:
        return ("-", "", "", "", "", status)
    return (
        reasons.interval(score),
        mean(result.scores.get("format")),
        mean(result.scores.get("recall@5")),
        latency(result.latency),
        money(result.usd_per_1k),
        status,
    )


def remark(result: RungResult, verdict: Verdict) -> str:
    """How a rung stands to the choice, in at most ten characters."""
    if result.name == verdict.winner:
        return "chosen"
    if result.reference:
        return "reference" if result.status == "measured" else "no data"
    if result.status == "failed":
        return "failed"
    why = verdict.rejected.get(result.name)
    if result.status != "measured" and kind_of(why) != "not_needed":
        return "no data" if kind_of(result.why) in ("not_begun", "not_built") else "n/a"
    return "" if why is None else status_of(why)


def status_of(why: Reason) -> str:
    """A reason against a rung in at most ten characters, "" where there is no short word for it."""
    return "cut off" if why.cut else IN_SHORT.get(why.kind, "")


def mean(estimate: Estimate | None) -> str:
    """Without its interval."""
    return "-" if estimate is None or estimate.mean is None else reasons.number(estimate.mean)


def latency(times: Latency | None) -> str:
    """Seconds, p50 and p95, in at most nine characters."""
    return "-" if times is None else f"{_seconds(times.p50)}/{_seconds(times.p95)}"


def _seconds(milliseconds: float) -> str:
    """At most four characters, so that two of them fit: a number that is cut would be another number."""
    seconds = milliseconds / 1000
    if seconds >= 9_999.5:
        return f"{seconds / 1000:.0f}k" if seconds < 999_500 else f"{seconds:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{seconds:.2f}" if seconds < 9.995 else f"{seconds:.1f}" if seconds < 99.95 else f"{seconds:.0f}"


def money(usd: float | None) -> str:
    """At most seven characters."""
    if usd is None:
        return "unknown"
    if usd >= 9_999.995:
        return f"{usd:.0f}" if usd < 9_999_999.5 else f"{usd:.1e}".replace("e+0", "e").replace("e+", "e")
    return f"{usd:.2f}" if usd >= 0.1 or usd == 0 else f"{usd:.3f}" if usd >= 0.001 else "<0.001"


def _gap(name: str, verdict: Verdict) -> list[str]:
    gap = verdict.gaps[name]
    measured = "" if gap.mean is None else f" {reasons.interval(gap)}"
    measured += measured_on(verdict, name)
    return wrapped(f"{name}{measured}: {gap_sentence(verdict, name)}", indent=2)


def _lost(verdict: Verdict) -> list[str]:
    """Where the choice (without one, the best rung) lost its cases, most to gain first, and what to do."""
    best = losing(verdict)
    if best is None:
        return []
    lines = []
    if best.partly:
        why = f"neither lost nor right, at {LOST_BELOW} to {RIGHT_FROM} of correct"
        lines += wrapped(f"partly right ({reasons.cases(best.partly)} of {best.name}): {why}.", indent=2)
    for lost in best.losses[:MAX_LOST]:
        most = "at most " if lost.at_most else ""
        to_win = f"to win back: {most}{reasons.interval(lost.wins_back)}"
        words = f"{lost.layer} ({reasons.cases(lost.cases)} of {best.name}; {to_win})"
        lines += wrapped(f"{words}: {remedy(lost)}", indent=2)
    return lines


def _fields(verdict: Verdict) -> list[str]:
    """How right each field is in the choice's answers (without one, the best rung's), the worst first."""
    judged = [rung for rung in ladder(verdict) if rung.fields and verdict.winner in (rung.name, None)]
    best = max(judged, key=lambda rung: _main(rung, verdict), default=None)
    if best is None:
        return []
    worst = sorted(best.fields.items(), key=lambda one: one[1].mean or 0.0)
    shown = [f"{name} {reasons.interval(share)} (n={share.n:,})" for name, share in worst[:MAX_FIELDS]]
    more = f"; {len(worst) - MAX_FIELDS:,} more are above" if len(worst) > MAX_FIELDS else ""
    return [f"{best.name}: {', '.join(shown)}{more}"]


def _main(rung: RungResult, verdict: Verdict) -> float:
    score = rung.scores.get(verdict.main_metric)
    return 0.0 if score is None or score.mean is None else score.mean


def columns(text: str) -> int:
    """How many columns a text takes on a terminal: two for a wide character, none for a mark on the one before."""
    return sum(_column(character) for character in text)


def _column(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _clean(text: str) -> str:
    """On one line, and without control characters: a rung's `why` may hold a server's answer, escape codes and all."""
    characters = (
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs", "Cf", "Co")
    )
    return " ".join("".join(characters).split())


def _cut(text: str, width: int) -> str:
    """The longest beginning that fits."""
    taken = 0
    for index, character in enumerate(text):
        taken += _column(character)
        if taken > width:
            return text[:index]
    return text


def padded(text: str, width: int) -> str:
    """On one line of so many columns: cut, or filled with blanks."""
    clean = _clean(text)
    if columns(clean) > width:
        clean = _cut(clean, width - 1) + "…"
    return clean + " " * (width - columns(clean))


def wrapped(text: str, *, indent: int = 0, mark: str = "") -> list[str]:
    """Lines of at most 80 columns; continuation lines are indented two more. A word longer than a line is broken."""
    lines: list[str] = []
    line = mark.ljust(indent)
    further = " " * (indent + 2)
    for word in _clean(text).split():
        rest = word
        empty = line.endswith(" ") or not line
        if columns(line) + (not empty) + columns(rest) <= WIDTH:
            line += rest if empty else f" {rest}"
            continue
        if not empty:
            lines.append(line)
            line = further
        while columns(line) + columns(rest) > WIDTH:
            head = _cut(rest, WIDTH - columns(line))
            lines.append(line + head)
            line, rest = further, rest[len(head) :]
        line += rest
    return [*lines, line] if line.strip() else lines
