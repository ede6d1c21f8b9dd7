"""Examples of any format written in another, with where they come from and who approved them.

What cannot be read as an example is not lost: its lines stand, with the reason, in a file beside the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rung.dataset import read_examples
from rung.dataset.row_files import decoded, rows_in
from rung.dataset.write_examples import rows_as, unwritten, write_rows
from rung.errors import UserError
from rung.files.limited import name_of
from rung.files.outputs import check_free
from rung.records import Example, Json, Problem, plain


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written. `left_out` holds the lines that are no example, or none that the form can hold; None where there
    are none. `notes`: what of the rows the form does not hold."""

    file: Path
    rows: int
    problems: tuple[Problem, ...]
    left_out: Path | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        left_out = str(self.left_out) if self.left_out else None
        problems: Json = plain(self.problems)
        notes: list[Json] = [*self.notes]
        return {"file": str(self.file), "rows": self.rows, "problems": problems, "left_out_file": left_out, "notes": notes}


def convert(
    files: Sequence[Path], output: Path | None = None, *, to: str, approve: str = "", force: bool = False
) -> Converted:
    """Write the examples of all files into one.

    Args:
        files: of examples, of any format.
        output: None: beside the file, of which there may be one then, as `<its name>.<format>.jsonl`.
        to: the format, one of `dataset.write_examples.FORMATS`.
        approve: who approves every row, from today.
        force: replace what is there.

    Raises:
        UserError: a file is absent, holds no example, or the output is there already, or cannot be written.
    """
    for path in files:
        if not path.is_file():
            raise UserError(f"{path} does not exist: name files of examples")
    if output is None and len(files) > 1:
        raise UserError("say where the examples of several files are to be written, with --output FILE")
    target = output or files[0].parent / f"{files[0].stem}.{to}.jsonl"
    side = target.parent / f"{target.stem}.left-out.jsonl"
    for path in (target, side):
        check_free(path, force=force)
    problems: list[Problem] = []
    examples: list[Example] = []
    for path in files:
        examples += read_examples(path, problems)
    if not examples:
        listed = "".join(f"\n  {p}" for p in problems[:10])
        raise UserError(f"there is no example in {', '.join(map(str, files))}{listed}")
    if approve:
        today = datetime.now(UTC).date().isoformat()
        examples = [replace(example, approved_by=approve, approved_at=today) for example in examples]
    rows, misfits = rows_as(examples, to)
    problems += [Problem.at(example.place, f"cannot be written as {to}: {why}") for example, why in misfits]
    if not rows:
        raise UserError(f"no example can be written as {to}: {problems[-1]}")
    unfit = {example.place for example, _ in misfits}
    fitting = [example for example in examples if example.place not in unfit]
    lost = [row for path in files for row in _left_out(path, fitting, problems)]
    if lost:
        write_rows(side, lost, force=force)  # first: what it holds may be about to be replaced
    notes = unwritten(fitting, to)
    return Converted(target, write_rows(target, rows, force=force), tuple(problems), side if lost else None, notes)


def _left_out(path: Path, examples: Sequence[Example], problems: Sequence[Problem]) -> Iterator[dict[str, Json]]:
    """The rows of a file that are no example, and what is no row, as they stand there; with what is wrong with them."""
    shown = name_of(path)
    mine = [problem for problem in problems if problem.path == shown]
    if not mine:
        return
    lines = (decoded(path, shown, []) or "").split("\n")
    read = {int(e.place.rpartition(":")[2]) for e in examples if e.place.rpartition(":")[0] == shown}
    begun = sorted({problem.line for problem in mine} | {line for line, _ in rows_in(path, shown, [])})
    for line, until in zip(begun, [*begun[1:], len(lines) + 1], strict=True):
        text = "\n".join(lines[max(line, 1) - 1 : until - 1]).rstrip("\n")
        if line not in read and text.strip():
            why = [problem.message for problem in mine if problem.line == line] or ["is no example of behaviour"]
            yield {"file": shown, "line": line, "why": "; ".join(why), "text": text}
