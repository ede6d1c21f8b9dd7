"""How are examples of any format written in another, with where they come from and who approved them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rung.errors import UserError
from rung.examples import read_examples, write_examples
from rung.records import Example, Problem


def convert(files: Sequence[Path], output: Path, *, to: str, approve: str = "") -> tuple[int, tuple[Problem, ...]]:
    """Write the examples of all files into one; (rows written, what was left out). `approve`: who approves every row.

    Raises:
        UserError: a file is absent, holds no example, or the output cannot be written.
    """
    problems: list[Problem] = []
    examples: list[Example] = []
    for path in files:
        if not path.is_file():
            raise UserError(f"{path} does not exist: name files of examples")
        examples += read_examples(path, problems)
    if not examples:
        listed = "".join(f"\n  {p}" for p in problems[:10])
        raise UserError(f"there is no example in {', '.join(map(str, files))}{listed}")
    if approve:
        today = datetime.now(UTC).date().isoformat()
        examples = [replace(example, approved_by=approve, approved_at=today) for example in examples]
    return write_examples(output, examples, to=to), tuple(problems)
