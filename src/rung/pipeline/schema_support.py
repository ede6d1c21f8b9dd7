"""What of a project's schema is held while an answer is written, with the lines of what is not. Runs no model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rung.config.project import Project
from rung.files.limited import text_of
from rung.records import Problem
from rung.text.json_values import pointer_lines

_SHOWN = 3  # places named in a hint


@dataclass(frozen=True, slots=True)
class Holding:
    """What is wrong with a schema, and what would make answers end."""

    problems: tuple[Problem, ...] = ()
    hints: tuple[str, ...] = ()


def holding(project: Project, schema: str, *, local: bool) -> Holding:
    """Look a schema over. `local`: whether Rung itself holds the model to it; what a server holds is the server's."""
    name = project.settings.behaviour.schema_file
    if not (schema and name):
        return Holding()
    from rung.models.grammar import Unsupported, held_of

    lines = pointer_lines(text_of(project.root / name))
    try:
        held = held_of(schema)
    except Unsupported as error:
        return Holding((Problem(name, 1, f"{error}; no answer can be held to it"),))
    problems = [
        Problem(
            name,
            lines.get(f"{pointer}/{keyword}", 1),
            f"'{keyword}' is no keyword of JSON Schema: nobody holds it{_instead(keyword)}",
        )
        for pointer, keyword in held.unknown
    ]
    problems += [
        Problem(
            name,
            lines.get(f"{pointer}/{keyword}", lines.get(pointer, 1)),
            f"'{keyword}' is not held while an answer is written, which may break it: answers are checked for it afterwards",
        )
        for pointer, keyword in (held.unheld if local else ())
    ]
    return Holding(tuple(problems), tuple(_hints(name, held.without_end, lines, local=local)))


def _hints(name: str, without_end: tuple[str, ...], lines: dict[str, int], *, local: bool) -> Iterator[str]:
    if without_end:
        shown = ", ".join(f"{name}:{lines.get(pointer, 1)}" for pointer in without_end[:_SHOWN])
        more = f" and {len(without_end) - _SHOWN} more" if len(without_end) > _SHOWN else ""
        yield (
            f"{shown}{more} may go on without end (no maxLength, maxItems or maxProperties, or it contains itself):"
            " an answer that runs to the token limit is cut, and "
            + ("closed in few words" if local else "may then be no JSON")
        )


def _instead(keyword: str) -> str:
    return ' (write "type": ["…", "null"])' if keyword == "nullable" else ""
