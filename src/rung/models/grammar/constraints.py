"""The constraint of a step, and what of a schema it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from rung.models.grammar import patterns
from rung.models.grammar.branches import Circular
from rung.models.grammar.contradictions import culprits
from rung.models.grammar.dialects import Dangling, Dialect
from rung.models.grammar.nodes import Alt, Lit, Rules, alt, literal, rendered
from rung.models.grammar.writer import Nothing, TooMany, Writer, text_of_rules
from rung.records import Json
from rung.records.steps import Generate
from rung.text.json_values import SchemaFault, parse, validator

GRAMMAR = 5  # part of a generator's identity: raise it when a grammar changes what can be said


class Unsupported(Exception):
    """No grammar can be made of this constraint; the message says what to change.

    Attributes:
        pointer: where in a schema, as a JSON pointer; with the keyword, where one is to blame.
        is_wrong: whether no value, or nobody's reading, will do: not where it is only too large.
    """

    def __init__(self, message: str, pointer: str = "", *, is_wrong: bool = True) -> None:
        super().__init__(message)
        self.pointer, self.is_wrong = pointer, is_wrong


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the engine is told.

    Args:
        kind: the engine's name for the sort of constraint.
        text: the constraint.
        rules: of a grammar of ours.
        differing: the schema, where items of its arrays must differ and the grammar does not say so (see `repeats`).
    """

    kind: Literal["grammar", "regex"]
    text: str
    rules: Rules = field(default_factory=dict, compare=False, repr=False)
    differing: str = ""

    @classmethod
    def of_rules(cls, rules: Rules) -> Constraint:
        """The grammar of these rules; "root" is where it begins."""
        return cls("grammar", text_of_rules(rules), rules)


@dataclass(frozen=True, slots=True)
class Held:
    """What becomes of a schema while decoding. Places are JSON pointers into it.

    Args:
        grammar: what the engine is told.
        unheld: (pointer, keyword) that the grammar does not hold: answers may break it.
        unknown: (pointer, keyword) that JSON Schema does not know: nobody holds it.
        without_end: pointers of strings and lists that have no upper length: an answer may run on until it is cut.
        rules: of the grammar.
        is_differing: items must differ that the grammar would repeat: `repeats` looks after that.
    """

    grammar: str
    unheld: tuple[tuple[str, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    without_end: tuple[str, ...] = ()
    rules: Rules = field(default_factory=dict, compare=False, repr=False)
    is_differing: bool = False


def constraint(step: Generate) -> Constraint | None:
    """The constraint of a step, None if it has none.

    Raises:
        Unsupported: the schema is no schema or allows nothing, the expression is none, or more than one was given.
    """
    given = sum(map(bool, (step.schema, step.regex, step.choices)))
    if given > 1:
        raise Unsupported("a step may have one of schema, regex and choices: give one")
    if step.schema:
        return of_schema(step.schema)
    if step.regex:
        return _of_regex(step.regex)
    if step.choices:
        rules: Rules = {"root": alt(Lit(choice) for choice in step.choices)}
        return Constraint("grammar", "root ::= " + " | ".join(literal(choice) for choice in step.choices) + "\n", rules)
    return None


def of_schema(schema: str) -> Constraint:
    """The grammar of a JSON Schema given as text.

    Raises:
        Unsupported: it is no JSON Schema, or no value can satisfy it.
    """
    held = held_of(schema)
    return Constraint("grammar", held.grammar, held.rules, schema if held.is_differing else "")


@lru_cache(maxsize=64)
def held_of(schema: str) -> Held:
    """What is held of a JSON Schema given as text.

    Raises:
        Unsupported: it is no JSON Schema, or no value can satisfy it.
    """
    try:
        validator(schema)
        source = parse(schema)
        writer = Writer(Dialect(source))
        rules = writer.grammar()
    except SchemaFault as error:
        raise Unsupported(str(error).splitlines()[0], error.pointer) from error
    except Dangling as error:
        raise Unsupported(f"the schema refers to {error}, which is not there: mend the reference") from error
    except Circular as error:
        message = f"the schema refers to itself at '{error}' with nothing between: mend the reference"
        raise Unsupported(message, f"{error}/$ref") from error
    except Nothing as error:
        raise _contradiction(source, str(error)) from error
    except (TooMany, RecursionError) as error:
        message = "the schema is too large or nested too deeply to be held: make it simpler"
        raise Unsupported(message, is_wrong=False) from error
    notes = tuple(writer.unheld), tuple(writer.dialect.unknown), tuple(writer.without_end)
    return Held(text_of_rules(rules), *notes, rules, writer.is_differing)


def _contradiction(source: Json, pointer: str) -> Unsupported:
    """What to say of a schema that no value can satisfy."""
    pointer, words = culprits(source, pointer, _nothing_at)
    where = f"at '{pointer}'" if pointer else "at all"
    if not words:
        return Unsupported(f"the schema allows no value {where}: mend the parts that contradict each other", pointer)
    named = " and ".join(
        [", ".join(f"'{word}'" for word in words[:-1]), f"'{words[-1]}'"] if words[1:] else [f"'{words[0]}'"]
    )
    together, remedy = ("contradict each other", "; mend one of them") if words[1:] else ("leaves none", "; mend it")
    return Unsupported(f"the schema allows no value {where}: {named} {together}{remedy}", f"{pointer}/{words[0]}")


def _nothing_at(source: Json) -> str | None:
    try:
        Writer(Dialect(source)).grammar()
    except Nothing as error:
        return str(error)
    except (Dangling, Circular, TooMany, RecursionError):
        return ""
    return None


def _of_regex(regex: str) -> Constraint:
    """A regular expression that the whole answer must match."""
    try:
        re.compile(regex)
    except re.error as error:
        raise Unsupported(f"the regular expression {regex!r} is broken: {error}") from error
    whole = regex.removeprefix("^")
    if whole.endswith("$") and not whole.endswith("\\$"):
        whole = whole[:-1]
    try:
        node = patterns.read(f"^(?:{whole})$")
    except patterns.Unread:
        return Constraint("regex", whole)  # the engine knows some more
    if node == Alt(()):
        raise Unsupported(f"the regular expression {regex!r} matches nothing")
    return Constraint("grammar", f"root ::= {rendered(node)}\n", {"root": node})
