"""Training chats as the rows of a host's file, in the very form in which the tuned model will be asked, and checked by the
host's rules before anything is sent.

A prompt is written by the wire format that answers with it, so calls of tools stay the text that rungs make of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rung.errors import UserError
from rung.models.wire import Call, WireFormat
from rung.records import Example, Json, Problem
from rung.records.steps import Generate
from rung.training.batches import split
from rung.training.hosted.protocol import FileRules, TuningFile, TuningHost

_BYTES = 4  # to a token: an estimate
_SHOWN = 10  # violations that an error lists
_PARTS = ("systemInstruction", "system", "contents", "messages")  # of a request, what is said in it


@dataclass(frozen=True, slots=True)
class TuningRows:
    """The files of a job. `tokens`: of one pass over the rows that are learnt, estimated."""

    train: TuningFile
    validation: TuningFile | None
    tokens: int
    notes: tuple[str, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each file."""
        files = [self.train, *([self.validation] if self.validation else [])]
        return tuple(hashlib.sha256(file.content).hexdigest() for file in files)


def row_of(example: Example, wire: WireFormat, rules: FileRules) -> dict[str, Json]:
    """A chat as a row: what is asked in the host's form, then the answer. Earlier turns of the assistant are not learnt,
    where the host can be told so."""
    *before, answer = example.messages
    body = wire.body(Call(Generate(tuple(before)), ""))
    row: dict[str, Json] = {key: body[key] for key in _PARTS if key in body}
    if wire.name == "gemini":
        _turns(row["contents"]).append({"role": "model", "parts": [{"text": answer.content}]})
    elif wire.name == "bedrock":
        _turns(row["messages"]).append({"role": "assistant", "content": [{"text": answer.content}]})
        row = {"schemaVersion": "bedrock-conversation-2024", **row}
    else:
        turns = _turns(row["messages"])
        earlier = [turn for turn in turns if isinstance(turn, dict) and turn.get("role") == "assistant"]
        for turn in earlier if rules.weighs else ():
            turn["weight"] = 0
        turns.append({"role": "assistant", "content": answer.content})
    return row


def _turns(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value


def tuning_rows(examples: Sequence[Example], host: TuningHost, *, share: float, seed: int, stem: str) -> TuningRows:
    """The files that a job takes, rows held out apart. `stem`: how files are called at the host.

    Raises:
        UserError: the host does not take them; each violation is named with file and line.
    """
    rules = host.rules
    violations = [Problem.at(one.place, why) for one in examples for why in faults(one, rules)]
    learnt, held = split(examples, share=share if rules.validates else 0.0, seed=seed)
    held = held[: rules.max_validation_rows]
    files = [
        TuningFile(f"{stem}{end}.jsonl", _jsonl(rows, host.wire, rules), len(rows))
        for end, rows in (("-train", learnt), ("-validation", held))
        if rows
    ]
    whole = list(_of_all(files[0], rules)) if files else ["there is no row to learn from"]
    if violations or whole:
        shown = "".join(f"\n  {one}" for one in [*whole, *violations[:_SHOWN]])
        more = f"\n  and {len(violations) - _SHOWN:,} more" if len(violations) > _SHOWN else ""
        raise UserError(f"{host.name} does not take these rows ({rules.source}); nothing was sent:{shown}{more}")
    several = sum(sum(turn.role == "assistant" for turn in one.messages) > 1 for one in learnt)
    notes = (
        [f"{host.name} learns every turn of the assistant, also in the {several:,} rows that have several"]
        if several and not rules.weighs
        else []
    )
    notes += [] if rules.validates or not share else [f"{host.name} takes no rows that are held out: all are learnt"]
    return TuningRows(files[0], files[1] if len(files) > 1 else None, sum(tokens_in(one) for one in learnt), tuple(notes))


def tokens_in(example: Example) -> int:
    """About how many tokens a chat has."""
    return sum(-(-len(turn.content.encode()) // _BYTES) for turn in example.messages)


def faults(example: Example, rules: FileRules) -> Iterator[str]:
    """What of a chat a host does not take, in words."""
    turns = example.messages
    if turns[-1].role != "assistant" or not turns[-1].content.strip():
        yield "it must end with what the assistant says"
    if strange := next((turn.role for turn in turns if turn.role not in rules.roles), ""):
        what = "the result of a tool" if strange == "tool" else f"a turn of '{strange}'"
        yield f"it holds {what}, which is not taken: leave the row out, or the turns before its last question"
    if any(turn.role == "system" for turn in turns[1:]):
        yield "a system turn is taken at the beginning alone"
    if next((turn.role for turn in turns if turn.role != "system"), "") != "user":
        yield "the user must speak first"
    tokens = tokens_in(example)
    if rules.max_row_tokens is not None and tokens > rules.max_row_tokens:
        yield f"it has about {tokens:,} tokens, and a row may have {rules.max_row_tokens:,}"
    prompts = [turn.content for turn in turns if turn.role != "assistant"]
    if word := next((word for word in rules.reserved if any(word in text for text in prompts)), ""):
        yield f"'{word}' may not stand in a prompt there: it is a word of the host's own"


def _of_all(file: TuningFile, rules: FileRules) -> Iterator[str]:
    if file.rows < rules.min_rows:
        yield f"there are {file.rows:,} rows to learn from, and it takes {rules.min_rows:,} at least"
    if rules.max_rows is not None and file.rows > rules.max_rows:
        yield f"there are {file.rows:,} rows, and it takes {rules.max_rows:,} at most"
    if rules.max_file_bytes is not None and len(file.content) > rules.max_file_bytes:
        yield f"the file has {len(file.content):,} bytes, and may have {rules.max_file_bytes:,}"


def _jsonl(examples: Sequence[Example], wire: WireFormat, rules: FileRules) -> bytes:
    rows: Iterator[Mapping[str, Json]] = (row_of(one, wire, rules) for one in examples)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
