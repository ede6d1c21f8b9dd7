"""The files inside an archive: each is read as it would be in a folder; its id is `archive.zip/its/path.md`.

Whether unpacking is safe is left to `zips`.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rung.knowledge.readers import access, zips
from rung.knowledge.readers.converting import kind_of, read
from rung.knowledge.readers.mark_lines import in_text
from rung.knowledge.readers.registry import readers
from rung.knowledge.readers.sidecars import OF_FOLDER, Sidecars, Values, described_by
from rung.knowledge.readers.source import Item, SourceFile, Unusable
from rung.records import Document, Dropped

_PACKED = {".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar"}


def read_zip(file: SourceFile) -> Iterator[Item]:
    """The documents in a ZIP archive, in the archive's order. Hidden files, and files without a reader, are left out.

    A member's sidecar lies beside it in the archive. Archives within archives are refused, and so are names that lead
    out of the archive.
    """
    with zips.opened(file) as archive:
        if mark := in_text(archive.comment.decode("utf-8", "replace")):
            raise Unusable(access.refusal(mark[1]))
        members = _Members(file, archive)
        count = 0
        for info in members.infos.values():
            for item in _member(members, info):
                count += 1
                yield 0, item
        if not count:
            yield 0, "holds no file that some reader takes"


class _Members:
    """The files in an archive by their paths, and the sidecars beside them."""

    def __init__(self, file: SourceFile, archive: zipfile.ZipFile) -> None:
        self.file = file
        self._archive = archive
        infos = [info for info in archive.infolist() if not info.is_dir()]
        self._counts = Counter(PurePosixPath(info.filename) for info in infos)
        self.infos = {PurePosixPath(info.filename): info for info in infos}
        folders: dict[PurePosixPath, set[str]] = {}
        for path in self.infos:
            for inner, outer in _upwards(path):
                folders.setdefault(outer, set()).add(inner.name)
        self._sidecars = {
            folder: Sidecars(names, [name for name in names if folder / name in folders])
            for folder, names in folders.items()
        }

    def sidecars(self, path: PurePosixPath) -> list[Values]:
        """What the sidecars of a member and of the folders that it lies in say, its own first: see `access.Described`.

        Raises:
            Unusable: one of them is misspelt, stands twice, or cannot be understood.
        """
        for _, outer in _upwards(path):
            if name := self._sidecars[outer].of_folder(partial(self._read, outer)):
                raise Unusable(f"lies in a folder that {OF_FOLDER.format(name)}")
        sidecars = [self._sidecars[outer].of(inner.name, partial(self._read, outer)) for inner, outer in _upwards(path)]
        return [sidecars[0] or {}, *(sidecar for sidecar in sidecars[1:] if sidecar is not None)]

    def data(self, path: PurePosixPath) -> bytes:
        """The bytes of a member."""
        return zips.member(self._archive, self.infos[path])

    def _read(self, folder: PurePosixPath, name: str) -> bytes:
        if self._counts[folder / name] > 1:
            raise Unusable("stands twice in the archive")
        return self.data(folder / name)


def _upwards(path: PurePosixPath) -> list[tuple[PurePosixPath, PurePosixPath]]:
    """(what, the folder that it lies in): of a path and of all folders above it."""
    return list(zip((path, *path.parents), path.parents, strict=False))


def _member(members: _Members, info: zipfile.ZipInfo) -> Iterator[Document | str | Dropped]:
    name = info.filename
    if why := _refused(info):
        yield f"'{_shown(name)}' {why}; left out"
        return
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if any(part.startswith((".", "__MACOSX")) for part in path.parts) or described_by(path.name):
        return
    if suffix not in readers():
        if suffix in _PACKED:
            yield f"'{_shown(name)}' is an archive within an archive; unpack it; left out"
        return
    try:
        sidecars, data = members.sidecars(path), members.data(path)
    except Unusable as error:
        yield f"'{_shown(name)}' {error}"
        return
    if suffix in _PACKED or kind_of(data) == ".zip":
        yield f"'{_shown(name)}' is an archive within an archive; unpack it; left out"
        return
    yield from inside(members.file, name, data, sidecars=sidecars)


def inside(
    file: SourceFile, name: str, data: bytes, *, sidecars: access.Described = ()
) -> Iterator[Document | str | Dropped]:
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
            yield access.Access().narrowed(item, names=(), sidecars=sidecars)
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
