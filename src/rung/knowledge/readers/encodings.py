"""What bytes say: by their byte order mark, else UTF-8, else what they are most likely to be.

Whatever was guessed or replaced is said. What the text means is left to the readers.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FALLBACK = "cp1252"
_MIN_LETTERS = 12  # letters beyond ASCII from which on a guess is better than the commonest encoding
_SAMPLE = 200_000  # bytes that a guess looks at
_NAMES = {**{f"cp125{n}": f"Windows-125{n}" for n in range(9)}, "big5": "Big5"}
# What a label stands for where it is used (https://encoding.spec.whatwg.org): the larger set that includes the named one.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_FOREIGN, _LATIN = re.compile(r"\w*[\u0370-\u06ff]\w*"), re.compile("[a-zA-Z]")
_SEVEN_BIT = ("iso2022", "hz", "utf-7")  # their bytes are ASCII too: what is declared decides
_NO_TEXT = ("unicode", "raw", "undefined", "charmap", "punycode", "idna")  # codecs of Python that no file is written in
_ESCAPES = (b"\x1b$B", b"\x1b$@", b"\x1b(J")  # of ISO-2022-JP
_ASCII = bytes(range(128))
_LETTERS = [bytes([n]).decode("cp1252", "replace").replace("\ufffd", chr(n)) for n in range(256)]


def decode(data: bytes, declared: str = "") -> tuple[str | None, str]:
    """The text of a file, and what is to be said about it; None where it is no text at all.

    `declared` is the encoding that a server or the file itself named; it is believed where it fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data[len(mark) :], encoding)
    declared = meant(declared)
    if declared.startswith(_SEVEN_BIT) or any(escape in data for escape in _ESCAPES):
        with suppress(UnicodeDecodeError):
            return data.decode(declared if declared.startswith(_SEVEN_BIT) else "iso2022_jp_2"), ""
    try:
        text, note = data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        text, note = _not_utf8(data, error, declared)
    if "\x00" in text:
        wide = _without_mark(data)
        if wide is None:
            return None, "holds NUL characters: no text, or UTF-16 without a byte order mark; save it as UTF-8"
        return wide
    return text, note


def as_browsers(data: bytes, encoding: str) -> str:
    """Bytes in an encoding; those of Windows-1252 that it gives no letter to are control characters, as in Latin-1.

    Raises:
        UnicodeDecodeError: the bytes are none of that encoding.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != _FALLBACK:
            raise
        return "".join(map(_LETTERS.__getitem__, data))


def decode_line(line: bytes, encoding: str) -> tuple[str, bool]:
    """One line of a file whose other lines may be encoded otherwise, and whether it was read as `encoding`, not UTF-8."""
    try:
        return line.decode("utf-8"), False
    except UnicodeDecodeError:
        return line.decode(encoding, "replace"), True


def meant(label: str) -> str:
    """The codec that a label stands for, as browsers have it: `latin-1` is Windows-1252. "" where there is none."""
    try:
        name = codecs.lookup(label.strip()).name if label.strip().isprintable() else ""
    except (LookupError, ValueError):
        return ""
    return "" if name.startswith(_NO_TEXT) else _MEANT.get(name, name)


def guess(data: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8; Windows-1252 where they are too few to tell."""
    if _high(data[:_SAMPLE]) < _MIN_LETTERS:
        return _FALLBACK
    import chardet

    era = chardet.EncodingEra.MODERN_WEB | chardet.EncodingEra.LEGACY_ISO  # older ones are taken for one another
    encoding = meant(chardet.detect(data[:_SAMPLE], encoding_era=era)["encoding"] or "") or _FALLBACK
    if encoding.startswith("utf"):  # bytes with NULs: whether they are UTF-16 without a mark, `_without_mark` knows
        return _FALLBACK
    words = _FOREIGN.findall(data[:_SAMPLE].decode(encoding, "replace"))
    torn = sum(bool(_LATIN.search(word)) for word in words)  # Latin letters among Cyrillic or Greek ones
    return _FALLBACK if torn * 3 > len(words) else encoding


def holds_controls(text: str) -> bool:
    """Whether there are control characters in it besides tabs and what ends lines and pages."""
    return not text.isprintable() and any(c < " " and c not in "\t\r\n\f" for c in text)


def named(encoding: str) -> str:
    """The name that people know an encoding by."""
    return _NAMES.get(encoding, encoding.upper().replace("_", "-"))


def _high(data: bytes) -> int:
    """Bytes beyond ASCII."""
    return len(data.translate(None, _ASCII))


def _marked(data: bytes, encoding: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), ""
    except UnicodeDecodeError as error:
        note = f"is broken {encoding.upper()} ({error.reason}); the broken places were replaced by U+FFFD"
        return data.decode(encoding, "replace"), note


def _not_utf8(data: bytes, error: UnicodeDecodeError, declared: str) -> tuple[str, str]:
    """Bytes with a place that is no UTF-8: of another encoding, or of two."""
    line = data.count(b"\n", 0, error.start) + 1
    if declared and not declared.startswith("utf"):  # UTF-8 it is not, and UTF-16 would have begun otherwise
        with suppress(UnicodeDecodeError, LookupError):
            return as_browsers(data, declared), ""
    parts = data.splitlines(keepends=True)
    lines = [decode_line(part, _FALLBACK) for part in parts]
    if 2 * sum(_high(part) for part, (_, other) in zip(parts, lines, strict=True) if not other) > _high(data):
        text, odd = "".join(part for part, _ in lines), sum(other for _, other in lines)
        where = f"line {line}" + (f" and {odd - 1} more" if odd > 1 else "")
        return text, f"mixes encodings: {where} not UTF-8, read as {named(_FALLBACK)}; save it as UTF-8"
    encoding = guess(data)
    text = data.decode(encoding, "replace")
    return text, f"is not UTF-8 (line {line}) and was read as {named(encoding)}; save it as UTF-8 if letters look wrong"


def _without_mark(data: bytes) -> tuple[str, str] | None:
    """UTF-16 that lacks its mark: in text of most scripts one byte of two is often 0, the other never."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    encoding = "utf-16-le" if odd > 8 * even else "utf-16-be" if even > 8 * odd else ""
    if not encoding or len(data) % 2 or max(even, odd) * 4 < len(data):
        return None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    if holds_controls(text):
        return None
    return text, f"is {encoding.upper()} without a byte order mark; save it as UTF-8"
