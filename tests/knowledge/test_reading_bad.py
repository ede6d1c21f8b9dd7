"""Is bad input told for what it is, in a sentence that helps, while everything beside it is read?"""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from pathlib import Path

import pytest

from rung.knowledge.loading import ReadReport, read_sources
from rung.knowledge.readers import source, zips
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.workers import Workers, WorkLost
from tests.knowledge import making
from tests.knowledge.making import put
from tests.knowledge.test_reading_formats import given_file


def reasons(name: str, data: bytes | str) -> list[str]:
    """Why nothing came out of a file."""
    documents, said = given_file(name, data)
    assert documents == []
    return said


def test_an_encrypted_pdf() -> None:
    assert reasons("a.pdf", making.drawn("x", password="secret")) == [
        "is encrypted: it opens with a password only; save it without one"
    ]


def test_a_truncated_pdf() -> None:
    whole = making.pdf(3)
    (said,) = reasons("a.pdf", whole[: len(whole) // 3])
    assert said.startswith("is no PDF that can be read, probably truncated: it has no end")


def test_a_scan_is_called_one() -> None:
    (said,) = reasons("a.pdf", making.drawn(image=True, pages=2))
    assert said.startswith("is a scan: its pages are images without a text layer (2 pages)")
    (said,) = reasons("a.pdf", making.drawn(pages=2))
    assert said.startswith("holds no text (2 pages)")


def test_what_is_no_pdf() -> None:
    (said,) = reasons("a.pdf", "just words")
    assert said.startswith("is no PDF that can be read")


@pytest.mark.slow
def test_five_hundred_pages() -> None:
    documents, said = given_file("a.pdf", making.pdf(500))
    assert said == []
    starts = documents[0].meta["pages"]
    assert isinstance(starts, list)
    assert len(starts) == 500
    assert documents[0].text.startswith("# Rates of 2500", starts[499])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("report.docx", making.pdf(), "PDF"),
        ("report.txt", making.pdf(), "PDF"),
        ("report.pdf", making.docx(), "a Word document"),
        ("notes.md", making.docx(), "a Word document"),
        ("data.csv", making.xlsx({"S": [["a", "b"], [1, 2]]}), "a workbook"),
        ("book.zip", making.epub({"a.xhtml": "<h1>One</h1>"}), "EPUB"),
        ("error.pdf", "<!DOCTYPE html><html><body><p>Please sign in</p></body></html>", "HTML"),
    ],
)
def test_a_wrong_extension_is_read_by_content_and_said(name: str, data: bytes | str, kind: str) -> None:
    documents, said = given_file(name, data)
    assert len(documents) == 1
    assert said == [f"is {kind} by its content, not '{Path(name).suffix}', and was read as that; rename it"]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.pdf", b"\x89PNG\r\n\x1a\n" + bytes(50), "an image"),
        ("a.docx", b"{\\rtf1 x}", "an RTF document"),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "encrypted with a",
        ),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "WordDocument".encode("utf-16-le"),
            "the old binary kind",
        ),
        ("a.md", b"\x7fELF" + bytes(9), "a program"),
    ],
)
def test_what_has_no_reader_is_named(name: str, data: bytes, kind: str) -> None:
    (said,) = reasons(name, data)
    assert kind in said


@pytest.mark.parametrize("suffix", ["docx", "pptx", "xlsx", "epub", "zip"])
def test_broken_archives(suffix: str) -> None:
    whole = {
        "docx": making.docx(),
        "pptx": making.pptx(),
        "xlsx": making.xlsx({"S": [["a"]]}),
        "epub": making.epub({"a.xhtml": "<p>x</p>"}),
        "zip": making.zipped({"a.md": "x"}),
    }[suffix]
    (said,) = reasons(f"a.{suffix}", whole[: len(whole) * 2 // 3])
    assert "that can be read: it may be truncated" in said
    (said,) = reasons(f"a.{suffix}", "no archive at all")
    assert "that can be read: it does not begin as one" in said or "is no workbook" in said
    # The container is whole, what it should hold is not there.
    documents, found = given_file(f"a.{suffix}", making.zipped({"x.bin": "y"}))
    assert documents == []
    assert found
    assert all("failed" not in reason for reason in found)


def test_an_archive_is_read_like_a_folder() -> None:
    members: dict[str, str | bytes] = {
        "docs/a.md": "# A\n\nText.",
        "docs/deep/b.txt": "more",
        "docs/rates.pdf": making.pdf(),
        "docs/rates.pdf.meta.yaml": "groups: [staff]\nyear: 2026\n",
        ".hidden/c.md": "no",
        "__MACOSX/._a.md": "no",
        "picture.png": b"\x89PNG",
        "broken.docx": "x",
    }
    documents, said = given_file("all.zip", making.zipped(members))
    assert [d.id for d in documents] == ["all.zip/docs/a.md", "all.zip/docs/deep/b.txt", "all.zip/docs/rates.pdf"]
    assert [d.groups for d in documents] == [(), (), ("staff",)]
    assert documents[2].meta["year"] == 2026
    assert len(said) == 1
    assert said[0].startswith("'broken.docx': is no docx file")


def test_dangerous_archives() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in (
            "../up.md",
            "/etc/x.md",
            "C:\\x.md",
            "a/../../b.md",
            "ok.md",
            "inner.zip",
            "pack.tar.gz",
            "disguised.md",
        ):
            archive.writestr(
                name, making.zipped({"a.md": "x"}) if name in ("inner.zip", "disguised.md") else f"text of {name}"
            )
        link = zipfile.ZipInfo("link.md")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    documents, said = given_file("a.zip", made.getvalue())
    assert [d.id for d in documents] == ["a.zip/ok.md"]
    assert sum("leads out of the archive" in reason for reason in said) == 4
    assert sum("an archive within an archive" in reason for reason in said) == 3
    assert sum("is a link, not a file" in reason for reason in said) == 1
    assert len(said) == 8


@pytest.mark.parametrize("suffix", ["zip", "docx", "xlsx", "epub"])
def test_zip_bombs_are_not_unpacked(suffix: str) -> None:
    part = {"zip": "a.md", "docx": "word/document.xml", "xlsx": "xl/workbook.xml", "epub": "a.xhtml"}[suffix]
    mark = {"mimetype": "application/epub+zip"} if suffix == "epub" else {"[Content_Types].xml": "x"}
    members: dict[str, str | bytes] = {**mark, part: bytes(60 * 2**20)}
    (said,) = reasons(f"a.{suffix}", making.zipped(members))
    assert "looks like a zip bomb, and is not unpacked" in said


def test_an_archive_of_very_many_files() -> None:
    (said,) = reasons("a.zip", making.zipped({f"{n}.md": "" for n in range(zips.MAX_MEMBERS + 1)}))
    assert "at most 20000 are unpacked" in said


def test_an_encrypted_member() -> None:
    data = bytearray(making.zipped({"a.md": "secret", "b.md": "open"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    documents, said = given_file("a.zip", bytes(data))
    assert [d.text for d in documents] == ["open"]
    assert said == ["'a.md' is encrypted: the archive opens with a password only"]


def test_entities_that_unfold_without_end() -> None:
    lol = '<!DOCTYPE x [<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    book = making.zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": f"{lol}]><x>&i;</x>"})
    began = time.process_time()
    (said,) = reasons("a.epub", book)
    assert "no EPUB that can be read" in said
    assert time.process_time() - began < 5


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["<!---->", "<", "<title>", "[](#", "<!--", "<main>"])
def test_pages_that_are_made_to_keep_a_parser_busy(piece: str) -> None:
    began = time.process_time()
    documents, said = given_file("a.html", "<html><body>" + piece * 60_000)
    assert documents or said
    documents, said = given_file("a.pdf", piece * 60_000)
    assert said
    assert time.process_time() - began < 20


def test_a_page_of_nested_tags() -> None:
    documents, said = given_file("a.html", "<html><body>" + "<div>" * 100_000 + "deep" + "</div>" * 100_000)
    assert documents or said


@pytest.mark.slow
def test_a_line_of_a_hundred_megabytes(tmp_path: Path) -> None:
    long = "x" * (100 * 2**20)
    put(tmp_path, "a.txt", long)
    put(
        tmp_path,
        "b.jsonl",
        '{"id": "1", "text": "one"}\n{"id": "2", "text": "' + long + '"}\n{"id": "3", "text": "three"}\n',
    )
    put(tmp_path, "c.md", "fine")
    report = read_sources(tmp_path, ["*"])
    assert [d.id for d in report.documents] == ["a.txt", "1", "3", "c.md"]
    assert [str(p) for p in report.problems] == ["b.jsonl:2: is longer than 32 MiB; left out"]


def test_a_text_may_be_as_long_as_its_file_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.knowledge.readers.converting.LONGEST_TEXT", 1000)
    documents, said = given_file("a.txt", "words " * 1000)
    assert (len(documents), said) == (1, [])
    documents, said = given_file("a.csv", "a quite long name of a column,another one\n" + "1,2\n" * 1000)
    assert documents == []
    assert ["one document may have" in one for one in said] == [True]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(source.LARGEST_FILE + 1)
    assert [str(p) for p in read_sources(tmp_path, ["*"]).problems] == [
        "a.txt: is 256 MiB long; at most 256 MiB are read: split it"
    ]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    assert [str(p) for p in read_sources(tmp_path, ["*"]).problems] == ["a.md: is no plain file"]


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path, going = put(tmp_path, "a.md", "x" * 3_000_000), threading.Event()

    def write() -> None:
        n = 0
        while not going.is_set() and n < 20_000:
            with path.open("ab") as file:
                file.write(b"y" * (n := n + 1))
            time.sleep(0.0002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [read_sources(tmp_path, ["*"]) for _ in range(20)]
    finally:
        going.set()
        writer.join()
    said = {str(p) for report in reports for p in report.problems}
    assert said <= {"a.md: kept changing while it was read; run the command again"}
    assert all(_whole(report) for report in reports)


def _whole(report: ReadReport) -> bool:
    """Whether what was read is some state that the file was in: x, then runs of y of growing length."""
    for document in report.documents:
        rest = len(document.text) - 3_000_000
        n = int((2 * rest) ** 0.5)
        if rest not in (n * (n + 1) // 2, (n - 1) * n // 2):
            return False
    return True


MIXED = "größer\n".encode() + "schön wär's\n".encode("cp1252") + "fünf Gäste ÄÖÜ\n".encode()
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. Погода сегодня хорошая.\n" * 3
GREEK = "Ο γρήγορος καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί. Καλημέρα σε όλους.\n" * 3
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 3


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        (MIXED, "größer\nschön wär's\nfünf Gäste ÄÖÜ\n", "mixes encodings: line 2 not UTF-8, read as Windows-1252"),
        (RUSSIAN.encode("cp1251"), RUSSIAN, "was read as Windows-1251"),
        (RUSSIAN.encode("koi8-r"), RUSSIAN, "was read as KOI8"),
        (JAPANESE.encode("shift_jis"), JAPANESE, "was read as "),
        (JAPANESE.encode("euc_jp"), JAPANESE, "was read as "),
        (GREEK.encode("iso8859-7"), GREEK, "was read as "),
        ("plain words, no mark".encode("utf-16-le"), "plain words, no mark", "is UTF-16-LE without a byte order mark"),
        ("plain words, no mark".encode("utf-16-be"), "plain words, no mark", "is UTF-16-BE without a byte order mark"),
        ("costs 5 €".encode("cp1252"), "costs 5 €", "was read as Windows-1252"),
    ],
)
def test_encodings_are_found_out_and_said(data: bytes, text: str, note: str) -> None:
    found, said = decode(data)
    assert found == text
    assert note in said


def test_rows_of_two_encodings(tmp_path: Path) -> None:
    rows = [
        json.dumps({"id": str(n), "text": text}, ensure_ascii=False) for n, text in enumerate(("für", "größer", "schön"))
    ]
    put(tmp_path, "a.jsonl", rows[0].encode() + b"\n" + rows[1].encode("cp1252") + b"\n" + rows[2].encode("cp1252"))
    report = read_sources(tmp_path, ["*"])
    assert [d.text for d in report.documents] == ["für", "größer", "schön"]
    assert [str(p) for p in report.problems] == [
        "a.jsonl:2: is not UTF-8 and 1 more lines and was read as Windows-1252; save it as UTF-8 if letters look wrong"
    ]


@pytest.mark.slow
def test_one_bad_file_stops_no_other(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path, f"docs/{number}.pdf", making.drawn(f"page of {number}"))
    put(tmp_path, "docs/2.pdf", b"%PDF-1.4 broken")
    put(tmp_path, "docs/4.pdf", making.drawn("x", password="p"))
    put(tmp_path, "docs/5.docx", "no")
    report = read_sources(tmp_path, ["docs"])
    assert [d.text for d in report.documents] == [f"page of {n}" for n in (0, 1, 3, 5)]
    assert [p.path for p in report.problems] == ["docs/2.pdf", "docs/4.pdf", "docs/5.docx"]


@pytest.mark.slow
def test_a_hang_and_a_crash_of_a_library_are_survived() -> None:
    with Workers(1) as workers:
        slow = workers.submit(time.sleep, 30, seconds=0.5)
        with pytest.raises(WorkLost, match="its reader took longer than 0 seconds"):
            slow.result()
        crash = workers.submit(os.abort, seconds=30)
        with pytest.raises(WorkLost, match="its reader crashed"):
            crash.result()
        with pytest.raises(WorkLost, match="its reader failed: ZeroDivisionError"):
            workers.submit(divmod, 1, 0, seconds=30).result()
        assert workers.submit(divmod, 7, 2, seconds=30).result() == (3, 1)


@pytest.mark.slow
def test_a_reader_cannot_eat_all_memory() -> None:
    with Workers(1) as workers:
        with pytest.raises(WorkLost, match="ran out of memory"):
            workers.submit(bytearray, 8 * 2**30, seconds=60).result()
        assert workers.submit(abs, -3, seconds=60).result() == 3


@pytest.mark.slow
def test_no_process_is_left_behind() -> None:
    with Workers(2) as workers:
        ids = {workers.submit(os.getpid, seconds=60).result() for _ in range(3)}
        workers.submit(time.sleep, 60, seconds=120)
    for id in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(id, 0)
