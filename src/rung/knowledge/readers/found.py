"""A file that was found in a place that a project's sources name."""

from __future__ import annotations

from dataclasses import dataclass

from rung.knowledge.readers.access import Described
from rung.knowledge.readers.source import SourceFile

WEB = ("http://", "https://")  # how a pattern begins that names pages


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read: its paths (of a link, also those of what it leads to), what sidecars say, or why it is left out."""

    file: SourceFile
    names: tuple[str, ...] = ()
    sidecars: Described = ()
    refused: str = ""
    stamp: str = ""  # of a web page: the validators that its server gave
    unchanged: bool = False  # of a web page: what is remembered of it still holds
    note: str = ""  # to be told although it is read
