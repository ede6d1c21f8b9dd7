"""Does `rung check` list all that a comparison would stumble over, without cases too, and write nothing?"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rung.commands.survey import survey
from rung.config.project import load_project
from rung.errors import UserError
from rung.loop import search
from rung.pipeline.prepare import up_to_date
from rung.runtime.engines import open_engines
from tests.cli.conftest import Run


def listed(shop: Path, text: str) -> list[str]:
    """What stops a comparison of the shop whose rung.yaml ends so."""
    (shop / "rung.yaml").write_text(text, encoding="utf-8")
    return [str(obstacle) for obstacle in survey(load_project(shop), listing=True).obstacles]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("model: gguf:none.gguf", "is no file"),
        ("model: hf:none", "is no folder and no model"),
        ("model: gpt", "unknown generator"),
        ("model: encoder:docs", "cannot be a generator"),
        ("model: 'http://[::1/v1#m'", "cannot be read"),
        ("model: http://host/v1", "names no model"),
        ("embedder: nomic", "unknown embedder"),
        ("embedder: gguf:x", "cannot be an embedder"),
        ("embedder: encoder:none", "is no folder"),
        ("reranker: bge", "unknown reranker"),
        ("reranker: cross-encoder:none", "is no folder"),
        ("reranker: openai:x", "cannot be a reranker"),
        ("tools: [none]", "unknown tool"),
        ("rungs: [none]", "unknown rung"),
        ("bar: {none: 1}", "nothing measures"),
        ("behaviour: {schema: none.json}", "does not exist"),
        ("behaviour: {schema: dangling.json}", "refers to #/none, which is not there"),
        ("behaviour: {schema: number.json}", "must be an object"),
        ("behaviour: {labels: none.txt}", "does not exist"),
        ("behaviour: {examples: none.jsonl}", "matches no file"),
    ],
)
def test_what_stops_a_comparison(shop: Path, line: str, why: str) -> None:
    (shop / "dangling.json").write_text('{"properties": {"a": {"$ref": "#/none"}}}', encoding="utf-8")
    (shop / "number.json").write_text("3", encoding="utf-8")
    key = line.partition(":")[0]
    lines = [old for old in (shop / "rung.yaml").read_text(encoding="utf-8").splitlines() if not old.startswith(f"{key}:")]
    (obstacle,) = listed(shop, "\n".join([*lines, line]))
    assert why in obstacle
    assert f"rung.yaml:{len(lines) + 1}:" in obstacle or ".json:1:" in obstacle


def test_a_model_that_cannot_be_opened_stops_a_comparison_and_one_that_would_be_fetched_is_named(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [old for old in (shop / "rung.yaml").read_text(encoding="utf-8").splitlines() if not old.startswith("model:")]
    (shop / "empty.gguf").touch()
    (shop / "cut").mkdir()
    (shop / "cut" / "config.json").write_text('{"model_type": "qw', encoding="utf-8")
    for name, why in ((f"gguf:{shop / 'empty.gguf'}", "is no GGUF file"), (f"hf:{shop / 'cut'}", "config.json is no JSON")):
        (obstacle,) = listed(shop, "\n".join([*lines, f"model: {name}"]))
        assert why in obstacle
        assert f"rung.yaml:{len(lines) + 1}:" in obstacle
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(shop / "hub"))
    (shop / "rung.yaml").write_text("\n".join([*lines, "model: hf:someone/model"]), encoding="utf-8")
    (hint,) = (line for line in survey(load_project(shop), listing=True).hints() if "hf:someone/model" in line)
    assert "is not on this machine, so it is not looked at" in hint


@pytest.mark.slow
def test_all_of_it_is_listed_at_once(shop: Path, rung: Run) -> None:
    text = "task: t\ncases: none.jsonl\nmodel: nope\nembedder: nope\nknowledge: {sources: [nodocs, docs], pairs: [none]}\n"
    found = listed(shop, text)
    assert [f"rung.yaml:{n}:" in one for n, one in zip((3, 4, 2, 5), found, strict=True)] == [True] * 4
    ran = rung("check", shop, code=2)
    assert ran.out.count("stops a comparison: ") == 4
    assert "nodocs: nothing matches this" in ran.out
    assert len(rung("check", shop, "--json", code=2).json["obstacles"]) == 4


@pytest.mark.slow
def test_a_project_without_cases(shop: Path, rung: Run) -> None:
    (shop / "rung.yaml").write_text("task: t\nknowledge: {sources: [docs, gone.md]}\nembedder: scripted\n", encoding="utf-8")
    (shop / "docs/zeros.md").write_bytes(bytes(100))
    ran = rung("check", shop)
    assert "there are no cases yet" in ran.out
    assert "gone.md: nothing matches this" in ran.out
    assert "docs/zeros.md" in ran.out
    assert {problem["path"] for problem in rung("check", shop, "--json").json["problems"]} >= {"gone.md", "docs/zeros.md"}


@pytest.mark.slow
def test_it_writes_nothing(shop: Path, rung: Run) -> None:
    rung("compare", shop, "--limit", "2", code=None)
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*")}
    rung("check", shop)
    rung("compare", shop, "--dry-run")
    assert {path: path.stat().st_mtime_ns for path in shop.rglob("*")} == before


@pytest.mark.slow
def test_passwords_are_never_shown(shop: Path, rung: Run) -> None:
    for line in ("model: http://ada:geheim@host/v1#m", "knowledge: {store: 's3://ada:geheim@b/x'}"):
        (shop / "rung.yaml").write_text(f"task: t\n{line}\n", encoding="utf-8")
        for words in (("check", shop), ("sync", shop), ("compare", shop), ("ask", shop, "q")):
            ran = rung(*words, code=2)
            assert "geheim" not in ran.out + ran.err
    assert not any(b"geheim" in path.read_bytes() for path in (shop / ".rung").rglob("*") if path.is_file())


def test_an_index_that_cannot_be_written_is_searched_while_it_is_up_to_date(shop: Path) -> None:
    project = load_project(shop)
    search(project, "express")
    before = {path: path.stat().st_mtime_ns for path in (shop / ".rung").rglob("*")}
    with open_engines(project, lasting=False) as engines:
        assert up_to_date(engines).report.unchanged == 3
    assert {path: path.stat().st_mtime_ns for path in (shop / ".rung").rglob("*")} == before
    (shop / "docs/returns.md").write_text("Nothing may be returned.\n", encoding="utf-8")
    with (
        open_engines(project, lasting=False) as engines,
        pytest.raises(UserError, match=r"not up to date .1 doc"),
    ):
        up_to_date(engines)


@pytest.mark.slow
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(shop: Path, rung: Run) -> None:
    (shop / "cases.jsonl").unlink()
    os.mkfifo(shop / "cases.jsonl")
    os.mkfifo(shop / "facts.yaml")
    assert "matches no file" in rung("compare", shop, code=2).err
    assert "is no plain file" in rung("advise", "--facts", shop / "facts.yaml", code=2).err


@pytest.mark.slow
def test_schemas_that_are_huge(shop: Path, rung: Run) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "minItems": 1_000_000_000}}, "required": ["a"]}
    (shop / "s.json").write_text(json.dumps(schema), encoding="utf-8")
    with (shop / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("behaviour: {schema: s.json}\n")
    rung("check", shop, code=None)


def schema_of(shop: Path, schema: object) -> None:
    """The shop's answers are of a schema that is written over several lines."""
    (shop / "s.json").write_text(json.dumps(schema, indent=1), encoding="utf-8")
    with (shop / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("behaviour: {schema: s.json}\n")


def test_a_schema_that_nothing_can_satisfy_stops_with_the_line_of_its_keyword(shop: Path, rung: Run) -> None:
    """By `check`, and by `compare` before a document is read."""
    number = {"type": "integer", "minimum": 5, "maximum": 3}
    schema_of(shop, {"type": "object", "properties": {"n": number}, "required": ["n"]})
    why = "s.json:6: the schema allows no value at '/properties/n': 'minimum' and 'maximum' contradict each other"
    assert why in rung("check", shop, code=2).out
    assert [o["line"] for o in rung("check", shop, "--json", code=2).json["obstacles"]] == [6]
    ran = rung("compare", shop, code=2)
    assert why in ran.err
    assert "index" not in ran.err
    assert not (shop / ".rung" / "index").exists()


def test_a_misspelt_type_and_a_reference_to_nothing_have_their_lines(shop: Path, rung: Run) -> None:
    schema_of(shop, {"type": "object", "properties": {"n": {"type": "int"}}})
    assert "s.json:5: " in rung("check", shop, code=2).out
    (shop / "s.json").write_text('{"type": "object",\n "properties": {\n  "n": {"$ref": "#/$defs/m"}}}', encoding="utf-8")
    assert "s.json:3: the schema refers to #/$defs/m, which is not there" in rung("check", shop, code=2).out


def test_a_form_of_a_thousand_keys_is_checked(shop: Path, rung: Run) -> None:
    properties = {f"key_{n}": {"type": "boolean"} for n in range(1_200)}
    schema_of(shop, {"type": "object", "properties": properties, "required": list(properties)})
    assert "structured" in rung("check", shop).out


def test_cases_in_another_form_name_what_takes_them_each_on_a_line_of_its_own(rung: Run, shop: Path) -> None:
    (shop / "cases.csv").write_text("question,answer\nWhat?,Yes\n", encoding="utf-8")
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    lines = ["cases: [cases.csv]" if line.startswith("cases:") else line for line in text.splitlines()]
    place = lines.index("cases: [cases.csv]") + 1
    (shop / "rung.yaml").write_text("\n".join(lines), encoding="utf-8")
    shown = rung("check", shop, code=2).out.splitlines()
    (start,) = (number for number, line in enumerate(shown) if line.startswith("stops a comparison"))
    first, *more = shown[start : start + 3]
    assert first.count("rung.yaml:") == 1
    assert f"rung.yaml:{place}: no cases in cases.csv: cases are JSON lines, one a line, as 'rung import cases.csv'" in first
    assert more == [f"      cases.csv:{n}: is no JSON: Expecting value at column 1" for n in (1, 2)]
    assert not any("\\n" in line for line in shown)
