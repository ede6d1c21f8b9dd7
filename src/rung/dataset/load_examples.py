"""Examples from files: rows of any known format as examples; what is none becomes a problem with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from rung.dataset.chat_tools import misfit, padded
from rung.dataset.formats import KNOWN, example_of, flaw, form_of, is_pair
from rung.dataset.row_files import rows_in
from rung.files.limited import name_of
from rung.records import Example, Json, Problem


def read_examples(path: Path, problems: list[Problem], *, shown: str = "", flawed: bool = False) -> Iterator[Example]:
    """Every example of a file (OpenAI chat, ShareGPT, Alpaca, prompt and completion; JSONL, JSON or CSV).

    Args:
        problems: what was left out is added here.
        shown: the file's name in places and problems; by default the path.
        flawed: keep rows without input or output too (`flaw` says what they lack); a linter wants to see them.
    """
    shown = shown or name_of(path)
    pairs = 0
    first = 0
    for line, row in rows_in(path, shown, problems):
        if is_pair(row):
            pairs, first = pairs + 1, first or line
            continue
        try:
            example = example_of(row, f"{shown}:{line}")
            if not flawed and (why := flaw(example, row)):
                raise ValueError(why)
        except ValueError as error:
            problems.append(Problem(shown, line, str(error)))
            continue
        problems.extend(mistyped(row, shown, line))
        if why := padded(example.tools, example.messages):
            problems.append(Problem(shown, line, f"{why}; leave them out, or a model learns to say null"))
        elif why := misfit(example.tools, example.messages):
            problems.append(Problem(shown, line, f"{why}: it teaches a call that fails"))
        yield example
    if pairs:
        why = f"{pairs:,} rows are pairs or triplets: they teach a retriever, and are no examples of behaviour"
        problems.append(Problem(shown, first, why))


def mistyped(row: Mapping[str, Json], shown: str, line: int) -> Iterator[Problem]:
    """Keys of a chat that look like a known one with a slip: rows may carry keys of their own, but not these."""
    if "messages" not in row or form_of(row) is None:
        return
    yield from slips(row, KNOWN, shown, line)


def slips(row: Mapping[str, Json], keys: tuple[str, ...], shown: str, line: int) -> Iterator[Problem]:
    """A problem for each key that nearly is a known one."""
    for key in row:
        close = difflib.get_close_matches(key, keys, n=1, cutoff=0.8) if key not in keys and key != "license" else []
        if close:
            yield Problem(shown, line, f"unknown key '{key}' is not read; did you mean '{close[0]}'?")
