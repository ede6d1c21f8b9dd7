"""Arrays of a JSON Schema: items by their place, their number, what must be among them, and whether they may repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

from rung.models.grammar.branches import Branch, bounds
from rung.models.grammar.dialects import as_list
from rung.models.grammar.nodes import EMPTY, LONGEST, Alt, Lit, Node, Ref, Rep, alt, seq
from rung.models.grammar.repeats import differing
from rung.models.grammar.values import elements, spelled
from rung.records import Json, digest

if TYPE_CHECKING:
    from rung.models.grammar.writer import Writer

_MAX_STATES = 1024  # of an array whose items are counted or may not repeat


@dataclass(frozen=True, slots=True)
class Items:
    """What a branch asks of an array: schemas by place, of the rest, and how many."""

    first: tuple[tuple[Json, ...], ...]
    rest: tuple[Json, ...]
    least: int
    most: int | None


def items_of(branch: Branch) -> Items:
    """The parts of a branch that speak of arrays."""
    longest = max((len(as_list(part.get("prefixItems"))) for part in branch), default=0)
    first = tuple(tuple(schema for part in branch for schema in _at(part, index)) for index in range(longest))
    rest: tuple[Json, ...] = tuple(part["items"] for part in branch if "items" in part)
    return Items(first, rest, *bounds(branch, "minItems", "maxItems"))


def _at(part: dict[str, Json], index: int) -> tuple[Json, ...]:
    named = as_list(part.get("prefixItems"))
    if index < len(named):
        return (named[index],)
    return (part["items"],) if "items" in part else ()


def array(branch: Branch, writer: Writer) -> Node:
    """An array; what cannot be held is noted."""
    items = items_of(branch)
    if items.most is not None and items.most < items.least:
        return Alt(())
    if items.least > LONGEST:
        writer.note(branch, "minItems")
    counts = any("maxContains" in part or part.get("minContains", 1) != 0 for part in branch if "contains" in part)
    if any(part.get("uniqueItems") is True for part in branch) and items.most not in (0, 1):
        different = _different(branch, items, writer)
        if different is not None:
            return different
        if not counts and _may_be_told_apart(items, writer):
            writer.is_differing = True
        else:
            writer.note(branch, "uniqueItems")
    return _counted(branch, items, writer) if counts else _plain(items, writer)


def _may_be_told_apart(items: Items, writer: Writer) -> bool:
    """Whether repeated items can be said otherwise when they are met (`repeats`): the array may end, or its items are few
    enough of states."""
    if items.first:
        return False
    return items.least < 2 or differing(writer.rule(items.rest), [], writer.rules) is not None


def _plain(items: Items, writer: Writer) -> Node:
    least = min(items.least, LONGEST)
    most = None if items.most is None or items.most > LONGEST else items.most
    if most == 0:
        return Lit("[]")
    rest = writer.rule(items.rest)
    count = len(items.first) if most is None else min(len(items.first), most)
    further = Rep(seq(", ", rest), max(0, least - max(count, 1)), None if most is None else most - max(count, 1))
    if not count:
        inside = seq(rest, further)
    else:
        inside = further
        for index in range(count - 1, -1, -1):
            item = writer.rule(items.first[index])
            inside = seq(", " if index else "", item, inside)
            if least <= index and index:
                inside = alt([inside, EMPTY])
    return seq("[", inside if least else alt([inside, EMPTY]), "]")


def _counted(branch: Branch, items: Items, writer: Writer) -> Node:
    """Arrays of which some items must be of a kind: states count the items, and those of the kind."""
    parts = [part for part in branch if "contains" in part]
    for other in parts[1:]:
        writer.note((other,), "contains")
    part = parts[0]
    fewest = int(low) if isinstance(low := part.get("minContains", 1), (int, float)) else 1
    most_wanted = int(high) if isinstance(high := part.get("maxContains"), (int, float)) else None
    least, most = min(items.least, LONGEST), items.most
    excluded = None if most_wanted is None else writer.branches.negated(part["contains"])
    if most_wanted is not None and excluded is None:
        writer.note((part,), "maxContains")
        most_wanted = None
    counts = max(least, len(items.first), 1) if most is None else most
    kinds = max(fewest, most_wanted or 0)
    if (counts + 1) * (kinds + 1) > _MAX_STATES:
        writer.note((part,), "contains")
        return _plain(items, writer)
    name = f"a{digest([writer.name(items.rest), [writer.name(f) for f in items.first], part, least, most])[:12]}"

    def state(at: int, having: int) -> str:
        return f"{name}x{at}x{having}"

    for at in range(counts + 1):
        schemas = items.first[at] if at < len(items.first) else items.rest
        without: tuple[Json, ...] = (*schemas, {"anyOf": excluded}) if excluded is not None else schemas
        for having in range(kinds + 1):
            ways: list[Node] = [Lit("]")] if at >= least and having >= fewest else []
            comma = ", " if at else ""
            after = min(at + 1, counts)
            if most is None or at < most:
                ways.append(seq(comma, writer.rule(without), Ref(state(after, having))))
                if most_wanted is None or having < most_wanted:
                    one = writer.rule((*schemas, part["contains"]))
                    ways.append(seq(comma, one, Ref(state(after, min(having + 1, kinds)))))
            writer.rules[state(at, having)] = alt(ways)
    return seq("[", Ref(state(0, 0)))


def _different(branch: Branch, items: Items, writer: Writer) -> Node | None:
    """Arrays of listed values, each at most once: a state for each set of values that are in. None: there are too many."""
    if items.first or any("contains" in part for part in branch):
        return None
    values = elements(items.rest, writer.branches)
    if values is None:
        return None
    most = len(values) if items.most is None else min(items.most, len(values))
    if items.least > most:
        return Alt(())
    if sum(comb(len(values), n) for n in range(most + 1)) > _MAX_STATES:
        return None
    name = f"u{digest([values, items.least, most])[:12]}"
    say = [spelled([value]) for value in values]
    return seq("[", Subset(name, len(values), items.least, most, "]", lambda n: say[n]).write(writer))


@dataclass(frozen=True, slots=True)
class Subset:
    """Different things, each at most once, `least` to `most` of them; `say` writes the one of a number."""

    name: str
    count: int
    least: int
    most: int
    end: str
    say: Callable[[int], Node]

    def write(self, writer: Writer) -> Ref:
        """Rules for all sequences, one for each set of things that were said."""
        for chosen in range(1 << self.count):
            size = chosen.bit_count()
            if size > self.most:
                continue
            ways: list[Node] = [Lit(self.end)] if size >= self.least else []
            if size < self.most:
                comma = ", " if size else ""
                left = [n for n in range(self.count) if not chosen >> n & 1]
                ways += [seq(comma, self.say(n), Ref(f"{self.name}x{chosen | 1 << n}")) for n in left]
            writer.rules[f"{self.name}x{chosen}"] = alt(ways)
        return Ref(f"{self.name}x0")
