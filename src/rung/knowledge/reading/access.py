"""Who may read a document, by what stands outside it: a sidecar file, the rules of `rung.yaml`, a function.

What a document says of itself (front matter, `groups` of a row) is left to its reader. Each of these places can only
narrow: a document may be read by the groups that all of them name. Where none is left, or one of them cannot be
understood, the document is left out, never made public.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from rung.knowledge.markdown import FrontMatterError, front_matter
from rung.knowledge.reading.source import Unusable
from rung.records import Document, Json

# `report.pdf.meta.yaml` is the front matter of `report.pdf`. The other endings are slips of the pen that would make public.
SIDECAR = ".meta.yaml"
_MEANT = re.compile(r"(?P<name>.+)\.(?:meta|group|groups|access|acl|rung)\.ya?ml$", re.IGNORECASE)
_LONGEST = 65_536
_KEPT = frozenset({"body_start", "pages", "format", "language"})  # what readers say about the text; nobody else may

# What a sidecar says; None: there is none.
Said = Mapping[str, Json] | None
# The groups of a document, or None where the function has nothing to say about it; an empty list means everybody.
GroupsOf = Callable[[Document], Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """Documents whose path matches `path` (a folder, or a pattern) are for `groups`; for everybody where it is empty."""

    path: str
    groups: tuple[str, ...]
    line: int = 0

    def covers(self, names: Iterable[str]) -> bool:
        """Whether one of these names of a document matches."""
        pattern = _pattern(self.path)
        return any(pattern.fullmatch(name) for name in names)


@dataclass
class Access:
    """The rules, in order: of those that match a document the first one counts. `matched` remembers which ever did."""

    rules: Sequence[Rule] = ()
    groups_of: GroupsOf | None = None
    matched: set[int] = field(default_factory=set)

    def narrowed(self, document: Document, *, names: Iterable[str], said: Said) -> Document:
        """The document with the groups that it has in the end, and with what its sidecar says.

        Args:
            names: what the document, its file and the file behind a link are called.
            said: what its sidecar says; None where it has none.

        Raises:
            Unusable: what some place says cannot be understood, or no group is named by all of them.
        """
        places = [("it", document.groups)]
        if said is not None:
            places.append(("its sidecar", groups_of(said)))
            document = _described(document, said)
        listed = list(dict.fromkeys((document.id, *names)))
        number = next((n for n, rule in enumerate(self.rules) if rule.covers(listed)), None)
        if number is not None:
            self.matched.add(number)
            places.append((f"the rule '{self.rules[number].path}'", self.rules[number].groups))
        if self.groups_of is not None:
            places.append(("the groups function", self._asked(self.groups_of, document)))
        return replace(document, groups=_common(places))

    def unmatched(self) -> list[Rule]:
        """Rules that no document matched: probably misspelt, and then something is public that should not be."""
        return [rule for number, rule in enumerate(self.rules) if number not in self.matched]

    def _asked(self, function: GroupsOf, document: Document) -> tuple[str, ...]:
        try:
            answer = function(document)
        except Exception as error:  # a stranger's code: its failure must not make the document public
            raise Unusable(f"the groups function failed: {type(error).__name__}: {error}; left out") from error
        if answer is None:
            return ()
        if isinstance(answer, str) or not isinstance(answer, Iterable):
            raise Unusable(f"the groups function must return a list of names or None: got {answer!r}; left out")
        return groups_of({"groups": list(answer)})


def groups_of(values: Mapping[str, Json]) -> tuple[str, ...]:
    """The groups that may read a document: a list, or names separated by commas. Absent or null: everybody.

    Raises:
        Unusable: they are no names, or the key looks misspelt; taking the document would make it public.
    """
    for key in values:
        if key != "groups" and key.strip().lower() in ("group", "groups"):
            raise Unusable(f"the key '{key}' looks like access groups: write 'groups', or name it otherwise; left out")
    said = values.get("groups")
    if said is None:
        return ()
    names = said.split(",") if isinstance(said, str) else said
    if not isinstance(names, list) or not all(isinstance(n, (str, int)) and not isinstance(n, bool) for n in names):
        shown = json.dumps(said, default=str)[:80]
        raise Unusable(f"groups must be a list of names (quote yes, no, on and off): got {shown}; left out")
    groups = tuple(dict.fromkeys(str(name).strip() for name in names))
    if "" in groups:
        raise Unusable("groups holds an empty name; write the names, or leave the key out for everybody; left out")
    return groups


def document_of_sidecar(name: str) -> str | None:
    """The name of the file that a file of this name describes; None if it is no sidecar."""
    meant = _MEANT.fullmatch(name)
    return meant["name"] if meant else None


def sidecar(name: str, siblings: Iterable[str], read: Callable[[str], bytes]) -> dict[str, Json] | None:
    """What the sidecar of the file called `name` says; None where it has none. `read` gives a sibling's bytes.

    Raises:
        Unusable: there are two, it is misspelt, or it cannot be understood.
    """
    found = [sibling for sibling in siblings if document_of_sidecar(sibling) == name]
    if not found:
        return None
    if found != [name + SIDECAR]:
        listed = ", ".join(sorted(found))
        raise Unusable(f"has {listed} beside it: only {name}{SIDECAR} is read; rename or remove it; left out")
    try:
        return values_of(read(found[0]))
    except OSError as error:
        raise Unusable(f"its sidecar {found[0]} cannot be read ({error.strerror or error}); left out") from error
    except Unusable as error:
        raise Unusable(f"its sidecar {found[0]} {error}; left out") from error


def values_of(data: bytes) -> dict[str, Json]:
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
    groups_of(matter.values)
    return dict(matter.values)


def _described(document: Document, said: Mapping[str, Json]) -> Document:
    """The document with the title and the meta that its sidecar gives; what its reader found out stays."""
    title = said.get("title")
    meta = {key: value for key, value in said.items() if key not in ("title", "groups") and key not in _KEPT}
    words = " ".join(str(title).split()) if isinstance(title, (str, int, float)) and not isinstance(title, bool) else ""
    return replace(document, title=words or document.title, meta={**document.meta, **meta})


def _common(places: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """The groups that every place names; a place that names none says nothing."""
    speaking = [(who, groups) for who, groups in places if groups]
    if not speaking:
        return ()
    left = [group for group in speaking[0][1] if all(group in groups for _, groups in speaking)]
    if not left:
        told = "; ".join(f"{who} says {', '.join(groups)}" for who, groups in speaking)
        raise Unusable(f"nobody could read it: {told}; no group is in all of them; left out")
    return tuple(left)


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    """`**` is any folders, `*` and `?` stay within one; a path without them covers the file, or all of a folder."""
    path = path.removeprefix("./").rstrip("/")
    if not set(path) & set("*?["):
        return re.compile(re.escape(path) + r"(?:/.*)?", re.DOTALL)
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]/]+\])", path)
    said = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    made = "".join(said.get(p) or (_class(p) if p.startswith("[") and p.endswith("]") else re.escape(p)) for p in parts)
    return re.compile(made, re.DOTALL)


def _class(part: str) -> str:
    inner = part[1:-1].replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
    return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"


def sidecar_of(path: Path, siblings: frozenset[str]) -> dict[str, Json] | None:
    """What the sidecar of a file on disk says; `siblings` are the names in its folder.

    Raises:
        Unusable: it cannot be understood.
    """
    return sidecar(path.name, siblings, lambda name: (path.parent / name).read_bytes())
