"""How an answer is judged, one file per layer. Reads (case, outcome) only; what a model judges comes as steps."""

from __future__ import annotations

from rung.records import Scorecard, ScoreError
from rung.scoring.card import score_run
from rung.scoring.choosing import scoring_context
from rung.scoring.protocol import CorrectBy, Scorer, ScorerFactory, Scores, ScoringContext
from rung.scoring.registry import metrics, scorers

__all__ = [
    "CorrectBy",
    "ScoreError",
    "Scorecard",
    "Scorer",
    "ScorerFactory",
    "Scores",
    "ScoringContext",
    "metrics",
    "score_run",
    "scorers",
    "scoring_context",
]
