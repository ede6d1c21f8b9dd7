"""Errors for programs: with --json the error is the one line of stdout, with a code that is documented."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rung.cli.command_line import command_line
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("check", "-C", "nowhere", "--json"), ("no_project", None)),
        (("report", "-C", "shop", "--json"), ("no_verdict", None)),
        (("status", "-C", "shop", "--json"), ("no_comparison", None)),
        (("compare", "-C", "broken", "--json"), ("bad_input", 2)),
        (("compare", "-C", "bare", "--json"), ("no_cases", None)),
        (("export", "-C", "shop", "--to", "cases-csv", "-o", "there", "--json"), ("exists", None)),
        (("decide", "none.csv", "--json"), ("bad_input", None)),
        (("import", "none.csv", "--json"), ("no_file", None)),
        (("cases", "suggest", "-C", "bare", "--json"), ("bad_input", 1)),
        (("comprae", "--json"), ("usage", None)),
        (("search", "-C", "shop", "x", "--top", "many", "--json"), ("usage", None)),
    ],
)
def test_each_kind_of_mistake_has_its_code(
    rung: Run, shop: Path, tmp_path: Path, words: tuple[str, ...], expected: tuple[str, int | None]
) -> None:
    (tmp_path / "there").write_text("mine")
    for name, text in (("broken", "task: t\nbahr: 1\n"), ("bare", "task: t\nmodel: scripted\nembedder: scripted\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rung.yaml").write_text(text, encoding="utf-8")
    ran = rung(*words, code=2)
    error = ran.json["error"]
    assert (error["code"], error["line"]) == expected
    assert set(error) == {"code", "message", "path", "line"}
    assert error["message"]
    if expected[0] != "usage":
        assert error["message"] in ran.err
    without = rung(*(word for word in words if word != "--json"), code=2)
    assert without.out == ""


def test_every_verb_takes_json_but_the_one_that_speaks_a_protocol_on_stdout() -> None:
    def verbs(group: Any, name: str = "") -> Iterator[tuple[str, Any]]:
        for word, command in group.commands.items():
            inner = f"{name} {word}".strip()
            yield from verbs(command, inner) if hasattr(command, "commands") else [(inner, command)]

    every = dict(verbs(command_line()))
    without = [name for name, command in every.items() if not any("--json" in param.opts for param in command.params)]
    assert without == ["mcp"]
    assert len(every) > 40


def test_what_init_did_is_told_to_programs(rung: Run, tmp_path: Path) -> None:
    told = rung("init", "made", "--json").json
    assert "made/rung.yaml" in told["written"]
    assert rung("init", "made", "--json", code=2).json["error"]["code"] == "exists"


def test_the_level_of_the_log_is_one_or_is_not_set(rung: Run, shop: Path) -> None:
    assert "Traceback" not in rung("check", shop, env=[("RUNG_LOG", "")], code=None).err
    refused = rung("check", shop, "--json", env=[("RUNG_LOG", "loud")], code=2)
    assert "there are: debug, info, warning" in refused.json["error"]["message"]
    assert "Traceback" not in refused.err


def test_an_import_with_a_file_that_cannot_be_read_takes_the_others_and_ends_with_two(rung: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{x")
    (tmp_path / "faq.csv").write_text("question,answer\nHow long?,One day\n")
    done = rung("import", "bad.json", "faq.csv", "--json", code=2).json
    assert ([one["path"] for one in done["failed"]], done["written"]) == (["bad.json"], {"faq.cases.jsonl": 1})
    (tmp_path / "faq.cases.jsonl").unlink()
    assert "! bad.json:1: is no JSON" in rung("import", "bad.json", "faq.csv", code=2).err
