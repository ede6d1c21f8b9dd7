"""Examples written to a file in a form that other tools read; reading gives them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rung.dataset.chat_rows import Misfit, chat_row, mistral_row, openai_row, provenance
from rung.dataset.gemini_rows import gemini_row, lost_of_functions
from rung.dataset.share_rows import share_row
from rung.errors import UserError
from rung.files.outputs import new_file
from rung.records import Example, Json

FORMATS: Mapping[str, Callable[[Example], dict[str, Json]]] = {
    "chat": chat_row,
    "sharegpt": share_row,
    "openai": openai_row,
    "mistral": mistral_row,
    "gemini": gemini_row,
}
BARE = ("openai", "mistral", "gemini")  # have no place for where an example comes from
ABOUT: Mapping[str, str] = {
    "chat": "OpenAI chats with where they come from",
    "sharegpt": "ShareGPT as LLaMA-Factory takes it",
    "openai": "OpenAI's tuning",
    "mistral": "Mistral's",
    "gemini": "Gemini's",
}


def write_examples(path: Path, examples: Iterable[Example], *, to: str = "chat", force: bool = False) -> int:
    """Write a file of examples, whole or not at all; how many is returned. `force`: in the place of one that is there.

    Raises:
        UserError: the file is there already, or cannot be written; an example does not fit the form.
    """
    rows, misfits = rows_as(examples, to)
    if misfits:
        example, why = misfits[0]
        raise UserError(f"{example.place or example.id} cannot be written as {to}: {why}")
    return write_rows(path, rows, force=force)


def rows_as(examples: Iterable[Example], to: str) -> tuple[list[dict[str, Json]], list[tuple[Example, str]]]:
    """(rows of a form, one of `FORMATS`; the examples that it cannot hold, each with the reason)."""
    rows: list[dict[str, Json]] = []
    misfits: list[tuple[Example, str]] = []
    for example in examples:
        try:
            rows.append(FORMATS[to](example))
        except Misfit as why:
            misfits.append((example, str(why)))
    return rows, misfits


def unwritten(examples: Iterable[Example], to: str) -> tuple[str, ...]:
    """What of the examples a form has no place for, in words."""
    notes: list[str] = []
    written = list(examples)
    if to in BARE and any(set(provenance(example)) - {"digest"} for example in written):
        notes.append(f"{to} has no place for where examples come from, who approved them and 'meta': that is not written")
    lost = sorted({key for example in written for key in lost_of_functions(example)}) if to == "gemini" else []
    if lost:
        named = ", ".join(f"'{key}'" for key in lost)
        notes.append(f"gemini has no place for {named} of a function: that is not written")
    return tuple(notes)


def write_rows(path: Path, rows: Iterable[Mapping[str, Json]], *, force: bool = False) -> int:
    """Write a JSONL file, whole or not at all; how many rows is returned. Raises as `write_examples` does."""
    count = 0
    with new_file(path, force=force) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
