"""`rung rescore`: a verdict anew from stored answers, by today's cases and bar, where the model is gone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.test_compare import edit
from tests.cli.test_servers import Process, nobody, point, table

pytestmark = pytest.mark.slow


@pytest.fixture
def compared(rung: Run, shop: Path, tmp_path: Path) -> dict[str, Any]:
    """The verdict of a model whose server is not there any more."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = Process(folder)
    server.start()
    try:
        point(shop, server.url)
        said = rung("compare", shop, "--json", code=None).json
    finally:
        server.kill()
    return said


def rows(shop: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shop / "cases.jsonl").read_text(encoding="utf-8").splitlines()]


def write(shop: Path, some: list[dict[str, Any]]) -> None:
    (shop / "cases.jsonl").write_text("\n".join(map(json.dumps, some)) + "\n", encoding="utf-8")


def verdicts(shop: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shop / ".rung" / "verdicts" / "list.jsonl").read_text().splitlines()]


def test_nothing_changed_comes_to_the_same(rung: Run, shop: Path, compared: dict[str, Any]) -> None:
    again = rung("rescore", "-C", shop, "--json", code=None).json
    assert table(again) == table(compared)
    assert again["steps"] == {"executed": 0, "replayed": 0}
    for name in ("winner", "clears_bar", "probability", "gaps", "front", "flips", "looks", "cases", "reason"):
        assert again[name] == compared[name], name
    for was, now in zip(compared["rungs"], again["rungs"], strict=True):
        assert now == was
    assert again["coverage"].pop("rescored").startswith("Scored again from the answers of verdict 1")
    assert again["coverage"] == compared["coverage"]
    assert [one["number"] for one in verdicts(shop)] == [1, 2]
    assert "rescored" in rung("report", shop, "--json", code=None).json["coverage"]
    assert "Scored again from the answers of" in rung("report", shop, code=None).out
    assert "Within how many days" in rung("report", shop, "--format", "html", code=None).out


def test_corrected_answers_and_another_bar_count_at_once(rung: Run, shop: Path, compared: dict[str, Any]) -> None:
    some = rows(shop)
    answered = {row["case"]: row for row in lines(shop) if row.get("case")}
    for row in some:
        if row["id"] == "s2":
            row["answers"] = [answered["s2"]["passes"][0]["text"]]
    write(shop, some)
    edit(shop, "bar: {correct: 0.2, leaks: 0}", "bar: {correct: 0.99, leaks: 0}")
    again = rung("rescore", shop, "--json", code=1).json
    assert again["cases"] == 7
    assert not again["clears_bar"]
    assert table(again) != table(compared)
    assert "Accepted answers or gold changed: 1 case." in again["coverage"]["rescored"]
    assert again["looks"] == compared["looks"]  # to score again is no look


def lines(shop: Path) -> list[dict[str, Any]]:
    latest = (shop / ".rung" / "verdicts" / "latest").read_text().strip()
    packed = (shop / ".rung" / "verdicts" / latest / "evaluations.jsonl.gz").read_bytes()
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def test_what_a_comparison_would_not_get_again_is_left_out_and_counted(
    rung: Run, shop: Path, compared: dict[str, Any]
) -> None:
    some = rows(shop)
    some = [row for row in some if row["id"] != "u1"]  # gone
    some[0]["question"] = "How many days do I have?"  # asked otherwise, which is a new case, too
    some.append({"id": "n1", "question": "Is it new?", "answers": ["yes"], "split": "test"})
    some[1]["id"] = "renamed"
    write(shop, some)
    again = rung("rescore", shop, "--json", code=None).json
    told = again["coverage"]["rescored"]
    assert again["cases"] == 5
    assert "2 cases new" in told
    assert "2 cases gone or asked otherwise" in told
    assert not again["coverage"].get("trial")
    assert (shop / "report.html").read_text(encoding="utf-8").count('class="case"') == 5
    edit(shop, "[prompt, few_shot, rag]", "[prompt, {rag: {passages: 1}}]")
    fewer = rung("rescore", shop, "1", "--json", code=None).json
    assert [r["name"] for r in fewer["rungs"] if r["status"] == "measured"] == ["prompt", "closed_book"]
    assert "rag" in fewer["coverage"]["rescored"]
    edit(shop, "task: Answer the customer.", "task: Answer nobody.")
    none = rung("rescore", shop, code=2).err
    assert "no stored answer" in none
    assert "run 'rung compare'" in none


def test_answers_from_documents_that_changed_or_were_restricted_do_not_count(rung: Run, shop: Path) -> None:
    edit(shop, "[prompt, few_shot, structured, long_context, rag, tuned_model]", "[prompt]")
    rung("compare", shop, code=None)
    shipping = shop / "docs" / "shipping.md"
    shipping.write_text("---\ngroups: [staff]\n---\n" + shipping.read_text(encoding="utf-8"), encoding="utf-8")
    rung("sync", shop)
    restricted = rung("rescore", shop, "--json", code=None).json
    shipping.unlink()
    rung("sync", shop)
    gone = rung("rescore", shop, "1", "--json", code=None).json
    for said in (restricted, gone):  # the oracle was shown it in four of seven cases
        assert said["cases"] == 3
        assert "4 cases answered from documents that changed since" in said["coverage"]["rescored"]
    assert "takes one day" not in (shop / "report.html").read_text(encoding="utf-8")
    assert not any("takes one day" in json.dumps(line) for line in lines(shop))


def test_a_trial_run_stays_one(rung: Run, shop: Path) -> None:
    edit(shop, "long_context, rag, tuned_model", "rag")
    rung("compare", shop, "--limit", "3", code=None)
    again = rung("rescore", shop, "1", "--json", code=None).json
    assert again["cases"] == 3
    assert again["coverage"]["trial"]
    assert [one.get("trial") for one in verdicts(shop)] == [True, True]
    assert "no verdict yet" in rung("rescore", shop, code=2).err


def test_what_is_not_there_or_damaged_is_told(rung: Run, shop: Path) -> None:
    edit(shop, "long_context, rag, tuned_model", "rag")
    assert "there is no verdict yet" in rung("rescore", shop, code=2).err
    rung("compare", shop, code=None)
    edit(shop, "model: scripted", f"model: {nobody()}#m")
    assert "is no verdict" in rung("rescore", shop, "9", code=2).err
    (folder,) = (path for path in (shop / ".rung" / "verdicts").iterdir() if path.is_dir())
    path = folder / "evaluations.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert "rung doctor" in rung("rescore", shop, code=2).err
    assert str(path) in rung("doctor", shop, code=None).out
    rung("doctor", "--repair", shop, code=None)
    assert "no stored answers" in rung("rescore", shop, code=2).err
    assert "verdict" in rung("report", shop, code=None).out.casefold()


def test_stored_answers_that_found_what_was_deleted_go_with_it(rung: Run, shop: Path) -> None:
    """Also where no page showed it: rag with one passage had found two."""
    edit(shop, "[prompt, few_shot, structured, long_context, rag, tuned_model]", "[{rag: {passages: 1}}]")
    some = [row for row in rows(shop) if row["id"] in ("r1", "r2")]
    write(shop, some)
    rung("compare", shop, code=None)
    (folder,) = (path for path in (shop / ".rung" / "verdicts").iterdir() if path.is_dir())
    stored, page = folder / "evaluations.jsonl.gz", folder / "report.html"
    assert b"takes one day" in gzip.decompress(stored.read_bytes())
    assert "takes one day" not in page.read_text(encoding="utf-8")
    (shop / "docs" / "shipping.md").unlink()
    rung("sync", shop)
    told = rung("knowledge", "prune", shop, "--dry-run", "--json").json
    assert (len(told["pages"]), told["answers"]) == (0, [str(folder)])
    assert stored.is_file()
    said = rung("knowledge", "prune", shop)
    assert "its stored answers had found documents that are gone" in said.err
    assert (stored.is_file(), page.is_file()) == (False, True)
    assert "rung knowledge prune" in rung("rescore", shop, code=2).err
