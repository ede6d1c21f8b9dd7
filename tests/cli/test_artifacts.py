"""Does `rung artifacts` show, compare, promote, retire and go back, and does every command say which artifact answered?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rung.artifacts.store import seal
from rung.commands.train import TrainReport
from rung.records import Json
from tests.cli.conftest import Ran, Run
from tests.docs.trying import rung as in_this_process

FEW = """
rungs: [prompt, {few_shot: {pick: nearest, shots: 1}}]
behaviour: {examples: examples.jsonl}
"""


@pytest.fixture
def taught(shop: Path) -> Path:
    """The shop with examples and a rung that needs an index of them."""
    lines = [line for line in (shop / "rung.yaml").read_text("utf-8").splitlines() if not line.startswith("rungs:")]
    (shop / "rung.yaml").write_text("\n".join(lines) + FEW, encoding="utf-8")
    with_examples(shop, 3)
    return shop


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command in this process: most of these do little but start."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, code: int | None = 0) -> Ran:
        said = in_this_process(*map(str, words), monkeypatch=monkeypatch)
        assert code is None or said.code == code, f"exit {said.code}\n{said.out}\n{said.err}"
        return Ran(said.code, said.out, said.err)

    return run


def with_examples(shop: Path, count: int) -> None:
    turns = [
        [{"role": "user", "content": f"Gift {n}?"}, {"role": "assistant", "content": f"Box {n}."}] for n in range(count)
    ]
    rows = [json.dumps({"messages": one, "approved_by": "Ada"}) for one in turns]
    (shop / "examples.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def digests(rung: Run, shop: Path) -> list[str]:
    return [artifact["digest"] for artifact in rung("artifacts", shop, "--json").json["artifacts"]]


@pytest.mark.slow
def test_indexes_are_built_listed_compared_and_promoted(rung: Run, taught: Path) -> None:
    assert rung("artifacts", taught).out == "nothing was built yet\n"
    compared = rung("compare", taught, "--json", code=None).json
    (first,) = digests(rung, taught)
    (result,) = [r for r in compared["rungs"] if r["name"] == "few_shot"]
    assert result["artifacts"] == {"example-index": first}
    assert f"few_shot: example-index {first[:12]}" in rung("report", taught, code=None).out

    with_examples(taught, 5)
    rung("compare", taught, code=None)
    first, second = digests(rung, taught)
    listed = rung("artifacts", taught)
    assert "example-index" in listed.out
    assert listed.out.count("built") == 2
    shown = rung("artifacts", "diff", taught, first[:8], second[:8]).out
    assert "which ones is unknown" in shown  # an index keeps no list of its rows
    difference = rung("artifacts", "diff", first[:8], second[:8], taught, "--json").json
    assert {"name": "rows", "first": 4, "second": 6} in difference["metrics"]

    assert rung("artifacts", "promote", taught, first[:8], "--by", "Ada").out == f"example-index {first[:12]} is promoted\n"
    asked = rung("ask", taught, "Gift 2?", "--rung", "few_shot")
    assert f"few_shot; example-index {second[:12]}, not the promoted {first[:12]};" in asked.err
    rung("artifacts", "promote", taught, second[:8], "--by", "Eve")
    assert "promoted by Eve" in rung("artifacts", "show", taught, second[:8]).out
    said = rung("ask", taught, "Gift 2?", "--rung", "few_shot", "--json").json
    assert said["artifacts"] == {"example-index": second}

    assert "promote another first" in rung("artifacts", "retire", taught, second[:8], code=2).err
    back = rung("artifacts", "rollback", taught, "example-index", "--json").json
    assert (back["promoted"], back["before"]) == (first, second)
    assert rung("artifacts", "retire", taught, second[:8], "--json").json["bytes"] > 0
    states = {a["digest"]: a["state"] for a in rung("artifacts", taught, "--json").json["artifacts"]}
    assert states == {first: "promoted", second: "retired"}


def test_what_cannot_be_done_is_said(rung: Run, taught: Path) -> None:
    assert "nothing was built yet" in rung("artifacts", "show", taught, "abcd", code=2).err
    assert "say it so: rung artifacts diff [FOLDER] DIGEST DIGEST" in rung("artifacts", "diff", taught, code=2).err
    assert "rung init" in rung("artifacts", taught / "nowhere", code=2).err
    for kind in ("adapter", "router"):
        seal(taught / ".rung" / "artifacts" / kind / f"{kind}-1234", {"kind": kind})
    assert "of two kinds" in rung("artifacts", "diff", taught, "adapter", "router", code=2).err
    (taught / ".rung" / "artifacts" / "adapter" / "half").mkdir()
    assert "! adapter half: it is not finished" in rung("artifacts", taught).out


def test_what_is_due_is_said_by_three_commands(rung: Run, taught: Path) -> None:
    assert "nothing says when" in rung("artifacts", "due", taught).out
    with (taught / "rung.yaml").open("a") as file:
        file.write("retrain: {when: 3 new approved rows}\n")
    said = "adapter is due: 3 new approved rows and nothing is trained yet; wanted: 3"
    assert said in rung("artifacts", "due", taught).out
    assert said in rung("artifacts", taught).out
    assert f"retrain: {said}" in rung("check", taught).out
    assert rung("artifacts", "due", taught, "--json").json["due"][0]["due"] is True
    assert rung("check", taught, "--json").json["due"][0]["new"] == 3
    (taught / "examples.jsonl").unlink()
    assert "the rows cannot be read" in rung("artifacts", taught).out


def test_what_would_be_trained(rung: Run, taught: Path) -> None:
    said = rung("train", "generator", taught, "--dry-run")
    assert said.out.startswith("nothing would be trained")
    text = (taught / "rung.yaml").read_text("utf-8").replace("model: scripted", "model: smollm2-135m-instruct")
    (taught / "rung.yaml").write_text(text.replace("rungs: [", "rungs: [tuned_model, "), encoding="utf-8")
    assert rung("train", "generator", taught, "--dry-run").out == (
        "tuned_model would learn from 3 lessons, by transformers and peft; how long is unknown\n"
    )
    folder = taught / ".rung" / "artifacts" / "adapter" / "abcd"
    seal(folder, {"kind": "adapter", "rows": 30, "seconds": 60.0, "recipe": {"epochs": 10}})
    foreseen = rung("train", "generator", taught, "--dry-run", "--json").json
    assert (foreseen["lessons"], foreseen["seconds"]) == (3, pytest.approx(6.0))


def test_the_list_fits_80_columns() -> None:
    from rung.cli.artifacts import _table
    from rung.training.registry import Artifact

    a = Artifact("example-index", "ab" * 32, "unfinished", rows=12_345, seconds=12_345.6, size=598_000, parent="cd" * 32)
    lines = list(
        _table([replace(a, created="2026-11-20T16:02:00", by="somebody with a long name", at="2026-11-20T16:40")], 1)
    )
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].endswith("unfinished")
    assert lines[2].strip() == "by somebody with a long name, 2026-11-20 16:40; after cdcdcdcdcdcd"


def test_what_was_trained_is_a_table() -> None:
    from rung.cli.train import _table

    told = TrainReport("generator", "tuned_model", "ab" * 32, Path("x"), 320, 10_500, 241.2, 812.4, 900.0, 0.81234, None)
    forgetting: dict[str, Json] = {"before": {"answer_loss": 2.0}, "after": {"answer_loss": 2.25}}
    told = replace(told, metrics={"f1": 0.5}, forgetting=forgetting, notes=("replayed 20 rows",))
    head, row, folder, metrics, forgot, note = _table([told])
    assert max(len(head), len(row)) <= 80
    assert head.split() == [
        "artifact",
        "rows",
        "tokens",
        "tokens/s",
        "seconds",
        "peak",
        "MB",
        "train",
        "loss",
        "val.",
        "loss",
    ]
    assert row.split() == ["abababababab", "320", "10,500", "241", "812.4", "900", "0.8123"]
    assert forgot == "  forgetting, before → after: answer_loss 2 → 2.25"
    assert (folder, metrics, note) == ("tuned_model: x", "  metrics: f1 0.5", "  replayed 20 rows")
