"""Does a row keep where it comes from, and does an approval hold for what was approved, and no longer?"""

from __future__ import annotations

import json
from pathlib import Path

from rung.config.project import load_project
from rung.dataset.load import Dataset, load_dataset
from rung.records import Example, Json, Message

CHAT: list[Json] = [{"role": "user", "content": "Is express dear?"}, {"role": "assistant", "content": "9 EUR"}]


def project(tmp_path: Path, rows: list[dict[str, Json]], behaviour: str = "{examples: rows.jsonl}") -> Dataset:
    (tmp_path / "cases.jsonl").write_text('{"question": "What?", "answers": ["a"], "split": "test"}\n', encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(f"cases: cases.jsonl\nbehaviour: {behaviour}\n", encoding="utf-8")
    return load_dataset(load_project(tmp_path))


def row(said: str, **more: Json) -> dict[str, Json]:
    return {"messages": [{"role": "user", "content": said}, {"role": "assistant", "content": "b"}], **more}


def test_everything_that_is_told_of_a_row_is_kept(tmp_path: Path) -> None:
    told: dict[str, Json] = {
        "source": "chat",
        "licence": "CC0",
        "author": "Bo",
        "approved_by": "Ada",
        "approved_at": "2026-03-01",
    }
    found = project(tmp_path, [row("a", **told), row("c", license="MIT", generated_by="openai:big")])
    one, other = found.examples
    assert (one.source, one.licence, one.author, one.approved_by, one.approved_at) == tuple(told.values())
    assert (other.licence, other.generated_by) == ("MIT", "openai:big")
    assert found.problems == ()


def test_only_approved_rows_teach_where_that_is_wanted(tmp_path: Path) -> None:
    rows = [row("a", approved_by="Ada"), row("c"), row("d", approved_by=" ")]
    found = project(tmp_path, rows, "{examples: rows.jsonl, require_approval: true}")
    assert [e.input for e in found.examples] == ["a"]
    assert len(found.problems) == 1
    assert str(found.problems[0]).startswith("rows.jsonl:2: 2 of 3 examples are not approved")
    assert len(project(tmp_path, rows).examples) == 3


def test_an_approval_ends_when_the_row_is_changed(tmp_path: Path) -> None:
    approved = Example("e", tuple(Message(str(m["role"]), str(m["content"])) for m in CHAT if isinstance(m, dict)))
    held: dict[str, Json] = {"messages": CHAT, "approved_by": "Ada", "digest": approved.digest}
    changed: dict[str, Json] = {**held, "messages": [CHAT[0], {"role": "assistant", "content": "8 EUR"}]}
    found = project(tmp_path, [held, changed])
    assert [e.output for e in found.examples] == ["9 EUR"]
    assert "was changed after Ada approved it" in str(found.problems[0])


def test_an_approval_at_no_time_is_named(tmp_path: Path) -> None:
    found = project(tmp_path, [row("a", approved_by="Ada", approved_at="last week")])
    assert found.examples == ()
    assert "must be a date such as 2026-03-01" in str(found.problems[0])


def test_the_digest_is_of_what_is_taught() -> None:
    said = (Message("user", "a"), Message("assistant", "b"))
    assert Example("1", said).digest == Example("2", said, source="x", approved_by="Ada").digest
    assert Example("1", said).digest != Example("1", said, tools="[]").digest


def test_every_format_may_be_an_example_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("prompt,completion\nx,y\n", encoding="utf-8")
    (tmp_path / "alpaca.json").write_text('[{"instruction": "p", "output": "q"}]', encoding="utf-8")
    found = project(tmp_path, [row("a")], "{examples: [rows.jsonl, more.csv, alpaca.json]}")
    assert [e.place for e in found.examples] == ["rows.jsonl:1", "more.csv:2", "alpaca.json:1"]
    assert found.problems == ()
