"""The parts of an Office document (Open Packaging Conventions): their XML, and which part leads to which.

Elements and attributes go by their local names, since the two namespaces of each vocabulary (transitional and strict) mean
the same. Attributes of the namespace of relationships keep the prefix `r:`. What the parts say is left to the readers.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from rung.knowledge.readers import zips
from rung.knowledge.readers.source import SourceFile, Unusable

_RELATIONSHIPS = "elationships}"


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part leads to: the last word of its type ("image"), another part or, `external`, an address."""

    kind: str
    target: str
    external: bool = False


class Package:
    """The parts of a document, by name without a leading slash; names differ by more than case."""

    def __init__(self, file: SourceFile) -> None:
        self._archive = zips.opened(file)
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in self._archive.infolist():
            self._members.setdefault(_key(member.filename), member)

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._members

    def read(self, name: str) -> bytes:
        """A part.

        Raises:
            Unusable: it is missing, or cannot be unpacked.
        """
        member = self._members.get(_key(name))
        if member is None:
            raise Unusable(f"lacks its part {name}")
        try:
            return zips.member(self._archive, member)
        except Unusable as error:
            raise Unusable(f"has a part {name} that {error}") from error

    def open(self, name: str) -> IO[bytes]:
        """A part, to be read piece by piece.

        Raises:
            Unusable: it is missing, or cannot be unpacked.
        """
        member = self._members.get(_key(name))
        if member is None:
            raise Unusable(f"lacks its part {name}")
        try:
            return self._archive.open(member)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
            raise Unusable(f"has a part {name} that cannot be unpacked ({error})") from error

    def xml(self, name: str) -> Element:
        """The root of a part, with local names and with one branch of each alternative.

        Raises:
            Unusable: it is missing, cannot be unpacked, or is no XML.
        """
        data = self.read(name)
        try:
            root = ElementTree.fromstring(data)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise Unusable(f"has a part {name} that is no XML ({error})") from error
        _localize(root)
        _decide(root)
        return root

    def relations(self, part: str) -> dict[str, Relation]:
        """What a part leads to, by relationship id; {} where nothing is said. `part` "" is the package itself."""
        folder, name = posixpath.split(part)
        listing = posixpath.join(folder, "_rels", f"{name}.rels")
        if listing not in self:
            return {}
        return {e.get("Id", ""): _relation(e, folder) for e in self.xml(listing) if e.tag == "Relationship"}

    def related(self, part: str, kind: str) -> Iterator[str]:
        """The parts of a kind that a part leads to and that are there."""
        for relation in self.relations(part).values():
            if relation.kind == kind and not relation.external and relation.target in self:
                yield relation.target

    def main(self, default: str) -> str:
        """The name of the part that the document begins with."""
        try:
            return next(self.related("", "officeDocument"), default)
        except Unusable:
            return default

    def title(self) -> str:
        """The title in the document's properties; "" where there is none."""
        try:
            name = next(self.related("", "core-properties"), "docProps/core.xml")
            return " ".join((self.xml(name).findtext("title") or "").split())
        except Unusable:
            return ""  # its properties are broken or missing; its text need not be


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _relation(element: Element, folder: str) -> Relation:
    kind = element.get("Type", "").rpartition("/")[2]
    target = element.get("Target", "")
    if element.get("TargetMode") == "External":
        return Relation(kind, target, external=True)
    inside = unquote(target).split("#")[0]
    path = inside if inside.startswith("/") else posixpath.join(folder, inside)
    return Relation(kind, posixpath.normpath(path).lstrip("/"))


def _localize(root: Element) -> None:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key in [key for key in element.attrib if key[0] == "{"]:
            space, _, name = key.rpartition("}")
            local = f"r:{name}" if f"{space}}}".endswith(_RELATIONSHIPS) else name
            element.attrib.setdefault(local, element.attrib.pop(key))


def _decide(root: Element) -> None:
    """Put one of its branches in the place of each alternative: the first, or else the one that holds text."""
    for parent in reversed(list(root.iter())):  # inner ones before outer ones
        if not any(child.tag == "AlternateContent" for child in parent):
            continue
        children: list[Element] = []
        for child in parent:
            if child.tag != "AlternateContent":
                children.append(child)
                continue
            branches = [branch for branch in child if branch.tag in ("Choice", "Fallback")]
            best = next((branch for branch in branches if _says(branch)), branches[0] if branches else ())
            children.extend(best)
        parent[:] = children


def _says(branch: Element) -> bool:
    """Whether a branch holds words, or leads to a part that may."""
    return any((e.text and e.text.strip()) or e.tag in ("chart", "relIds") for e in branch.iter())
