"""Reciprocal rank fusion: one ranking of several, by what each place is worth (Cormack, Clarke, Büttcher 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

RANK_CONSTANT = 60  # as its authors have it
DIGITS = 9  # of a fused score: equal ones shall not differ by rounding


def reciprocal(ids: Iterable[str]) -> dict[str, float]:
    """What the places of one ranking are worth: 1 / (`RANK_CONSTANT` + rank), rank from 1."""
    return {id: 1 / (RANK_CONSTANT + rank) for rank, id in enumerate(ids, 1)}


def fused_ranks(rankings: Sequence[Iterable[str]]) -> list[tuple[str, float]]:
    """(id, score) of all rankings together, each with equal weight, best first; equal ones in the order of first sight."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for id, worth in reciprocal(ranking).items():
            scores[id] = scores.get(id, 0.0) + worth
    return sorted(((id, round(score, DIGITS)) for id, score in scores.items()), key=lambda one: -one[1])
