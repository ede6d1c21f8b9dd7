"""How an answer is judged, one file per layer. Reads (case, outcome) only; needs no model."""

from __future__ import annotations

from rung.scoring.card import LOWER_IS_BETTER, Scorecard, ScoreError, score_run
from rung.scoring.choosing import yardstick
from rung.scoring.protocol import CorrectBy, Layer, Scorer, ScorerFactory, Yardstick
from rung.scoring.registry import scorers

__all__ = [
    "LOWER_IS_BETTER",
    "CorrectBy",
    "Layer",
    "ScoreError",
    "Scorecard",
    "Scorer",
    "ScorerFactory",
    "Yardstick",
    "score_run",
    "scorers",
    "yardstick",
]
