"""Is every file read, or named with the reason why not? Do positions in a text stay positions in its file?"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.knowledge.formats import decode, read_jsonl, read_markdown
from rung.knowledge.loading import ReadReport, SourceFile, read_sources, readers
from rung.records import Document


def write(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(root: Path, *patterns: str) -> ReadReport:
    return read_sources(root, patterns or ("docs/**/*",))


def said(report: ReadReport) -> list[str]:
    return [str(problem) for problem in report.problems]


def test_markdown_with_front_matter(tmp_path: Path) -> None:
    text = (
        "---\ntitle: Returns\ngroups: [staff, 2024]\nreviewed: 2026-01-02\ntags: [a]\n---\n# How to return\n\nThirty days.\n"
    )
    write(tmp_path, "docs/returns.md", text)
    (document,) = read(tmp_path).documents
    assert document.id == document.source == "docs/returns.md"
    assert (document.title, document.groups) == ("Returns", ("staff", "2024"))
    assert document.meta == {"reviewed": "2026-01-02", "tags": ["a"], "body_start": text.index("# How")}
    assert document.text == text


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Shipping *fast*\n\nWe ship.", "Shipping fast"),
        ("Shipping\n========\n\nWe ship.", "Shipping"),
        ("```sh\n# no heading\n```\n\n## [Real](x.md) one ##\n", "Real one"),
        ("We ship.\n", "page"),
        ("---\n\nA rule first.\n", "page"),
        ("---\nnot: [yaml mapping] of\n---\nx", None),
        ("---\n- a\n- list\n---\n# T\n", "T"),
    ],
)
def test_titles(text: str, title: str | None, tmp_path: Path) -> None:
    write(tmp_path, "docs/page.md", text)
    documents = read(tmp_path).documents
    assert [d.title for d in documents] == ([] if title is None else [title])


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ("staff", ("staff",)),
        ("staff, hr ", ("staff", "hr")),
        ("[]", ()),
        ('["a, b"]', ("a, b",)),
        ("", ()),
        ("[a, a]", ("a",)),
    ],
)
def test_groups_as_text_or_list(groups: str, wanted: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", f"---\ngroups: {groups}\n---\ntext")
    assert [d.groups for d in read(tmp_path).documents] == [wanted]


@pytest.mark.parametrize(
    "matter",
    [
        "groups: {a: b}",
        "groups: [no]",
        "groups: true",
        'groups: ["", a]',
        "group: staff",
        "Groups: staff",
        "groups: [a\n",
        "x: &a 1\ny: *a",
    ],
)
def test_a_document_whose_groups_are_in_doubt_is_never_public(matter: str, tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", f"---\n{matter}\n---\nsecret")
    write(tmp_path, "docs/b.md", "public")
    report = read(tmp_path)
    assert [d.id for d in report.documents] == ["docs/b.md"]
    assert len(report.problems) == 1
    assert said(report)[0].startswith("docs/a.md:")


def test_front_matter_that_never_ends(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", "---\ngroups: [staff]\n\nsecret")
    assert said(read(tmp_path)) == ["docs/a.md:1: the front matter that starts with '---' has no closing '---' line"]


def test_broken_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", "---\ntitle: x\ngroups: 'a\n---\ntext")
    (problem,) = read(tmp_path).problems
    assert (problem.path, problem.line) == ("docs/a.md", 4)
    assert "YAML" in problem.message


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        ("naïve 😀".encode(), "naïve 😀", ""),
        (b"\xef\xbb\xbfbom", "bom", ""),
        ("naïve 😀".encode("utf-16"), "naïve 😀", ""),
        (b"\xfe\xff" + "x→".encode("utf-16-be"), "x→", ""),
        ("a\nprice 5 €".encode("cp1252"), "a\nprice 5 €", "line 2"),
        (b"\xff\xfea\x00b", "a�", "broken UTF-16"),
    ],
)
def test_encodings(data: bytes, text: str, note: str) -> None:
    found, remark = decode(data)
    assert found == text
    assert note in remark
    assert bool(note) == bool(remark)


def test_what_is_no_text_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.txt", "\x00\x01\x02 words and NUL")
    write(tmp_path, "docs/b.txt", b"PNG\x00\x01")
    write(tmp_path, "docs/c.png", b"x")
    report = read(tmp_path)
    assert report.documents == ()
    assert [p.path for p in report.problems] == ["docs/a.txt", "docs/b.txt", "docs/c.png"]
    assert "NUL" in said(report)[0]
    assert "no reader for '.png' files" in said(report)[2]


@given(st.binary(max_size=300), st.sampled_from(["md", "txt", "jsonl"]))
def test_no_bytes_crash_a_reader(data: bytes, suffix: str) -> None:
    for _, item in readers()[f".{suffix}"](SourceFile(f"a.{suffix}", Path(f"a.{suffix}"), data)):
        assert isinstance(item, (Document, str))
        if isinstance(item, Document):
            assert len(item.digest) == 64


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), st.sampled_from(["", "\ufeff"]), st.booleans())
def test_positions_in_the_text_are_positions_in_the_file(body: str, mark: str, matter: bool) -> None:
    source = ("---\r\ntitle: é\r\n---\r\n" if matter else "") + body
    found = list(read_markdown(SourceFile("a.md", Path("a.md"), (mark + source).encode())))
    for _, item in found:
        if isinstance(item, Document):
            assert item.text == (mark + source).removeprefix("\ufeff")


def test_jsonl_rows(tmp_path: Path) -> None:
    rows = [
        '{"id": "a", "text": "one\\u2028two", "title": "A", "groups": "staff", "meta": {"k": [1]}, "source": "http://x/a"}',
        "",
        '{"id": 7, "text": "seven", "lang": "en", "meta": null}',
        '{"id": "b", "text": ',
        "[1]",
        '{"text": "no id"}',
        '{"id": "c"}',
        '{"id": "d", "text": "  "}',
        '{"id": "e", "text": "x", "group": "staff"}',
        '{"id": "f", "text": "x", "groups": 3}',
        '{"id": "g", "text": NaN}',
        '{"id": "a", "text": "again"}',
        '{"id": "h", "text": "half \\ud83d, whole \\ud83d\\ude00"}',
        '{"id": "i", "text": "x", "meta": [1]}',
        '{"id": "j", "text": "x' + "[" * 10 + '"}',
        '{"id": "k", "text": ' + "[" * 100_000,
    ]
    write(tmp_path, "docs/rows.jsonl", "\n".join(rows) + "\n")
    report = read(tmp_path)
    assert [d.id for d in report.documents] == ["a", "7", "h", "j"]
    first, second, third, _ = report.documents
    assert first == Document("a", "one\u2028two", "A", ("staff",), {"k": [1]}, "http://x/a")
    assert second == Document("7", "seven", meta={"lang": "en"}, source="docs/rows.jsonl")
    assert third.text == "half �, whole 😀"
    assert [p.line for p in report.problems] == [4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16]
    assert all(p.path == "docs/rows.jsonl" for p in report.problems)
    (twice,) = [p for p in said(report) if "already taken" in p]
    assert twice == "docs/rows.jsonl:12: the id 'a' is already taken by docs/rows.jsonl:1; the first one is kept"


def test_the_same_id_in_two_files(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", "text")
    write(tmp_path, "docs/b.jsonl", '\n{"id": "docs/a.md", "text": "x"}')
    assert said(read(tmp_path)) == [
        "docs/b.jsonl:2: the id 'docs/a.md' is already taken by docs/a.md; the first one is kept"
    ]


def test_empty_and_unreadable_files(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", "")
    write(tmp_path, "docs/b.txt", " \n")
    write(tmp_path, "docs/c.md", "---\ntitle: x\n---\n  ")
    (tmp_path / "docs/d.md").symlink_to("nowhere.md")
    write(tmp_path, "docs/e.jsonl", "\ufeff\n\n")
    write(tmp_path, "docs/f.md", "fine")
    report = read(tmp_path)
    assert [d.id for d in report.documents] == ["docs/f.md"]
    assert said(report) == [
        "docs/a.md: is empty",
        "docs/b.txt: is empty",
        "docs/c.md: has front matter, and nothing after it",
        "docs/d.md: cannot be read: No such file or directory",
        "docs/e.jsonl: is empty",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", "x").chmod(0)
    assert said(read(tmp_path)) == ["docs/a.md: cannot be read: Permission denied"]


def test_patterns(tmp_path: Path) -> None:
    for name in ("docs/a.md", "docs/sub/b.md", "docs/sub/c.txt", "docs/.hidden.md", ".rung/d.md", "top[1].md", "docs/x.png"):
        write(tmp_path, name, f"text of {name}")
    names = [d.id for d in read(tmp_path, "docs/**/*.md").documents]
    assert names == ["docs/a.md", "docs/sub/b.md"]
    whole = read(tmp_path, "docs")
    assert [d.id for d in whole.documents] == ["docs/a.md", "docs/sub/b.md", "docs/sub/c.txt"]
    assert whole.problems == ()
    assert [d.id for d in read(tmp_path, "docs/sub/../a.md", "docs/a.md").documents] == ["docs/a.md"]
    assert [d.id for d in read(tmp_path, "top[1].md").documents] == ["top[1].md"]
    assert [d.id for d in read(tmp_path / "docs", str(tmp_path / "docs" / "*.md")).documents] == ["a.md"]
    assert [d.id for d in read(tmp_path / ".rung", "../docs/a.md").documents] == ["../docs/a.md"]
    missing = read(tmp_path, "notes/*.md", "docs/a.md", "")
    assert len(missing.documents) == 1
    assert [p.path for p in missing.problems] == ["notes/*.md", ""]
    assert "nothing matches" in said(missing)[0]


def test_a_name_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    with open(folder + b"/\xff.txt", "w", encoding="utf-8") as file:  # noqa: PTH123 - a path of bytes
        file.write("text")
    (document,) = read(tmp_path, "*.txt").documents
    assert document.id == "�.txt"
    assert len(document.digest) == 64


def test_ids_do_not_move_when_lines_do() -> None:
    def digests(text: str) -> list[str]:
        found = read_jsonl(SourceFile("d.jsonl", Path("d.jsonl"), text.encode()))
        return [item.digest for _, item in found if isinstance(item, Document)]

    row = json.dumps({"id": "a", "text": "x"})
    assert digests(row) == digests("\n\n" + row)
