"""Who may read a document: what it says itself, its sidecars, the rules of `rung.yaml`, a function.

Each of these places can only narrow: a document may be read by the groups that all of them name. Where none is left, where
one of them cannot be understood, or where something looks like a mark of access and is none that is read (`marks`), the
document is left out, never made public. Which file is a sidecar is left to `sidecars`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from rung.knowledge.readers import marks
from rung.knowledge.readers.source import Unusable
from rung.knowledge.readers.unread import mark_in_head
from rung.records import Document, Json

_READER_KEYS = frozenset({"body_start", "pages", "format", "language"})  # what readers say about the text

# What sidecars say: first its own ({} where it has none), then those of the folders above it and of what a link leads to.
Described = Sequence[Mapping[str, Json]]
# The groups of a document, or None where the function has nothing to say about it; an empty list means everybody.
GroupsOf = Callable[[Document], Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """Documents whose path matches `path` (a folder, or a pattern) are for `groups`; for everybody where it is empty."""

    path: str
    groups: tuple[str, ...]
    line: int = 0

    def covers(self, name: str) -> bool:
        """Whether this name of a document matches."""
        return _pattern(_composed(self.path)).fullmatch(_composed(name)) is not None

    def nearly_covers(self, name: str) -> bool:
        """Whether it would, were it not for upper and lower case."""
        return _pattern(_composed(self.path).casefold()).fullmatch(_composed(name).casefold()) is not None


@dataclass
class Access:
    """The rules, in order: of those that match a place, the first one counts for it. `matched` remembers which ever did."""

    rules: Sequence[Rule] = ()
    groups_of: GroupsOf | None = None
    matched: set[int] = field(default_factory=set)

    def narrowed(self, document: Document, *, names: Iterable[str], sidecars: Described = ()) -> Document:
        """The document with the groups that it has in the end, and with what its sidecar says.

        Args:
            names: the paths of its file: where it stands, what a link leads to, where it lies in an archive. Each is under
                the first rule that covers it, and all of these rules count. A row's own id can only add a rule.
            sidecars: what its sidecars say; the first one describes it, of the others only the groups are read.

        Raises:
            Unusable: what some place says cannot be understood, or no group is named by all of them.
        """
        _refuse_marks(document)
        places = [("it", document.groups)]
        for number, values in enumerate(sidecars):
            places.append(("its sidecar" if not number else "another sidecar", groups_of(values)))
        if sidecars:
            document = _described(document, sidecars[0])
        for number in self._ruling(document.id, list(dict.fromkeys(names))):
            self.matched.add(number)
            places.append((f"the rule '{self.rules[number].path}'", self.rules[number].groups))
        if self.groups_of is not None:
            places.append(("the groups function", self._asked(self.groups_of, document)))
        return replace(document, groups=_common(places))

    def unmatched(self) -> list[Rule]:
        """Rules that no document matched: probably misspelt, and then something is public that should not be."""
        return [rule for number, rule in enumerate(self.rules) if number not in self.matched]

    def _ruling(self, id: str, names: Sequence[str]) -> list[int]:
        """The rules that count for a document, by number."""
        rules = [number for name in names or [id] if (number := self._first(name)) is not None]
        if (
            id not in names
        ):  # a rule that already had its say about the file, or gave way to an earlier one, is not about the id
            aimed = (n for n, rule in enumerate(self.rules) if not any(map(rule.covers, names)) and rule.covers(id))
            rules += [number for number in [next(aimed, None)] if number is not None]
        return list(dict.fromkeys(rules))

    def _first(self, name: str) -> int | None:
        for number, rule in enumerate(self.rules):
            if rule.covers(name):
                return number
            if rule.groups and rule.nearly_covers(name):
                raise Unusable(
                    f"the rule '{rule.path}' would cover it but for upper and lower case: write its path as it is; left out"
                )
        return None

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
    """The groups that may read a document: a list, or names separated by commas. Absent, null or empty: everybody.

    Raises:
        Unusable: they are no names, or another key looks like a mark of access; taking the document would make it public.
    """
    if key := marks.in_values(values):
        raise Unusable(refusal(key))
    declared = values.get(marks.GROUPS)
    if declared is None:
        return ()
    names = declared.split(",") if isinstance(declared, str) else declared
    listed = isinstance(declared, str) and re.search(r"^\s*[\[{(\"']|[;|\n]", declared)
    if (
        listed
        or not isinstance(names, list)
        or not all(isinstance(n, (str, int)) and not isinstance(n, bool) for n in names)
    ):
        shown = json.dumps(declared, default=str)[:80]
        raise Unusable(f"groups must be a list of names (quote yes, no, on and off): got {shown}; left out")
    groups = tuple(dict.fromkeys(str(name).strip() for name in names))
    if "" in groups:
        raise Unusable("groups holds an empty name; write the names, or leave the key out for everybody; left out")
    if odd := next((name for name in groups if hidden_character(name)), None):
        raise Unusable(f"the group {odd!a} holds {hidden_character(odd)}, which nobody sees: write it anew; left out")
    return groups


def refusal(key: str) -> str:
    """Why a document with a mark that is not understood is left out."""
    return (
        f"'{key.strip()}' looks like a mark of access, and is none that is read: write 'groups' in front matter (Markdown,"
        " from line 1), in the row, in a sidecar or in knowledge.access, or name it otherwise; left out"
    )


def hidden_character(name: str) -> str:
    """The first character of a name that cannot be seen or looks like a plain space, as U+200B; "" where there is none."""
    odd = (c for c in name if not c.isprintable() or unicodedata.category(c) == "Cf")
    return next((f"U+{ord(c):04X}" for c in odd), "")


def _refuse_marks(document: Document) -> None:
    """Raises `Unusable` where a document carries a mark of access that its reader did not take as groups."""
    meta = {key: value for key, value in document.meta.items() if key not in _READER_KEYS}
    if marks.GROUPS in meta or (key := marks.in_values(meta)):
        raise Unusable(refusal(marks.GROUPS if marks.GROUPS in meta else key))
    if (mark := mark_in_head(document)) is not None:
        raise Unusable(refusal(mark[1]), mark[0])


def _described(document: Document, sidecar: Mapping[str, Json]) -> Document:
    """The document with the title and the meta that its sidecar gives; what its reader found out stays."""
    title = sidecar.get("title")
    meta = {key: value for key, value in sidecar.items() if key not in ("title", "groups") and key not in _READER_KEYS}
    words = " ".join(str(title).split()) if isinstance(title, (str, int, float)) and not isinstance(title, bool) else ""
    return replace(document, title=words or document.title, meta={**document.meta, **meta})


def _common(places: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """The groups that every place names; a place that names none says nothing."""
    speaking = [(who, groups) for who, groups in places if groups]
    if not speaking:
        return ()
    left = [group for group in speaking[0][1] if all(group in groups for _, groups in speaking)]
    if not left:
        listed = "; ".join(f"{who} says {', '.join(groups)}" for who, groups in speaking)
        raise Unusable(f"nobody could read it: {listed}; no group is in all of them; left out")
    return tuple(left)


@lru_cache(maxsize=8192)
def _composed(path: str) -> str:
    """A path with each letter as one character: file systems and keyboards write ü in two ways."""
    return unicodedata.normalize("NFC", path)


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    """`**` is any folders, `*` and `?` stay within one; a path without them covers the file, or all of a folder.

    Brackets are a choice of characters, and also themselves: a folder may really be called `[x]`.
    """
    path = path.removeprefix("./").strip("/")
    whole = "" if set(path) & set("*?") else r"(?:/.*)?"
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]/]+\])", path)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pattern = "".join(wild.get(p) or (_class(p) if p.startswith("[") and p.endswith("]") else re.escape(p)) for p in parts)
    return re.compile(pattern + whole, re.DOTALL)


def _class(part: str) -> str:
    inner = part[1:-1].replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
    return f"(?:[^{inner[1:]}]|{re.escape(part)})" if inner.startswith("!") else f"(?:[{inner}]|{re.escape(part)})"
