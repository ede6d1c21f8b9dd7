"""The project that a command takes: the current folder's, one above, one that is named; none, or two."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from rung.cli.command_line import GROUPS, VERBS, command_line
from rung.cli.project_folder import nearest
from tests.cli.conftest import Ran
from tests.docs.commands import verbs
from tests.docs.trying import rung as run_rung

Typed = Callable[..., Ran]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """The command, in this process, in the folder where a test stands."""

    def typed(*words: str | Path, code: int = 0) -> Ran:
        said = run_rung(*map(str, words), monkeypatch=monkeypatch)
        assert said.code == code, said
        return Ran(said.code, said.out, said.err)

    return typed


def go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder as a shell does, which keeps the links that were followed in PWD."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))


def stored(project: Path) -> int:
    """How many results of steps a project keeps."""
    with closing(sqlite3.connect(project / ".rung" / "rung.db")) as database:
        return int(database.execute("SELECT count(*) FROM steps").fetchone()[0])


ACTING = [  # what a user types in a project, without naming it
    ("check",),
    ("sync",),
    ("search", "express"),
    ("ask", "What does express cost?", "--rung", "prompt"),
    ("compare", "--dry-run"),
    ("knowledge", "list"),
    ("cases", "suggest"),
    ("artifacts",),
    ("artifacts", "due"),
    ("artifacts", "--json"),
    ("train", "generator", "--dry-run"),
    ("advise",),
    ("doctor", "--json"),
]


@pytest.mark.slow
@pytest.mark.parametrize("words", ACTING, ids=" ".join)
def test_a_verb_works_in_a_project_in_a_folder_of_it_and_on_one_that_is_named(
    words: tuple[str, ...], rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rung.models.doctor.examine", tuple)  # the machine itself
    ways: list[tuple[Path, tuple[str, ...]]] = [
        (shop, words),
        (shop / "docs", words),
        (shop.parent, ("-C", "shop", *words)),
        (shop.parent, (*words, "--project", "shop")),
        (shop.parent, (words[0], "-C", "shop", *words[1:])),
        (shop / "docs", ("-C", "../../shop", *words, "-C", str(shop))),
    ]
    for folder, typed in ways:
        go(folder, monkeypatch)
        rung(*typed)
        assert not (shop.parent / ".rung").exists()
        assert not (shop / "docs" / ".rung").exists()


@pytest.mark.parametrize(
    "words", [("check",), ("sync",), ("search", "q"), ("ask", "q"), ("artifacts",), ("examples", "lint")]
)
def test_where_there_is_no_project_one_sentence_says_what_to_do(
    words: tuple[str, ...], rung: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(tmp_path, monkeypatch)
    said = rung(*words, code=2).err
    assert said.count("\n") == 1
    assert all(part in said for part in ("rung.yaml", str(tmp_path), "rung init FOLDER", "-C FOLDER"))


def test_a_folder_that_is_named_is_taken_as_it_is(rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(shop, monkeypatch)  # a project, but not the one that is asked for
    for words in (("check", "docs"), ("-C", "docs", "check"), ("search", "docs", "q"), ("check", "-C", "gone")):
        assert "there is no rung.yaml here" in rung(*words, code=2).err


def test_two_projects_are_refused_and_one_named_twice_is_not(
    rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(shop.parent, monkeypatch)
    shutil.copytree(shop, "other")
    (shop.parent / "link").symlink_to(shop)
    for words in (
        ("-C", "shop", "check", "other"),
        ("-C", "shop", "check", "-C", "other"),
        ("-C", "shop", "-C", "other", "check"),
        ("ask", "other", "q", "-C", "shop"),
        ("artifacts", "show", "other", "1a2b", "-C", "shop"),
    ):
        said = rung(*words, code=2).err
        assert "two projects" in said
        assert "shop" in said
        assert "other" in said
    rung("-C", "shop", "check", "link")
    rung("-C", "shop/rung.yaml", "check", shop)


@pytest.mark.slow
def test_the_nearest_of_nested_projects_is_taken(rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = shop / "teams" / "inner"
    shutil.copytree(shop, inner, ignore=shutil.ignore_patterns("teams"))
    for folder, root in ((inner / "docs", inner), (inner, Path()), (inner.parent, shop), (shop / "docs", shop)):
        go(folder, monkeypatch)
        assert nearest() == root
        rung("sync")
        assert ((inner / ".rung").exists(), (shop / ".rung").exists()) == (True, root == shop)


def test_a_link_is_above_as_the_shell_shows_it_and_else_as_the_disk_has_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = shop.parent / "outside"
    (shop / "docs").rename(outside)
    (shop / "docs").symlink_to(outside)
    go(shop / "docs", monkeypatch)
    assert nearest() == shop
    monkeypatch.setenv("PWD", str(outside))  # a shell that resolves links, as after `cd -P`
    assert nearest() is None
    (shop.parent / "in").symlink_to(shop / "docs" / "..")
    (shop.parent / "deep").symlink_to(shop / "cases")
    (shop / "cases").mkdir()
    go(shop.parent / "deep", monkeypatch)  # nothing above the link, the project above what it leads to
    assert nearest() == Path(os.path.realpath(shop))
    monkeypatch.setenv("PWD", "/nowhere")  # not where the process is: whoever started it moved
    assert nearest() == Path(os.path.realpath(shop))


@pytest.mark.slow
def test_files_are_looked_for_from_where_the_user_is(rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(shop / "docs", monkeypatch)
    Path("queries.jsonl").write_text('{"_id": "1", "text": "express"}\n', encoding="utf-8")
    rung("search", "--queries", "queries.jsonl", "--trec", "run.txt")
    assert (shop / "docs" / "run.txt").is_file()
    rung("compare", "-C", "..", code=0)
    rung("report", "-o", "page.html")
    assert (shop / "docs" / "page.html").is_file()
    assert (shop / "report.html").is_file()


@pytest.mark.slow
def test_nothing_is_asked_anew_from_another_folder(rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(shop.parent, monkeypatch)
    first = rung("compare", "shop", "--json").json
    steps = stored(shop)
    go(shop / "docs", monkeypatch)
    assert rung("compare", "--json").json["winner"] == first["winner"]
    assert stored(shop) == steps


def test_damage_in_a_project_that_is_not_named_is_found(rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(shop / "docs", monkeypatch)
    rung("sync")
    (shop / ".rung" / "rung.db").unlink(missing_ok=True)
    (shop / ".rung" / "rung.db").write_bytes(b"no database at all" * 99)
    assert "rung doctor" in rung("compare", code=2).err


def test_files_and_a_project_are_not_both_looked_over(rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(shop.parent, monkeypatch)
    assert "not both" in rung("examples", "lint", "rows.jsonl", "-C", "shop", code=2).err
    assert "not both" in rung("-C", "shop", "examples", "convert", "rows.jsonl", code=2).err


def test_a_sub_verb_that_is_none_is_named(rung: Typed, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(shop, monkeypatch)
    assert "Did you mean 'promote'?" in rung("artifacts", "promot", code=2).err
    assert "No such command 'lint'" in rung("cases", "lint", code=2).err


def test_the_help_groups_every_verb_and_says_each_in_one_line(rung: Typed) -> None:
    said = rung("--help").out
    assert [title for title in GROUPS if f"{title}:" not in said] == []
    lines = said.partition(f"{next(iter(GROUPS))}:")[2].splitlines()
    assert {line.split()[0] for line in lines if line.startswith("  ")} == set(VERBS)
    assert "..." not in "".join(lines)


def test_every_verb_takes_the_project_as_an_option() -> None:
    assert [name for name, command in verbs(command_line()) if "-C" not in [o for p in command.params for o in p.opts]] == []
