"""Logs whose lines name one another stay whole when the words of some go; files in other encodings come through."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rung.config.project import load_project
from rung.erasure.target import Target, folded
from rung.erasure.written import Written

ANN = Target("text", "Ann Smith", (folded("Ann Smith"),))


def digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:32]


def test_a_chain_of_reviews_holds_after_words_of_it_went(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    lines: list[str] = []
    for number, words in enumerate(("fine", "by Ann Smith", "fine", "Ann Smith again", "last")):
        before = digest(lines[-1]) if lines else ""
        lines.append(json.dumps({"by": f"r{number}", "reason": words, "previous": before}))
    (tmp_path / "reviews.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (tmp_path / ".rung").mkdir()
    (tmp_path / ".rung" / "reviews.head").write_text(digest(lines[-1]), encoding="utf-8")
    place = Written(load_project(tmp_path))
    assert [(one.store, one.count) for one in place.find(ANN)] == [("reviews.jsonl", 2)]
    place.erase(ANN)
    changed = (tmp_path / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    rows = list(map(json.loads, changed))
    assert [row["by"] for row in rows] == ["r0", "r1", "r2", "r3", "r4"]
    assert [row["reason"] for row in rows] == ["fine", "[forgotten]", "fine", "[forgotten]", "last"]
    assert [row["previous"] for row in rows] == ["", *map(digest, changed[:-1])]
    assert (tmp_path / ".rung" / "reviews.head").read_text(encoding="utf-8") == digest(changed[-1])
    assert place.find(ANN) == []


def test_lines_that_are_no_utf8_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    path = tmp_path / "x.drafts.jsonl"
    path.write_bytes(b'{"id": "caf\xe9"}\n{"id": "d", "question": "Ann  SMITH?"}\n')
    Written(load_project(tmp_path)).erase(ANN)
    assert path.read_bytes() == b'{"id": "caf\xe9"}\n'


def test_keys_and_files_that_nobody_looks_after_are_named(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    (tmp_path / ".rung" / "watch").mkdir(parents=True)
    (tmp_path / ".rung" / "keys.json").write_text(json.dumps({"keys": [{"name": "Ann Smith"}]}), encoding="utf-8")
    (tmp_path / ".rung" / "watch" / "baseline.json").write_text(json.dumps(["Ann\u00a0Smith"]), encoding="utf-8")
    (tmp_path / ".rung" / "watch" / "other.json").write_text("[]", encoding="utf-8")
    named = {Path(one.path).name: one.why for one in Written(load_project(tmp_path)).left(ANN)}
    assert set(named) == {"keys.json", "baseline.json"}
    assert "rung keys revoke" in named["keys.json"]
