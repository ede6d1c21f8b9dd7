"""What do the files inside an archive say? Each is read as it would be in a folder; its id is `archive.zip/its/path.md`.

Whether unpacking is safe is left to `zips`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from rung.knowledge.reading import access, zips
from rung.knowledge.reading.converting import kind_of, read
from rung.knowledge.reading.registry import readers
from rung.knowledge.reading.source import Item, SourceFile, Unusable
from rung.records import Document, Dropped

_PACKED = {".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar"}


def read_zip(file: SourceFile) -> Iterator[Item]:
    """The documents in a ZIP archive, in the archive's order. Hidden files, and files without a reader, are left out.

    A member's sidecar lies beside it in the archive. Archives within archives are refused, and so are names that lead
    out of the archive.
    """
    with zips.opened(file) as archive:
        members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        found = 0
        for info in members.values():
            for item in _member(file, archive, info, members):
                found += 1
                yield 0, item
        if not found:
            yield 0, "holds no file that some reader takes"


def _member(
    file: SourceFile, archive: zipfile.ZipFile, info: zipfile.ZipInfo, members: dict[str, zipfile.ZipInfo]
) -> Iterator[Document | str | Dropped]:
    name = info.filename
    if why := _refused(info):
        yield f"'{_shown(name)}' {why}; left out"
        return
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if any(part.startswith((".", "__MACOSX")) for part in path.parts) or access.document_of_sidecar(path.name):
        return
    if suffix not in readers():
        if suffix in _PACKED:
            yield f"'{_shown(name)}' is an archive within an archive; unpack it; left out"
        return
    try:
        siblings = {PurePosixPath(other).name: other for other in members if PurePosixPath(other).parent == path.parent}
        said = access.sidecar(path.name, siblings, lambda other: zips.member(archive, members[siblings[other]]))
        data = zips.member(archive, info)
    except Unusable as error:
        yield f"'{_shown(name)}' {error}"
        return
    if suffix in _PACKED or kind_of(data) == ".zip":
        yield f"'{_shown(name)}' is an archive within an archive; unpack it; left out"
        return
    yield from inside(file, name, data, said=said)


def inside(file: SourceFile, name: str, data: bytes, *, said: access.Said = None) -> Iterator[Document | str | Dropped]:
    """What a file within another one holds; its documents carry ids that begin with the other's."""
    within = SourceFile(f"{file.id}/{name}", file.path / name, data)
    for line, item in read(within):
        if isinstance(item, str):
            yield f"'{_shown(name)}'{f' line {line}' if line else ''}: {item}"
            continue
        if isinstance(item, Dropped):
            yield item
            continue
        try:
            yield access.Access().narrowed(item, names=(), said=said)
        except Unusable as error:
            yield f"'{_shown(name)}' {error}"


def _refused(info: zipfile.ZipInfo) -> str:
    """Why a member's name is not taken; "" if it is."""
    name = info.orig_filename
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":"):
        return "has a name that leads out of the archive"
    if "\x00" in name or any(ord(c) < 32 for c in name):
        return "has a name with control characters"
    if (info.external_attr >> 16) & 0o170000 == 0o120000:
        return "is a link, not a file"
    return ""


def _shown(name: str) -> str:
    return name.encode("unicode_escape").decode("ascii")[:120] if not name.isprintable() else name[:120]
