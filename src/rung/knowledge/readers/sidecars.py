"""Which file describes which other: `report.pdf.meta.yaml` is the front matter of `report.pdf`, `hr.meta.yaml` of a folder.

A file that seems meant as a sidecar and is none (another ending, another case, a slip in the name) leaves the document out
that it seems to describe; one that seems to speak of its folder (`_meta.json`), all that lies there.
What the keys mean is left to `access`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import PurePath

import yaml

from rung.knowledge.chunking.markdown import FrontMatterError, front_matter
from rung.knowledge.readers import marks
from rung.knowledge.readers.source import Unusable
from rung.records import Json

SIDECAR = ".meta.yaml"
OF_FOLDER = (
    "holds {}, which looks like a mark of access for all in it, and is not read: write a .meta.yaml beside it; left out"
)
_MEANT = re.compile(r"(?P<name>.+)\.(?:meta|metadata|groups?|access|acl|permissions?|rung)\.ya?ml", re.IGNORECASE)
_CALLED = frozenset(
    {
        "meta",
        "metadata",
        "front",
        "frontmatter",
        "properties",
        "props",
        "group",
        "groups",
        "access",
        "acl",
        "acls",
        "permission",
        "permissions",
        "rung",
    }
)
_DATA = frozenset({"json", "yaml", "yml", "toml", "ini", "cfg", "conf", "xml"})
_ENDINGS = _CALLED | _DATA | frozenset({"txt", "bak", "orig", "old"})
_OF_FOLDERS = _CALLED | {"category", "htaccess"}
_OF_SERVERS = re.compile(r"^\s*(?:require|deny|allow|authtype)\b", re.IGNORECASE | re.MULTILINE)
_LAST = re.compile(r"[._\- ~]+([a-z]+)$")
_SAYS = re.compile(r"[\"']?([^\W\d_][\w .-]{0,40}?)[\"']?\s*[:=]")
_LONGEST = 65_536
_CLOSE = 0.85  # of two names that may be one with a slip

Read = Callable[[str], bytes]
Values = Mapping[str, Json]


def described_by(name: str) -> str | None:
    """The name of what a file of this name describes; None if it is no sidecar."""
    meant = _MEANT.fullmatch(name)
    return meant["name"] if meant else None


class Sidecars:
    """The sidecars among the names of one folder; of `folders` among them, none is one.

    `orphans`: those that describe nothing, by what they would describe.
    """

    def __init__(self, names: Iterable[str], folders: Iterable[str] = ()) -> None:
        names = frozenset(names)
        self._of: dict[str, list[str]] = {}
        self._perhaps: dict[str, list[str]] = {}  # those that count if they say anything of access
        self._bare: dict[str, list[str]] = {}  # `a.json` beside `a.txt`: if it is no document itself
        self._of_folder: list[str] = []
        self._folder_says: str | None = None
        self.orphans: dict[str, str] = {}
        lost: list[tuple[str, str]] = []
        for name in sorted(names):
            if (described := described_by(name)) is not None:
                if described in names:
                    self._of.setdefault(described, []).append(name)
                else:
                    lost.append((name, described))
                    self.orphans[name] = described
        self._add_alike(names, frozenset(folders))
        bare = [name for name in names if name not in self._of and described_by(name) is None] if lost else []
        for name, described in lost:
            for other in bare:
                if _is_slip(described, other):
                    self._perhaps.setdefault(other, []).append(name)

    def _add_alike(self, names: frozenset[str], folders: frozenset[str]) -> None:
        """Note the files whose names look like that of a sidecar of another one, and those that may speak of the folder."""
        there: dict[str, list[str]] = {}
        for name in sorted(names):
            for called in {_folded(name), PurePath(_folded(name)).stem}:
                there.setdefault(called, []).append(name)
        for name in sorted(names - folders):
            if described_by(name) in names:
                continue
            for described, worded in _described(name):
                if not described:
                    self._of_folder.append(name)
                perhaps = self._perhaps if worded else self._bare
                for other in there.get(described, ()):
                    if other != name and name not in perhaps.get(other, ()):
                        perhaps.setdefault(other, []).append(name)

    def of_folder(self, read: Read) -> str:
        """The name of a file that seems to say who may read all in this folder, as `_meta.json`; "" where there is none."""
        if self._folder_says is None:
            self._folder_says = next((name for name in self._of_folder if _restricts_all(name, read)), "")
        return self._folder_says

    def of(self, name: str, read: Read) -> Values | None:
        """What the sidecar of the file called `name` says; None where it has none. `read` gives a sibling's bytes.

        Raises:
            Unusable: there are two, it is misspelt, or it cannot be understood.
        """
        names = list(self._of.get(name, ()))
        names += [other for other in self._perhaps.get(name, ()) if other not in names and _names_access(other, read)]
        names += [other for other in self._bare.get(name, ()) if _is_bare_mark(other, read)]
        names = list(dict.fromkeys(names))
        if not names:
            return None
        if names != [name + SIDECAR]:
            listed = ", ".join(names)
            raise Unusable(f"has {listed} beside it: only {name}{SIDECAR} is read; rename or remove it; left out")
        try:
            return values_of(read(names[0]))
        except OSError as error:
            raise Unusable(f"its sidecar {names[0]} cannot be read ({error.strerror or error}); left out") from error
        except Unusable as error:
            raise Unusable(f"its sidecar {names[0]} {error}; left out") from error


def values_of(data: bytes) -> Values:
    """The keys and values of a sidecar: a YAML mapping, with the keys of a front matter.

    Raises:
        Unusable: it is none.
    """
    if len(data) > _LONGEST:
        raise Unusable(f"is longer than {_LONGEST} bytes")
    try:
        text = data.decode("utf-8-sig")
        whole = f"---\n{text}\n---\n"
        matter = front_matter(whole)
    except UnicodeDecodeError as error:
        raise Unusable("is not UTF-8") from error
    except FrontMatterError as error:
        raise Unusable(f"cannot be understood (line {max(1, error.line - 1)}: {error})") from error
    if matter.body_start != len(whole) or (text.strip() and not matter.values):
        raise Unusable("is no YAML mapping of keys to values")
    return dict(matter.values)


def _is_slip(described: str, name: str) -> bool:
    """Whether a sidecar for `described`, which is not there, may be meant for `name`: never for one of another number."""
    meant, there = _folded(described), _folded(name)
    if there == meant or PurePath(there).stem == meant:
        return True
    digits = re.findall(r"\d+", meant) == re.findall(r"\d+", there)
    return digits and SequenceMatcher(None, meant, there).ratio() >= _CLOSE


def _folded(name: str) -> str:
    return marks.plainly(unicodedata.normalize("NFC", name)).casefold()


def _described(name: str) -> Iterator[tuple[str, bool]]:
    """What a file of this name may describe, "" being its folder, and whether a word such as `meta` in it says so."""
    left, worded = _folded(name).strip(" ~._"), False
    endings: list[str] = []
    while (last := _LAST.search(left)) and last[1] in _ENDINGS:
        left, worded = left[: last.start()].rstrip("._- ~"), worded or last[1] in _CALLED
        endings.append(last[1])
        if left and (worded or endings[0] in _DATA):
            yield left, worded
    if left in _OF_FOLDERS and (not endings or endings[-1] in _DATA):
        yield "", True


def _names_access(name: str, read: Read) -> bool:
    """Whether a file beside a document, in a form that is not read, says who may read: by its name or by one of its keys."""
    try:
        text = read(name)[:_LONGEST].decode("utf-8", "replace")
    except (OSError, Unusable):
        return True
    called = re.split(r"\.", name.casefold())[-2:]
    return any(marks.kind_of(word) for word in called) or any(
        marks.kind_of(key) in ("plain", "vague") for key in _SAYS.findall(text)
    )


def _is_bare_mark(name: str, read: Read) -> bool:
    """Whether a file that has only its name in common with a document is an object without a text that says who may read."""
    try:
        data = read(name)
    except (OSError, Unusable):
        return False
    value = _parsed(name, data)
    return isinstance(value, dict) and _says_access(value)


def _restricts_all(name: str, read: Read) -> bool:
    """Whether a file that is named like one about its folder says who may read."""
    try:
        data = read(name)
    except (OSError, Unusable):
        return True
    text = data[:_LONGEST].decode("utf-8", "replace")
    if not text.strip():
        return False
    if PurePath(_folded(name).lstrip("._")).suffix == "":
        return bool(_OF_SERVERS.search(text)) if "htaccess" in name else True
    value = _parsed(name, data)
    return _says_access(value) if isinstance(value, (dict, list)) else _names_access(name, lambda _: data)


def _parsed(name: str, data: bytes) -> object:
    """The value in a file of data; None where it is none."""
    if len(data) > _LONGEST:
        return None
    try:
        text = data.decode("utf-8-sig")
        return tomllib.loads(text) if name.casefold().rstrip("~").endswith("toml") else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def _says_access(value: object) -> bool:
    """Whether a value, which is no document, holds a key that restricts; `groups: Our groups`, as of a title, does not."""
    if isinstance(value, list):
        return any(_says_access(inner) for inner in value)
    if not isinstance(value, dict) or marks.holds_text(value):
        return False
    for key, nested in value.items():
        if isinstance(nested, dict):
            if _says_access(nested):
                return True
        elif marks.restricts(str(key), nested) and not (
            isinstance(nested, str) and set(marks.words_of(str(key))) & set(marks.words_of(nested))
        ):
            return True
    return False
