"""What is stored of a comparison reads as it was; what is damaged or too new is told in words."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from rung.errors import Damaged, UserError
from rung.pipeline.evaluation_store import Facts, passages_in, read_evaluations, write_evaluations
from rung.records import (
    Answer,
    Case,
    Citation,
    Coverage,
    Effort,
    Evaluation,
    Failure,
    Latency,
    Outcome,
    Passage,
    Reason,
    RungResult,
    Scorecard,
    ScoreError,
    Stop,
    StrategySpec,
    Timed,
    ToolCall,
    Usage,
)

CASES = [Case(f"c{n}", f"Who {n}?", ("him",), groups=("staff",) if n else None) for n in range(3)]
LONG = "A passage that is long enough to be worth a line of its own. " * 20
HIGH, LOW = (Passage("d#0-9", "d", 0, 9, LONG, groups=("staff",), score=score, parent=(0, 90)) for score in (0.5, 0.25))
FACTS = Facts("f1", Coverage(5, 6, 0.05, "", "", ""), 64, document_groups={"d": ("staff",)}, weight={"dense_weight": 0.5})


CALLS = (ToolCall("sql", '{"query": "x"}', '{"error": "\u2028"}', failed=True), ToolCall("search"))


def evaluations() -> list[Evaluation]:
    """A rung with everything, and one that was not built."""
    said = Answer(
        "him [1]", "him", False, (Citation(1, "d", 0, 9, "d#0-9"),), (HIGH,), (HIGH, LOW), True, "prompt", CALLS, 2, 7, True
    )
    odd = Outcome("c2", Answer("a lone \ud800, \u2028 and \x00"), usage=Usage(1, 2, 3, 0.5))
    first = (Outcome("c0", said, usage=Usage(10, 2, 1, None, 1)), odd)
    second = (Outcome("c0", failure=Failure("refused", "generate", 3)), Outcome("c2", Answer("her", retrieved=(LOW,))))
    values = {"correct": np.array([1.0, np.nan, 1 / 3]), "counted": np.array([np.nan, np.nan, 0.1 + 0.2])}
    cards = (
        Scorecard(("c0", "c1", "c2"), values, {}, (ScoreError("c2", "judge", "said nothing"),)),
        Scorecard(("c0", "c1", "c2"), {"correct": np.array([0.0, np.nan, 0.0])}),
    )
    latency = Latency(1.5, 2.5, 2, {"generate": (1.0, 2.0)}, Timed("s", "2026-01-02T03:04", "host", 4), (1.5, 2.5))
    rag = RungResult("rag", {"passages": 3}, "not_applicable", latency=latency, order=4, learning={"train": ((1.0, 0.5),)})
    spec = StrategySpec("rag", {"passages": 3}, "Answer.", members=(("prompt", StrategySpec("prompt")),))
    return [
        Evaluation(
            rag,
            spec,
            effort=Effort(uses_documents=True, stored_bytes=None),
            marked="forgot",
            doubts=("no better",),
            outcomes=first,
            again=(second,),
            stop=Stop("worse", "prompt"),
            interval=(0.1, 0.9),
            cards=cards,
            layers=("leaked", None, None),
            held=np.array([1.0, np.nan, 0.5]),
            doubt="The gold is in doubt.",
        ),
        Evaluation(RungResult("hybrid", {}, "failed", Reason("failed", "disk full"), order=5)),
    ]


def stored(path: Path) -> Path:
    with path.open("wb") as file:
        write_evaluations(file, FACTS, CASES, evaluations())
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = read_evaluations(stored(tmp_path / "x.gz"))
    assert (found.facts, list(found.asked)) == (FACTS, ["c0", "c1", "c2"])
    (rag, hybrid), (rag_then, hybrid_then) = found.evaluations, evaluations()
    for name in ("result", "spec", "effort", "marked", "doubts", "passes", "stop", "interval", "layers", "doubt"):
        assert getattr(rag, name) == getattr(rag_then, name), name
    assert (hybrid.result, hybrid.outcomes, hybrid.cards) == (hybrid_then.result, (), ())
    np.testing.assert_array_equal(rag.held, rag_then.held)
    for card, then in zip(rag.cards, rag_then.cards, strict=True):
        assert (card.cases, card.errors, list(card.values)) == (then.cases, then.errors, list(then.values))
        for metric, column in then.values.items():
            np.testing.assert_array_equal(card.values[metric], column)


def test_the_same_is_written_byte_by_byte_and_a_text_once(tmp_path: Path) -> None:
    first, second = stored(tmp_path / "a.gz"), stored(tmp_path / "b.gz")
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()).decode("utf-8", "surrogatepass").count(LONG) == 1
    assert [one.text for one in passages_in(first)] == [LONG]


def changed(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    return lambda packed: gzip.compress(b"".join(change(gzip.decompress(packed).splitlines(keepends=True))))


@pytest.mark.parametrize(
    "break_it",
    [
        lambda packed: packed[: len(packed) // 2],
        lambda packed: b"nothing of the kind",
        lambda packed: b"",
        changed(lambda lines: lines[:-2]),
        changed(lambda lines: [lines[0], *lines[2:]]),
        changed(lambda lines: [lines[0], b"{}\n", *lines[1:]]),
        changed(lambda lines: [b"[]\n"]),
    ],
)
def test_what_is_damaged_is_told(tmp_path: Path, break_it: Callable[[bytes], bytes]) -> None:
    path = stored(tmp_path / "x.gz")
    path.write_bytes(break_it(path.read_bytes()))
    with pytest.raises(Damaged, match=r"x\.gz"):
        read_evaluations(path)


def test_a_newer_format_is_told(tmp_path: Path) -> None:
    path = stored(tmp_path / "x.gz")
    path.write_bytes(changed(lambda lines: [lines[0].replace(b'"format":1', b'"format":2'), *lines[1:]])(path.read_bytes()))
    for read in (read_evaluations, lambda path: list(passages_in(path))):
        with pytest.raises(UserError, match="update Rung"):
            read(path)


def test_what_an_earlier_rung_wrote_without_kinds_is_read(tmp_path: Path) -> None:
    told = [
        Reason("not_needed", "not needed: not built, since prompt is lower on the ladder and clears the bar"),
        Reason("not_built", "not built: the budget ended before it"),
        Reason("not_applicable", "the project has no schema"),
        Reason("failed", "not needed words of an error"),
    ]
    lines = [
        Evaluation(RungResult(str(n), {}, "failed" if why.kind == "failed" else "not_applicable", why))
        for n, why in enumerate(told)
    ]
    path = tmp_path / "x.gz"
    with path.open("wb") as file:
        write_evaluations(file, FACTS, CASES, lines)
    assert [one.result.why for one in read_evaluations(path).evaluations] == told
    older = re.sub(rb'"why_kind":"\w+",', b"", gzip.decompress(path.read_bytes()))
    assert b"why_kind" not in older
    path.write_bytes(gzip.compress(older))
    assert [one.result.why for one in read_evaluations(path).evaluations] == told


def test_nothing_stored_is_a_comparison_too() -> None:
    file = BytesIO()
    write_evaluations(file, FACTS, [], [])
    assert gzip.decompress(file.getvalue()).count(b"\n") == 1
