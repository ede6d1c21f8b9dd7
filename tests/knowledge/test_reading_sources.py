"""Are the right files read, each once, and again only when they changed? On disk, in a Git working tree."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.knowledge.loading import Memory, ReadReport, read_sources, stream_sources
from rung.records import Document
from tests.knowledge import making
from tests.knowledge.making import put


def git(folder: Path, *command: str) -> None:
    names = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *names, *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for name in ("docs/a.md", "docs/sub/b.md", "src/x.py", ".github/c.md", "rm.md", "pic.png", "new.md"):
        put(tmp_path, f"repo/{name}", f"text of {name}")
    put(tmp_path, "repo/.gitignore", "built.md\n")
    put(tmp_path, "repo/built.md", "never")
    folder = tmp_path / "repo"
    (folder / "link.md").symlink_to("/etc/hostname")
    git(folder, "init")
    git(folder, "add", "docs", "src", ".github", "rm.md", "pic.png", "link.md")
    git(folder, "commit", "-m", "first")
    (folder / "rm.md").unlink()
    put(folder, "docs/a.md", "changed since")
    return folder


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("git:repo", ["repo/docs/a.md", "repo/docs/sub/b.md", "repo/src/x.py"]),
        ("git:repo/docs", ["repo/docs/a.md", "repo/docs/sub/b.md"]),
        ("git:repo/docs/*.md", ["repo/docs/a.md"]),
        ("git:repo/**/*.md", ["repo/docs/a.md", "repo/docs/sub/b.md"]),
        ("git:repo/src/x.py", ["repo/src/x.py"]),
    ],
)
def test_only_tracked_files_of_a_working_tree(pattern: str, wanted: list[str], repo: Path) -> None:
    report = read_sources(repo.parent, [pattern])
    assert [d.id for d in report.documents] == wanted
    assert [p.path for p in report.problems] == (["repo/link.md"] if pattern in ("git:repo", "git:repo/**/*.md") else [])
    assert all("is a link, which git: leaves out" in p.message for p in report.problems)


def test_the_working_tree_counts_not_the_commit(repo: Path) -> None:
    (document,) = read_sources(repo, ["git:docs/*.md"]).documents
    assert (document.id, document.text) == ("docs/a.md", "changed since")


def test_what_is_no_working_tree(tmp_path: Path) -> None:
    put(tmp_path, "a.md", "x")
    said = [str(p) for p in read_sources(tmp_path, ["git:.", "git:nowhere"]).problems]
    assert said[0].startswith("git:.: git cannot list its files: fatal: not a git repository")
    assert said[1] == f"git:nowhere: there is no folder {tmp_path / 'nowhere'}"


def test_reading_runs_no_program_of_a_repository(repo: Path) -> None:
    ran = repo.parent / "ran"
    hook = put(repo, "hook.sh", f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    git(repo, "config", "core.fsmonitor", str(hook))
    ran.unlink(missing_ok=True)
    assert read_sources(repo, ["git:."]).documents
    assert not ran.exists()


def remembering(root: Path, *, writable: bool = True) -> tuple[ReadReport, float]:
    """What is read with a memory, and the seconds that it took."""
    began = time.monotonic()
    with Memory(root / ".rung/reading.db", writable=writable) as memory:
        report = read_sources(root, ["docs"], memory=memory)
    return report, time.monotonic() - began


def aged(path: Path) -> None:
    """Let a file look as if it had been written a while ago; its time of change alone shows that it was not."""
    os.utime(path, (time.time() - 1000, time.time() - 1000))


def rows(root: Path) -> dict[str, str]:
    with sqlite3.connect(root / ".rung/reading.db") as table:
        return dict(table.execute("SELECT id, stamp FROM read"))


@pytest.mark.slow
def test_what_did_not_change_is_the_same_and_what_did_is_read_again(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.pdf", making.pdf(2))
    put(tmp_path, "docs/b.docx", making.docx())
    put(tmp_path, "docs/c.md", "# C\n\nx")
    put(tmp_path, "docs/d.pdf", making.drawn("x", password="p"))
    put(tmp_path, "docs/e.zip", making.zipped({"a.md": "---\ngroups: [g]\n---\nx", "bad.pdf": "no"}))
    first, _ = remembering(tmp_path)
    assert set(rows(tmp_path)) == {"docs/a.pdf", "docs/b.docx", "docs/d.pdf", "docs/e.zip"}
    again, _ = remembering(tmp_path)
    assert again == first
    put(tmp_path, "docs/a.pdf", making.drawn("a new text"))
    aged(tmp_path / "docs/a.pdf")
    now, _ = remembering(tmp_path)
    assert now.documents[0].text == "a new text"
    assert now.documents[1:] == first.documents[1:]
    assert now.problems == first.problems


@pytest.mark.slow
def test_the_same_size_and_time_do_not_hide_a_change(tmp_path: Path) -> None:
    path = put(tmp_path, "docs/a.csv", "a,b\n1,2\n")
    aged(path)
    times = path.stat()
    time.sleep(2.1)
    remembering(tmp_path)
    path.write_text("a,b\n1,3\n", encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    report, _ = remembering(tmp_path)
    assert "| 1 | 3 |" in report.documents[0].text


@pytest.mark.slow
def test_a_copy_with_other_times_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = put(tmp_path, "docs/a.pdf", making.pdf(40))
    first, slow = remembering(tmp_path)
    aged(path)
    again, quick = remembering(tmp_path)
    assert again == first
    assert quick < slow


@pytest.mark.slow
def test_access_is_decided_anew_each_time(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.pdf", making.drawn("x"))
    assert remembering(tmp_path)[0].documents[0].groups == ()
    put(tmp_path, "docs/a.pdf.meta.yaml", "groups: [staff]")
    assert remembering(tmp_path)[0].documents[0].groups == ("staff",)


@pytest.mark.slow
def test_what_was_deleted_is_forgotten(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.csv", "word\nunforgettable\n")
    put(tmp_path, "docs/b.csv", "a\n1\n")
    remembering(tmp_path)
    (tmp_path / "docs/a.csv").unlink()
    remembering(tmp_path)
    assert set(rows(tmp_path)) == {"docs/b.csv"}


@pytest.mark.slow
def test_a_memory_that_may_not_be_written_is_used_as_it_is(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.csv", "a\n1\n")
    assert remembering(tmp_path, writable=False)[0].documents
    assert not (tmp_path / ".rung").exists()
    remembering(tmp_path)
    before = rows(tmp_path)
    put(tmp_path, "docs/b.csv", "a\n1\n")
    assert len(remembering(tmp_path, writable=False)[0].documents) == 2
    assert rows(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize("broken", [b"no database at all", b""])
def test_a_broken_memory_is_made_anew(broken: bytes, tmp_path: Path) -> None:
    put(tmp_path, "docs/a.csv", "a\n1\n")
    put(tmp_path, ".rung/reading.db", broken)
    assert len(remembering(tmp_path)[0].documents) == 1
    assert set(rows(tmp_path)) == {"docs/a.csv"}


@pytest.mark.slow
def test_a_memory_of_another_version_is_made_anew(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.csv", "a\n1\n")
    remembering(tmp_path)
    with sqlite3.connect(tmp_path / ".rung/reading.db") as table:
        table.execute("PRAGMA user_version = 99")
        table.execute("DROP TABLE read")
    assert len(remembering(tmp_path)[0].documents) == 1
    assert set(rows(tmp_path)) == {"docs/a.csv"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_memory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / ".rung").mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be written"):
        Memory(tmp_path / ".rung/reading.db")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        put(tmp_path, "rows.jsonl", "".join(f'{{"id": "{n}", "text": "{"word " * 2000}"}}\n' for n in range(count)))
        for number in range(count // 100):
            put(tmp_path, f"docs/{number}.txt", "text " * 20_000)
        tracemalloc.start()
        try:
            assert sum(isinstance(d, Document) for d in stream_sources(tmp_path, ["rows.jsonl", "docs"])) > count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(1600) < peak(400) + 2 * 2**20


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("*.md", ["README.md"]),
        ("**/*.md", ["README.md", "docs/AGENTS.md"]),
        (".", ["README.md", "docs/AGENTS.md"]),
        ("AGENTS.md", ["AGENTS.md"]),
    ],
)
def test_what_rung_writes_is_a_document_where_a_source_is_its_name(pattern: str, ids: list[str], tmp_path: Path) -> None:
    for name in ("README.md", "AGENTS.md", "report.html", "rung.yaml", "docs/AGENTS.md"):
        put(tmp_path, name, "text")
    assert [document.id for document in read_sources(tmp_path, [pattern]).documents] == ids


@pytest.mark.slow
def test_order_does_not_depend_on_which_is_read_first(tmp_path: Path) -> None:
    for number in range(12):
        slow = number % 3 == 0
        put(tmp_path, f"docs/{number:02}.{'pdf' if slow else 'md'}", making.pdf(20) if slow else "quick")
    names = [d.id for d in read_sources(tmp_path, ["docs"]).documents]
    assert names == sorted(names)
    assert len(names) == 12


def test_a_folder_comes_before_those_that_it_is_the_beginning_of(tmp_path: Path) -> None:
    for name in ("a b/x.md", "a-b/x.md", "a/x.md", "a/x-y.md"):
        put(tmp_path, f"docs/{name}", "text")
    inside = [d.id.removeprefix("docs/") for d in read_sources(tmp_path, ["docs"]).documents]
    assert inside == ["a/x-y.md", "a/x.md", "a b/x.md", "a-b/x.md"]


@pytest.mark.slow
def test_a_consumer_that_stops_leaves_nothing_running(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path, f"docs/{number}.pdf", making.drawn(f"page {number}"))
    stream = stream_sources(tmp_path, ["docs"])
    assert isinstance(next(stream), Document)
    began = time.monotonic()
    stream.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10


WITHOUT = """
import sys
for name in ("liteparse", "pypdfium2", "lxml", "html_to_markdown", "xlrd", "python_calamine", "docutils", "protego"):
    sys.modules[name] = None
from pathlib import Path
from rung.knowledge.readers.converting import read
from rung.knowledge.readers.source import SourceFile
for name in sys.argv[1:]:
    print(name, [item for _, item in read(SourceFile(name, Path(name)))])
"""


@pytest.mark.slow
def test_without_the_extra_each_file_says_what_to_install(tmp_path: Path) -> None:
    made = {"a.pdf": making.drawn("x"), "a.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le")}
    made |= {"a.html": b"<html><body>x</body></html>", "a.rst": b"x", "a.epub": making.epub({"a.xhtml": "x"})}
    without = {"a.csv": b"a\n1\n", "a.docx": making.docx(), "a.pptx": making.pptx(), "a.xlsx": making.xlsx({"S": [["a"]]})}
    for name, data in (made | without).items():
        put(tmp_path, name, data)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *made, *without], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(made) + len(without)
    assert all("needs the extra 'docs': pip install 'rung[docs]'" in line for line in lines[: len(made)])
    assert all("Document(" in line for line in lines[len(made) :])
