"""The nouns: what Rung reads, answers and judges. Frozen, without I/O.

Reading them from files is left to `materials`; the steps of a conversation are in `steps`.
"""

from rung.records.nouns import (
    Answer,
    Asker,
    Case,
    Citation,
    Document,
    Dropped,
    Evidence,
    Example,
    Failure,
    Message,
    Outcome,
    Pair,
    Passage,
    Problem,
    Question,
    Split,
    ToolSpec,
    Usage,
)
from rung.records.values import Json, canonical, digest, plain
from rung.records.verdicts import Bill, Coverage, Difference, Estimate, Latency, Lost, Repeats, RungResult, Status, Verdict

__all__ = [
    "Answer",
    "Asker",
    "Bill",
    "Case",
    "Citation",
    "Coverage",
    "Difference",
    "Document",
    "Dropped",
    "Estimate",
    "Evidence",
    "Example",
    "Failure",
    "Json",
    "Latency",
    "Lost",
    "Message",
    "Outcome",
    "Pair",
    "Passage",
    "Problem",
    "Question",
    "Repeats",
    "RungResult",
    "Split",
    "Status",
    "ToolSpec",
    "Usage",
    "Verdict",
    "canonical",
    "digest",
    "plain",
]
