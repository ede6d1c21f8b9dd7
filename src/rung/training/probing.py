"""What a model is asked, to see what it forgot: texts, choices and instructions, from files or as shipped.

A folder holds any of `examples.jsonl` (chats whose last turn is the wanted answer), `cases.jsonl` (multiple choice:
`meta.choices` and `meta.gold`; schema form: `meta.context_options`, `meta.continuation`) and `instructions.jsonl` (`prompt`
and `check`, see `following`). The shipped one, in `probe/`, was written for Rung and has its licence. Scoring is left to
`forgetting`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rung.errors import InputError
from rung.records import Example, Json, Message, digest
from rung.training.following import KINDS

SHIPPED = Path(__file__).parent / "probe"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """Options told apart by log-likelihood: each a text that is given and one whose likelihood counts; `gold` is the place
    of the right one. Multiple choice gives one text and scores many; the schema form (winogrande) the other way round."""

    id: str
    given: tuple[str, ...]
    scored: tuple[str, ...]
    gold: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """A prompt whose answer's form is checked by program."""

    id: str
    prompt: str
    check: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Probe:
    """A fixed set of questions."""

    examples: tuple[Example, ...] = ()
    choices: tuple[Choice, ...] = ()
    instructions: tuple[Instruction, ...] = ()

    @property
    def digest(self) -> str:
        """Changes when anything that is asked changes."""
        return digest("probe", [(e.id, e.messages) for e in self.examples], self.choices, self.instructions)


def read_probe(folder: Path = SHIPPED, *, limit: int | None = None) -> Probe:
    """The probe in a folder; of each file the first `limit` rows.

    Raises:
        InputError: a row is none of its kind, or the folder holds no probe; names file and line.
    """
    probe = Probe(
        _rows(folder / "examples.jsonl", _example, limit),
        _rows(folder / "cases.jsonl", _choice, limit),
        _rows(folder / "instructions.jsonl", _instruction, limit),
    )
    if not (probe.examples or probe.choices or probe.instructions):
        raise InputError("holds no probe: no examples.jsonl, cases.jsonl or instructions.jsonl with rows", path=folder)
    return probe


def _rows(path: Path, make: Callable[[Mapping[str, Json]], T], limit: int | None) -> tuple[T, ...]:
    if not path.exists():
        return ()
    rows: list[T] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if len(rows) == limit:
            break
        if not line.strip():
            continue
        try:
            rows.append(make(json.loads(line)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"is no row of a probe: {error!r}", path=path, line=number) from error
    return tuple(rows)


def _example(row: Mapping[str, Json]) -> Example:
    turns = [(str(turn["role"]), str(turn["content"])) for turn in _dicts(row["messages"])]
    if len(turns) < 2 or turns[-1][0] != "assistant" or not turns[-1][1].strip():
        raise ValueError("the last of two or more messages has to be the assistant's, with text")
    return Example(str(row["id"]), tuple(Message(role, content) for role, content in turns))


def _choice(row: Mapping[str, Json]) -> Choice:
    meta = row["meta"]
    assert isinstance(meta, dict)
    if meta.get("kind") == "schema":
        given = tuple(_strings(meta["context_options"]))
        scored = (f" {meta['continuation']}",) * len(given)
    else:
        scored = tuple(f" {option}" for option in _strings(meta["choices"]))
        given = (asked(str(row["question"])),) * len(scored)
    gold = meta["gold"]
    if not isinstance(gold, int) or not 0 <= gold < len(scored):
        raise ValueError("meta.gold has to be the place of an option")
    return Choice(str(row["id"]), given, scored, gold)


def asked(question: str) -> str:
    """The text that an option follows: no chat, the form in which such sets are scored elsewhere.

    A sentence without an end is continued; one that says "Answer:" is taken as it is.
    """
    if question.rstrip().endswith("Answer:"):
        return question.rstrip()
    if question.startswith("Passage:"):
        return f"{question}\nAnswer:"
    return f"Question: {question}\nAnswer:" if question.rstrip().endswith((".", "?", "!")) else question.rstrip()


def _instruction(row: Mapping[str, Json]) -> Instruction:
    check = row["check"]
    if not isinstance(check, dict) or check.get("kind") not in KINDS:
        raise ValueError(f"check.kind has to be one of {', '.join(KINDS)}")
    return Instruction(str(row["id"]), str(row["prompt"]), check)


def _dicts(value: Json) -> Sequence[dict[str, Json]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TypeError("a list of objects is wanted")
    return value  # type: ignore[return-value]  # checked above


def _strings(value: Json) -> Sequence[str]:
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(one, str) for one in value):
        raise TypeError("a list of two or more texts is wanted")
    return value  # type: ignore[return-value]  # checked above
