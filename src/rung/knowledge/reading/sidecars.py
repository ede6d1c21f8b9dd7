"""Which file describes which other: `report.pdf.meta.yaml` is the front matter of `report.pdf`, `hr.meta.yaml` of a folder.

A file that seems meant as a sidecar and is none (another ending, another case, a slip in the name) leaves the document out
that it seems to describe. What the keys mean is left to `access`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher
from pathlib import PurePath

from rung.knowledge.markdown import FrontMatterError, front_matter
from rung.knowledge.reading import marks
from rung.knowledge.reading.source import Unusable
from rung.records import Json

SIDECAR = ".meta.yaml"
_MEANT = re.compile(r"(?P<name>.+)\.(?:meta|metadata|groups?|access|acl|permissions?|rung)\.ya?ml", re.IGNORECASE)
_ALIKE = re.compile(
    r"(?P<name>.+)\.(?:meta|metadata|groups?|access|acl|permissions?|rung)(?:\.(?:json|toml|ini|txt))?", re.IGNORECASE
)
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
    """The sidecars among the names of one folder. `orphans`: those that describe nothing, by what they would describe."""

    def __init__(self, names: Iterable[str]) -> None:
        names = frozenset(names)
        self._of: dict[str, list[str]] = {}
        self._perhaps: dict[str, list[str]] = {}  # those that count if they say anything of access
        self.orphans: dict[str, str] = {}
        lost: list[tuple[str, str]] = []
        for name in sorted(names):
            if (described := described_by(name)) is not None:
                if described in names:
                    self._of.setdefault(described, []).append(name)
                else:
                    lost.append((name, described))
                    self.orphans[name] = described
            elif (alike := _ALIKE.fullmatch(name)) and alike["name"] in names:
                self._perhaps.setdefault(alike["name"], []).append(name)
        bare = [name for name in names if name not in self._of and described_by(name) is None] if lost else []
        for name, described in lost:
            for other in bare:
                if _is_slip(described, other):
                    self._perhaps.setdefault(other, []).append(name)

    def of(self, name: str, read: Read) -> Values | None:
        """What the sidecar of the file called `name` says; None where it has none. `read` gives a sibling's bytes.

        Raises:
            Unusable: there are two, it is misspelt, or it cannot be understood.
        """
        found = [*self._of.get(name, ()), *(other for other in self._perhaps.get(name, ()) if _names_access(other, read))]
        if not found:
            return None
        if found != [name + SIDECAR]:
            listed = ", ".join(found)
            raise Unusable(f"has {listed} beside it: only {name}{SIDECAR} is read; rename or remove it; left out")
        try:
            return values_of(read(found[0]))
        except OSError as error:
            raise Unusable(f"its sidecar {found[0]} cannot be read ({error.strerror or error}); left out") from error
        except Unusable as error:
            raise Unusable(f"its sidecar {found[0]} {error}; left out") from error


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


def _names_access(name: str, read: Read) -> bool:
    """Whether a file beside a document, in a form that is not read, says who may read: by its name or by one of its keys."""
    try:
        said = read(name)[:_LONGEST].decode("utf-8", "replace")
    except (OSError, Unusable):
        return True
    called = re.split(r"\.", name.casefold())[-2:]
    return any(marks.kind_of(word) for word in called) or any(
        marks.kind_of(key) in ("plain", "vague") for key in _SAYS.findall(said)
    )
