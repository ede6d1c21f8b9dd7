"""Is what is served told by the events alone, in their order, and is a deployment read as it was written?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rung.errors import UserError
from rung.records import Json, StrategySpec, plain
from rung.records.deployment import (
    FORMAT,
    SINCE,
    Check,
    DeploymentEvent,
    DeploymentRecord,
    Rollout,
    Standing,
    differences,
    event_words,
    standing,
    state_of,
    taken_back,
)

RECORD = DeploymentRecord(
    "rag",
    StrategySpec("rag", {"passages": 3}, model="scripted", has_documents=True, artifacts=("a" * 64,)),
    verdict="f77e",
    artifacts={"a" * 64: "b" * 64},
    models={"scripted": "scripted:extractive/1"},
    index={"embedder": "e", "chunking": "c", "reranker": "", "version": 3},
    checks=(Check("bar", True, 0.9, "reaches it"), Check("parity", False, 0.5, "half of them")),
    rollout=Rollout("canary", share=0.2, max_p95=2.0),
    created="2026-11-29T10:00:00+00:00",
    by="ada",
    reason="the old one is gone",
    rung="1.0",
)


def told(*words: str) -> Standing:
    """Of events written as "promoted a"."""
    parts = [word.rsplit(" ", 1) for word in words]
    return standing(DeploymentEvent(n, id, what, figures={SINCE: 10 * n}) for n, (what, id) in enumerate(parts, 1))  # type: ignore[arg-type]


def test_a_deployment_is_read_as_it_was_written() -> None:
    read = DeploymentRecord.of(json.loads(json.dumps(plain(RECORD))))
    assert read == RECORD
    assert (read.id, read.digest) == (RECORD.id, RECORD.digest)
    assert [check.name for check in read.passed_over] == ["parity"]


def test_its_digest_is_of_what_it_answers_by_and_its_id_of_the_promotion() -> None:
    again = replace(RECORD, by="eve", created="later", index={**RECORD.index, "version": 4})
    assert again.digest == RECORD.digest
    assert again.id != RECORD.id
    for name in ("artifacts", "models", "index"):
        changed: Any = dict.fromkeys(getattr(RECORD, name), "other")
        assert replace(RECORD, **{name: changed}).digest != RECORD.digest
    assert replace(RECORD, spec=replace(RECORD.spec, seed=1)).digest != RECORD.digest


def test_a_newer_form_is_refused_and_what_is_none_is_said() -> None:
    with pytest.raises(UserError, match=r"format 99.*promoted by Rung 1.0; update this one"):
        DeploymentRecord.of({**plain(RECORD), "format": FORMAT + 98})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="no deployment"):
        DeploymentRecord.of({"label": "rag"})
    with pytest.raises(UserError, match="a newer one wrote it"):
        told("promoted a", "split b")


def test_the_events_say_what_is_served_and_what_there_is_to_go_back_to() -> None:
    assert told() == Standing()
    now = told("promoted a", "promoted b", "canary c")
    assert (now.current, now.candidate, now.trying, now.green, now.since) == ("b", "c", "canary", "a", 20)
    taken = told("promoted a", "canary b", "finished b")
    assert (taken.current, taken.candidate, taken.green, taken.since) == ("b", "", "a", 30)
    stopped = told("promoted a", "canary b", "stopped b")
    assert (stopped.current, stopped.candidate, stopped.failed) == ("a", "", frozenset({"b"}))
    assert told("promoted a", "shadow b", "undecided b").failed == frozenset()
    back = told("promoted a", "promoted b", "promoted c", "rolled back b", "rolled back a")
    assert (back.current, back.failed, back.green) == ("a", frozenset({"b", "c"}), "")
    again = told("promoted a", "promoted b", "rolled back a", "promoted b")
    assert (again.current, again.failed, again.green) == ("b", frozenset(), "a")
    assert [state_of(id, again) for id in "abx"] == ["earlier", "served", "ended"]
    assert state_of("b", back) == "taken back"


def test_who_was_taken_back_is_said() -> None:
    words = ["promoted a", "promoted b", "canary c", "stopped c", "rolled back a", "withdrawn a", "rolled back b"]
    events = [
        DeploymentEvent(number, word[-1], word[:-2], "rung serve", "b: 7 of 15 failed" if number == 5 else "7 of 15 failed")  # type: ignore[arg-type]
        for number, word in enumerate(words, 1)
    ]
    gone = taken_back(events)
    assert gone == {5: "b"}
    lines = [event_words(event, gone.get(event.number, "")) for event in events]
    assert lines[3] == "c stopped by rung serve: 7 of 15 failed"
    assert lines[4] == "b taken back by rung serve, a is served again: 7 of 15 failed"
    assert lines[6] == "b is served again, by rung serve: 7 of 15 failed"


def test_clocks_have_no_say() -> None:
    events = [
        DeploymentEvent(1, "a", "promoted", at="2031-01-01T00:00:00+00:00"),
        DeploymentEvent(2, "b", "promoted", at="1999-01-01T00:00:00+00:00"),
    ]
    assert standing(events).current == "b"


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "canary", "share": 0.0},
        {"kind": "canary", "share": 1.0},
        {"kind": "canary", "share": -0.1},
        {"kind": "canary", "share": float("nan")},
        {"share": 1.5},
        {"risk": 0.0},
        {"risk": 0.7},
        {"margin": 0.0},
        {"margin": 1.0},
        {"tolerance": 0.06},
        {"max_answers": 0},
        {"max_p95": 0.0},
        {"max_error_rate": 2.0},
        {"max_down_rate": -1.0},
    ],
)
def test_a_rollout_that_cannot_be_meant_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Rollout(**given)  # type: ignore[arg-type]


def test_what_differs_is_named() -> None:
    pinned = RECORD.pins
    assert differences(pinned, pinned) == []
    found: dict[str, Json] = {**pinned, "models": {"scripted": "scripted:other/1"}, "artifacts": {}, "spec": "c" * 64}
    assert differences(pinned, found) == [
        f"spec is cccccccccccc and was {RECORD.spec.digest[:12]}",
        "artifact aaaaaaaaaaaa is gone and was bbbbbbbbbbbb",
        "model scripted is scripted:other/1 and was scripted:extractive/1",
    ]
