"""What was made from what, how two artifacts differ, and which is the promoted one. Pure: finding them on a disk is left
to `artifacts.registry`.

A manifest of an older format, or of a kind that is not known here, leaves fields unknown (None, ""), and is no error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rung.records import Case, Example, Json, digest

State = Literal["built", "promoted", "retired", "unfinished", "broken", "gone"]
Deed = Literal["promote", "rollback", "withdraw", "retire"]
SHOWN = 12  # characters of a digest that people read
_TOLD = ("before", "after")  # of what a manifest says of forgetting, when two are compared


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact, as its manifest and its folder tell of it. None and "" are unknown.

    `seconds` is what building it took, `size` what it takes on the disk in bytes. `why` says what is wrong with a broken, an
    unfinished or a gone one, and what to do. `forgot`: in what it forgot more than is allowed; such a one is promoted by
    force only. `by` and `at` tell of the last deed that concerned it. `hosted`: where a model's host made it, and
    what it calls the model.
    """

    kind: str
    digest: str
    state: State
    created: str = ""
    rows: int | None = None
    rows_digest: str = ""
    base: str = ""
    instruction: str = ""
    recipe: Mapping[str, Json] = field(default_factory=dict)
    metrics: Mapping[str, Json] = field(default_factory=dict)
    seconds: float | None = None
    forgetting: Mapping[str, Json] = field(default_factory=dict)
    forgot: tuple[str, ...] = ()
    parent: str = ""
    size: int = 0
    why: str = ""
    by: str = ""
    at: str = ""
    hosted: Mapping[str, Json] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Kind and the beginning of the digest, for people."""
        return f"{self.kind} {self.digest[:SHOWN]}"

    def usd(self, per_hour: float | None) -> float | None:
        """What building it cost on a machine of that price, or at its host, in US dollars; None where that is unknown."""
        if self.hosted:
            return _number(self.hosted.get("usd"))
        return None if per_hour is None or self.seconds is None else self.seconds / 3600 * per_hour


@dataclass(frozen=True, slots=True)
class LearntRow:
    """One row that an artifact was taught by: digest of its turns, id, and where it stood (file and line)."""

    digest: str
    id: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody promoted, rolled back to, or retired an artifact. `at` is ISO in UTC."""

    at: str
    by: str
    deed: Deed
    kind: str
    digest: str
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A value of the first and of the second artifact; None: it has none."""

    name: str
    first: Json
    second: Json


@dataclass(frozen=True, slots=True)
class RowChange:
    """Rows by what happened to them from the first to the second. A changed one has its id, and other turns."""

    added: tuple[LearntRow, ...]
    removed: tuple[LearntRow, ...]
    changed: tuple[LearntRow, ...]
    kept: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How two artifacts of one kind differ. `rows` None: at least one does not say which rows taught it."""

    made_from: tuple[Change, ...]  # base, instruction, recipe keys: those that differ
    rows: RowChange | None
    metrics: tuple[Change, ...]  # all numbers, side by side


def learnt(row: Example) -> LearntRow:
    """A training chat as it is remembered. The instruction is left out: it is the same in all rows, and told once."""
    return LearntRow(digest([m for m in row.messages if m.role != "system"]), row.id, row.place)


def learnt_case(case: Case) -> LearntRow:
    """A case as it is remembered by what it teaches without being a chat: a search, or who answers what."""
    content = digest(case.question, case.answers, case.answerable, case.evidence, case.gold_documents)
    return LearntRow(content, case.id, case.place)


def instruction_of(rows: Sequence[Example]) -> str:
    """The system turn that all rows share; "" where they have none, or not the same."""
    instructions = {"\n".join(m.content for m in row.messages if m.role == "system") for row in rows}
    return instructions.pop() if len(instructions) == 1 else ""


def forgot_as_trained(report: Mapping[str, Json]) -> tuple[str, ...]:
    """In what an artifact forgot too much, by the limit of the day when it was trained (`forgetting` in its manifest)."""
    if report.get("passed") is not False:
        return ()
    why = report.get("why")
    return tuple(str(one) for one in why) if isinstance(why, list) and why else ("it did not pass the gate",)


def described(kind: str, named: str, manifest: Mapping[str, Json], *, state: State, size: int = 0) -> Artifact:
    """An artifact by its manifest; a field that is missing, or not what it should be, is unknown."""
    base = _mapping(manifest.get("base"))
    numbers = {key: manifest.get(key) for key in ("tokens", "tokens_per_second", "peak_memory_bytes")}
    numbers |= {key: _last(manifest.get(key)) for key in ("train_loss", "validation_loss")}
    return Artifact(
        kind=kind,
        digest=named,
        state=state,
        created=_text(manifest.get("created")),
        rows=_whole(manifest.get("rows")),
        rows_digest=_text(manifest.get("rows_digest")),
        base=_text(base.get("identity")) or _text(base.get("name")) or _text(manifest.get("embedder")),
        instruction=_text(manifest.get("instruction")),
        recipe=_mapping(manifest.get("recipe")),
        metrics={**{k: v for k, v in numbers.items() if _is_number(v)}, **_mapping(manifest.get("metrics"))},
        seconds=_number(manifest.get("seconds")),
        forgetting=_mapping(manifest.get("forgetting")),
        parent=_text(manifest.get("parent")),
        size=size,
        hosted=_mapping(manifest.get("hosted")),
    )


def curve_of(value: Json) -> tuple[tuple[float, float], ...]:
    """A curve of [step, loss] in a manifest; points that are none are left out."""
    points = [p for p in value if isinstance(p, list) and len(p) == 2] if isinstance(value, list) else []
    return tuple((float(s), float(x)) for s, x in points if isinstance(s, (int, float)) and isinstance(x, (int, float)))


def last_loss(curve: Json) -> float | None:
    """The loss at the end of a curve of [step, loss]."""
    points = curve_of(curve)
    return points[-1][1] if points else None


def difference(
    first: Artifact, second: Artifact, rows: tuple[Sequence[LearntRow] | None, Sequence[LearntRow] | None]
) -> Difference:
    """What differs between two artifacts, and what both were measured at. `rows`: those of the first, of the second."""
    changes: list[Change] = []
    for name in ("base", "instruction"):
        changes.append(Change(name, getattr(first, name) or None, getattr(second, name) or None))
    changes += _side_by_side("recipe.", first.recipe, second.recipe)
    measured = _side_by_side("", first.metrics, second.metrics)
    measured += _side_by_side("forgetting.", *({key: a.forgetting.get(key) for key in _TOLD} for a in (first, second)))
    measured.append(Change("rows", first.rows, second.rows))
    measured.append(Change("seconds", first.seconds, second.seconds))
    return Difference(
        tuple(change for change in changes if change.first != change.second),
        None if rows[0] is None or rows[1] is None else rows_between(rows[0], rows[1]),
        tuple(change for change in measured if _is_number(change.first) or _is_number(change.second)),
    )


def rows_between(first: Sequence[LearntRow], second: Sequence[LearntRow]) -> RowChange:
    """Rows added, removed, changed. One id may stand for several rows (a lesson with and without its passage): a row of that
    id that both know by digest is kept, the others are paired off as changed, and what is left over was added or removed."""
    before, after = _by_id(first), _by_id(second)
    added: list[LearntRow] = []
    removed: list[LearntRow] = []
    changed: list[LearntRow] = []
    unchanged = 0
    for id in dict.fromkeys((*before, *after)):
        old, new = list(before.get(id, ())), list(after.get(id, ()))
        for row in list(new):
            same = next((other for other in old if other.digest == row.digest), None)
            if same is not None:
                old.remove(same)
                new.remove(row)
                unchanged += 1
        pairs = min(len(old), len(new))
        changed += new[:pairs]
        added += new[pairs:]
        removed += old[pairs:]
    return RowChange(tuple(added), tuple(removed), tuple(changed), unchanged)


def promotions(acts: Iterable[Act]) -> dict[str, tuple[str, ...]]:
    """Kind -> the artifacts that were promoted and not rolled back from, oldest first; the last one is the promoted one."""
    lines: dict[str, list[str]] = defaultdict(list)
    for act in acts:
        line = lines[act.kind]
        if act.deed == "promote" and line[-1:] != [act.digest]:
            line.append(act.digest)
        elif act.deed == "rollback" and act.digest in line:
            del line[len(line) - line[::-1].index(act.digest) :]
        elif act.deed == "withdraw":
            line.clear()
    return {kind: tuple(line) for kind, line in lines.items() if line}


def _side_by_side(before: str, first: Mapping[str, Json], second: Mapping[str, Json]) -> list[Change]:
    flat = [_flat(before, values) for values in (first, second)]
    return [Change(name, flat[0].get(name), flat[1].get(name)) for name in dict.fromkeys((*flat[0], *flat[1]))]


def _flat(before: str, values: Mapping[str, Json]) -> dict[str, Json]:
    """Nested objects by dotted names."""
    flat: dict[str, Json] = {}
    for key, value in values.items():
        flat |= _flat(f"{before}{key}.", value) if isinstance(value, dict) else {f"{before}{key}": value}
    return flat


def _by_id(rows: Sequence[LearntRow]) -> dict[str, list[LearntRow]]:
    by_id: dict[str, list[LearntRow]] = defaultdict(list)
    for row in rows:
        by_id[row.id].append(row)
    return by_id


def _last(curve: Json) -> Json:
    """The loss at the end of a curve of [step, loss]."""
    point = curve[-1] if isinstance(curve, list) and curve else None
    return point[-1] if isinstance(point, list) and point else None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
