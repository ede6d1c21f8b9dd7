"""The one door by which rungs, scorers, readers, importers, model hosts, tools come in, built in or from other packages.

Each is an entry point (a name, and the text "module:attribute" that is loaded), of a group such as `rung.scorers`. What a
part must be able to do is left to the package that holds its `Door`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from rung.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Door(Generic[T]):
    """All parts of one kind, each of type T.

    Args:
        group: of the entry points.
        noun: what messages call one of them.
        built_in: name -> "module:attribute", in their order.
        part_of: makes the part of what was loaded; raises `TypeError`, which says what it lacks.
        name_of: what a part is called, by its entry point's name and itself; by default that name.
        may_replace: whether a part from another package takes the place of a built-in one of its name.
        error: the kind of error that its messages are.
    """

    group: str
    noun: str
    built_in: Mapping[str, str]
    part_of: Callable[[object], T]
    name_of: Callable[[str, T], str] = lambda name, _part: name
    may_replace: bool = False
    error: type[UserError] = UserError

    def foreign(self) -> list[EntryPoint]:
        """The entry points of other packages, by name."""
        return sorted(entry_points(group=self.group), key=lambda point: (point.name, point.value))

    def load(self, foreign: Iterable[EntryPoint] | None = None) -> dict[str, T]:
        """Every part by name, built-in ones first. `foreign`: by default those of the packages that are installed.

        Raises:
            UserError: one cannot be loaded, is no such part, or has the name of another; names it, and its package.
        """
        parts: dict[str, T] = {}
        for name, value in self.built_in.items():
            part = self._loaded(EntryPoint(name, value, self.group))
            parts[self.name_of(name, part)] = part
        taken = set[str]() if self.may_replace else set(parts)
        for point in self.foreign() if foreign is None else foreign:
            part = self._loaded(point)
            name = self.name_of(point.name, part)
            if name in taken:
                raise self.error(
                    f"two {self.noun}s are called '{name}': rename or uninstall the one of {_package(point)} ({point.value})"
                )
            taken.add(name)
            parts[name] = part
        return parts

    def _loaded(self, point: EntryPoint) -> T:
        try:
            return self.part_of(point.load())
        except Exception as error:  # whatever a stranger's module does while it is imported
            of = f"the {self.noun} '{point.name}' of {_package(point)} ({point.value})"
            raise self.error(f"{of} cannot be loaded: {type(error).__name__}: {error}; mend or uninstall it") from error


def hint(name: str, names: Iterable[str]) -> str:
    """What to say of a name that is none of these: which of them was meant or, where none is near, which there are."""
    there = list(names)
    close = difflib.get_close_matches(name, there, n=1)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(there)}"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value.partition(".")[0]
