"""The limits that every ZIP has to keep before it is unpacked: archives, Office documents, EPUB.

What is inside is left to `archive`, `office`, `sheets` and `epub`.
"""

from __future__ import annotations

import io
import zipfile

from rung.knowledge.readers.source import SourceFile, Unusable

MAX_MEMBERS = 20_000
LARGEST = 1 * 2**30  # bytes of all members together, unpacked
LARGEST_MEMBER = 256 * 2**20
_RATIO = 200  # unpacked to packed; text seldom reaches 20
_SMALL = 32 * 2**20  # unpacked bytes up to which the ratio does not matter


def opened(file: SourceFile) -> zipfile.ZipFile:
    """A file as a ZIP archive whose listing is within the limits. Reading a member never gives more than it lists.

    Raises:
        Unusable: it is none, is damaged, or is made to fill memory.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(file.data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
        why = "it may be truncated" if file.data.startswith(b"PK") else "it does not begin as one"
        raise Unusable(f"is no {file.suffix.lstrip('.') or 'ZIP'} file that can be read: {why} ({error})") from error
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise Unusable(f"holds {len(members)} files; at most {MAX_MEMBERS} are unpacked")
    total = sum(member.file_size for member in members)
    packed = max(1, len(file.data))
    if total > LARGEST or (total > _SMALL and total > _RATIO * packed):
        size = f"{total / 2**20:,.0f} MiB out of {packed / 2**20:,.1f} MiB"
        raise Unusable(f"would unpack to {size}: it looks like a zip bomb, and is not unpacked")
    return archive


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of one member.

    Raises:
        Unusable: it is encrypted, too large, damaged, or packed in a way that is not known.
    """
    if info.flag_bits & 1:
        raise Unusable("is encrypted: the archive opens with a password only")
    if info.file_size > LARGEST_MEMBER:
        raise Unusable(f"is {info.file_size // 2**20} MiB unpacked; at most {LARGEST_MEMBER // 2**20} MiB are read")
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError) as error:
        raise Unusable(f"cannot be unpacked ({error})") from error
    except Exception as error:  # zlib.error and its like derive from Exception alone
        raise Unusable(f"cannot be unpacked ({type(error).__name__}: {error})") from error
