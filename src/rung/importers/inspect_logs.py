"""Inspect: samples of a data set (`input`, `target`), and logs of evaluations (`.eval`, `.json`)."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from string import ascii_uppercase

from rung.errors import InputError, first_line
from rung.importers.fields import asked_in, texts, words
from rung.importers.imported import ImportedRow, Importer, Row, case_row, claims_by, taken, unread
from rung.importers.source import ImportFile
from rung.records import Json
from rung.text.parsing import Malformed, decoded, json_of

ZSTANDARD = 93  # the number of the method in a ZIP archive
MAX_MEMBER = 256 * 2**20  # bytes of a sample, unpacked
_READ = ("id", "input", "target", "choices", "metadata", "epoch")
_LOG_KEYS = ("eval", "samples", "version", "status")


def _claims(file: ImportFile) -> float:
    if file.is_zip:
        return 1.0 if _samples(file) is not None else 0.0
    whole = file.whole
    if isinstance(whole, dict) and sum(key in whole for key in _LOG_KEYS) >= 3 and isinstance(whole.get("samples"), list):
        return 1.0
    return claims_by(_is_sample)(file)


def _is_sample(row: Row) -> float:
    if "input" not in row or "target" not in row:
        return 0.0
    return 0.9 if isinstance(row["input"], list) or {"choices", "metadata", "sandbox", "files", "epoch"} & set(row) else 0.6


def _samples(file: ImportFile) -> list[zipfile.ZipInfo] | None:
    """The samples of a `.eval` archive; None where it is none."""
    try:
        members = zipfile.ZipFile(io.BytesIO(file.content)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return None
    if not any(one.filename in ("header.json", "_journal/start.json") for one in members):
        return None
    return [one for one in members if one.filename.startswith("samples/") and one.filename.endswith(".json")]


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    whole = file.whole
    listed = whole.get("samples") if isinstance(whole, dict) else None
    if file.is_zip:
        yield from _once(_archived(file))
    elif isinstance(listed, list):
        yield from _once((file.line(f"/samples/{n}"), "", one, "") for n, one in enumerate(listed))
    else:
        for line, row in file.rows:
            yield taken(row, line, _sample)


def _archived(file: ImportFile) -> Iterator[tuple[int, str, Json, str]]:
    """(0, member, sample, why it cannot be read) of each sample of an archive."""
    members = _samples(file)
    if members is None:
        raise InputError("is no log of Inspect: an archive of one has header.json and samples/", path=file.shown)
    for member in members:
        try:
            yield 0, member.filename, json_of(decoded(_unpacked(file.content, member))), ""
        except (Malformed, UnicodeDecodeError, InputError) as error:
            yield 0, member.filename, None, f"cannot be read: {first_line(error)}"


def _unpacked(content: bytes, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, which may be packed with Zstandard: `zipfile` of Python 3.11 does not know that.

    Raises:
        InputError: they are damaged, or too many.
    """
    if member.file_size > MAX_MEMBER:
        raise InputError(f"it would unpack to more than {MAX_MEMBER // 2**20} MiB")
    try:
        if member.compress_type != ZSTANDARD:
            with zipfile.ZipFile(io.BytesIO(content)).open(member) as file:
                return file.read(MAX_MEMBER)
        import pyarrow as pa

        start = member.header_offset
        name, extra = (int.from_bytes(content[start + at : start + at + 2], "little") for at in (26, 28))
        begin = start + 30 + name + extra
        packed = pa.BufferReader(content[begin : begin + member.compress_size])
        with pa.CompressedInputStream(packed, "zstd") as stream:
            data: bytes = stream.read(MAX_MEMBER)
            return data
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"it is damaged ({first_line(error)})") from error


def _once(samples: Iterator[tuple[int, str, Json, str]]) -> Iterator[ImportedRow]:
    """Each sample once, whatever epochs it was run in."""
    seen: set[str] = set()
    for line, part, sample, fault in samples:
        if not isinstance(sample, dict):
            yield ImportedRow(line, refused=fault or "is no sample: it must be an object", part=part)
            continue
        id = words(sample.get("id"))
        if id and id in seen:
            yield ImportedRow(line, refused=f"is the sample '{id}' in another epoch: one of them is taken", part=part)
            continue
        row = taken(sample, line, _sample)
        seen |= {id} if row.cases else set()
        yield ImportedRow(line, cases=row.cases, refused=row.refused, notes=row.notes, part=part)


def _sample(row: Row, line: int) -> ImportedRow:
    question, before, notes = asked_in(row.get("input"))
    accepted: list[Json] = [*texts(row.get("target"))]
    if not accepted:
        raise ValueError("'target' is empty: there is no accepted answer")
    choices = _choices(row.get("choices"))
    if choices:
        question = "\n".join([question, *(f"{_letter(n)}) {text}" for n, text in enumerate(choices))])
        notes = (*notes, "choices stand under the question as A), B), …")
    is_logged = bool(row.get("output") or row.get("scores"))
    notes += ("what a model answered, and its scores, are not taken",) if is_logged else unread(row, _READ)
    notes += tuple(f"'{key}' is not taken" for key in ("files", "setup", "sandbox") if is_logged and row.get(key))
    id, meta = row.get("id"), row.get("metadata")
    case = case_row(
        question,
        accepted,
        id=id,
        messages=before,
        meta=meta if isinstance(meta, dict) else None,
    )
    return ImportedRow(line, cases=(case,), notes=notes)


def _letter(index: int) -> str:
    """What Inspect calls a choice: A to Z, then 1, 2, …"""
    return ascii_uppercase[index] if index < len(ascii_uppercase) else str(index - len(ascii_uppercase) + 1)


def _choices(value: Json) -> list[str]:
    """The choices of a sample; a text of them is cut at commas, else at spaces, as Inspect does with a column of CSV."""
    if not isinstance(value, str):
        return texts(value)
    return [part.strip() for part in (value.split(",") if "," in value else value.split()) if part.strip()]


INSPECT = Importer("Inspect: samples, or a log of an evaluation", _claims, _read)
