"""What of a project's schema is held while an answer is written, with the lines of what is not. Runs no model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rung.config.project import Project
from rung.errors import InputError
from rung.files.limited import text_of
from rung.records import Problem
from rung.text.json_values import line_of, pointer_lines

_SHOWN = 3  # places named in a hint


@dataclass(frozen=True, slots=True)
class Holding:
    """What is wrong with a schema, and what would make answers end."""

    problems: tuple[Problem, ...] = ()
    hints: tuple[str, ...] = ()


def check_schema(project: Project, schema: str) -> None:
    """Refuse a schema that no answer can be held to.

    Raises:
        InputError: no value can satisfy it or, where Rung holds it, it is too large; with the line of the keyword.
    """
    name = project.settings.behaviour.schema_file
    if not (schema and name):
        return
    from rung.models.catalog import is_local
    from rung.models.grammar import Unsupported, held_of

    try:
        held_of(schema)
    except Unsupported as error:
        if error.is_wrong or is_local(project.settings.model):
            path = project.root / name
            raise InputError(str(error), path=path, line=line_of(pointer_lines(text_of(path)), error.pointer)) from error


def holding(project: Project, schema: str, *, local: bool) -> Holding:
    """Look over a schema that `check_schema` lets pass."""
    name = project.settings.behaviour.schema_file
    if not (schema and name):
        return Holding()
    from rung.models.grammar import Unsupported, held_of

    lines = pointer_lines(text_of(project.root / name))
    try:
        held = held_of(schema)
    except Unsupported:  # too large for us, and a server's to hold
        return Holding()
    problems = [
        Problem(
            name,
            line_of(lines, f"{pointer}/{keyword}"),
            f"'{keyword}' is no keyword of JSON Schema: nobody holds it{_instead(keyword)}",
        )
        for pointer, keyword in held.unknown
    ]
    problems += [
        Problem(
            name,
            line_of(lines, f"{pointer}/{keyword}"),
            f"'{keyword}' is not held while an answer is written, which may break it: answers are checked for it afterwards",
        )
        for pointer, keyword in (held.unheld if local else ())
    ]
    return Holding(tuple(problems), tuple(_hints(name, held.without_end, lines, local=local)))


def _hints(name: str, without_end: tuple[str, ...], lines: dict[str, int], *, local: bool) -> Iterator[str]:
    if without_end:
        shown = ", ".join(f"{name}:{line_of(lines, pointer)}" for pointer in without_end[:_SHOWN])
        more = f" and {len(without_end) - _SHOWN} more" if len(without_end) > _SHOWN else ""
        yield (
            f"{shown}{more} may go on without end (no maxLength, maxItems or maxProperties, or it contains itself):"
            " an answer that runs to the token limit is cut, and "
            + ("closed in few words" if local else "may then be no JSON")
        )


def _instead(keyword: str) -> str:
    return ' (write "type": ["…", "null"])' if keyword == "nullable" else ""
