"""What to do about the cases that a layer lost: of the ways there are, those that were not shown to fail here.

A rung that was measured and gains nothing there is not advised, nor is one that cannot be had here; one that was stopped may
gain with the cases that it has not answered. What mending wins back is left to `winning_back`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rung.records import Lost, ReasonKind, RungResult, kind_of, rung_of
from rung.verdict.failure_modes import REMEDIES, WITHOUT_GAPS, Way
from rung.verdict.reasons import listed

NOTHING_TO_WIN = "With the right passages the model gets no more of these."
_NOT_TRIED: tuple[ReasonKind, ...] = ("not_built", "not_needed", "not_begun")
_UNTRAINABLE = "The weights of this model cannot be tuned here."


def remedy(lost: Lost) -> str:
    """What to do about a layer; where the oracle shows that this wins nothing back, that."""
    if not lost.at_most and (lost.wins_back.mean or 0.0) <= 0:
        return NOTHING_TO_WIN
    return lost.remedy or in_general(lost.layer)


def in_general(layer: str) -> str:
    """Every way of mending a layer; "" where none is known of that name."""
    return _sentence([way.words for way in _ways(layer)])


def advised(results: Sequence[RungResult], *, trainable: bool) -> list[RungResult]:
    """The rungs' lines, each lost layer with what is left to do about it, in the light of all lines.

    `trainable`: whether the weights of the project's model can be tuned here.
    """
    return [
        replace(r, losses=tuple(replace(lost, remedy=_left(lost, r, results, trainable)) for lost in r.losses))
        for r in results
    ]


def _left(lost: Lost, of: RungResult, results: Sequence[RungResult], trainable: bool) -> str:
    left, failed, untrainable = [], [], False
    has_gaps = any(r.reference and r.status == "measured" for r in results)
    for way in _ways(lost.layer) if has_gaps or lost.layer != "wrong" else WITHOUT_GAPS:
        if way.tunes and not trainable:
            untrainable = True
        elif (tried := _in_vain(way, lost, of, results)) is None:
            left.append(way.words)
        else:
            failed += tried
    sentences = [_sentence(left)] if left else []
    if failed:
        named = list(dict.fromkeys(failed))
        sentences.append(
            f"{listed(named)} {'was' if len(named) == 1 else 'were'} measured here, and gained nothing on these."
        )
    if untrainable and not left:
        sentences.append(_UNTRAINABLE)
    return " ".join(sentences)


def _in_vain(way: Way, lost: Lost, of: RungResult, results: Sequence[RungResult]) -> list[str] | None:
    """The rungs that went this way and gained nothing; [] where none of them can be had; None where it is worth a try."""
    if not way.rungs:
        return None
    going = [r for r in results if rung_of(r.name) in way.rungs]
    measured = [r for r in going if r.status == "measured"]
    if any(r is not of and (_gains(r, lost, of) or _may_gain(r, of)) for r in measured):
        return None
    if measured:
        return [r.name for r in measured]
    impossible = [r for r in going if r.status == "not_applicable" and kind_of(r.why) not in _NOT_TRIED]
    return [] if going and len(impossible) == len(going) else None


def _gains(other: RungResult, lost: Lost, of: RungResult) -> bool:
    """Whether another rung is better, and loses a smaller share in this layer."""
    mine, its = of.scores.get("correct"), other.scores.get("correct")
    if mine is None or its is None or mine.mean is None or its.mean is None or its.mean <= mine.mean:
        return False
    there = next((one.cases for one in other.losses if one.layer == lost.layer), 0)
    return there / max(its.n, 1) < lost.cases / max(mine.n, 1)


def _may_gain(other: RungResult, of: RungResult) -> bool:
    """Whether another rung that the race or a budget stopped may come out above this one once it has answered the rest."""
    mine, its = of.scores.get("correct"), other.scores.get("correct")
    if mine is None or mine.mean is None or its is None or not (other.stopped or 0 < other.answered < of.answered):
        return False
    return its.high is None or its.high > mine.mean


def _ways(layer: str) -> Sequence[Way]:
    return next((ways for name, ways in REMEDIES.items() if name == layer), ())


def _sentence(ways: Sequence[str]) -> str:
    if not ways:
        return ""
    text = ", or ".join(ways)
    return f"{text[0].upper()}{text[1:]}."
