"""`rung init --from NAME`: does a project of the gallery come whole, and is nothing touched that is there?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.commands.gallery import gallery
from rung.config.project import load_project
from tests.cli.test_init import tree
from tests.docs.trying import Said
from tests.docs.trying import rung as run_rung


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where the command is run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rung(monkeypatch: pytest.MonkeyPatch, *words: str, code: int = 0) -> Said:
    ran = run_rung(*words, monkeypatch=monkeypatch)
    assert ran.code == code, ran
    return ran


@pytest.mark.parametrize("words", [("--list",), ("--from",), ("--from", "triage", "--list")])
def test_the_list_names_each_with_a_line_and_writes_nothing(
    words: tuple[str, ...], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = rung(monkeypatch, "init", *words).out.splitlines()
    assert [line.split()[0] for line in shown[:-1]] == [project.name for project in gallery()]
    assert "triage" in shown[-2]
    assert "high-volume classification" in shown[-2]
    assert not list(here.iterdir())


def test_a_copy_has_every_file_and_works_by_itself(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = rung(monkeypatch, "init", "--from", "live-prices", "--dry-run").out
    assert not list(here.iterdir())
    rung(monkeypatch, "init", "--from", "live-prices")
    rung(monkeypatch, "init", "mine/deep", "--from", "live-prices", "--json")
    copied = tree(here / "live-prices")
    assert {"rung.yaml", "README.md", "LICENCE.md", "AGENTS.md", "shop.py", "stock.csv", "cases/test.jsonl"} <= set(copied)
    assert copied == tree(here / "mine" / "deep")
    assert planned.count("would write") == len(copied)
    assert not any(name.startswith(".rung") or "__pycache__" in name for name in copied)
    assert load_project(here / "live-prices").settings.name == "live-prices"


@pytest.mark.parametrize("stands", ["rung.yaml", "notes.txt", ".git/HEAD"])
def test_a_folder_with_anything_in_it_is_refused_and_stays(stands: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = here / "mine" / stands
    file.parent.mkdir(parents=True)
    file.write_text("mine", encoding="utf-8")
    refused = rung(monkeypatch, "init", "mine", "--from", "papers", code=2)
    assert "name a new folder" in refused.err
    assert tree(here) == {f"mine/{stands}": "mine"}


def test_an_empty_folder_will_do(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "papers").mkdir()
    rung(monkeypatch, "init", "--from", "papers")
    assert (here / "papers" / "rung.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "paper"), "did you mean 'papers'?"),
        (("--from", "../papers"), "did you mean 'papers'?"),
        (("--from", "zzzz"), "there are: brand-content"),
        (("--from", ""), "there are: brand-content"),
        (("--from", "papers", "--docs", "docs"), "--docs and --from are two corpora"),
        ((), "rung init --list"),
    ],
)
def test_what_cannot_be_copied_is_told(
    words: tuple[str, ...], told: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told in rung(monkeypatch, "init", *words, code=2).err
    assert not list(here.iterdir())
