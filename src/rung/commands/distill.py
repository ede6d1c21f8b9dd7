"""`rung distill`: a strong model answers inputs, the project's own scorers sift its answers, the rest are examples.

The teacher's answers are steps like any other: equal ones are asked once, and an interrupted command goes on. Training the
small model on what is written is left to `commands.train`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rung.commands.sift import faults
from rung.config.project import Project
from rung.dataset.case_rows import case_of
from rung.dataset.formats import ROLES, example_of, form_of, messages_of
from rung.dataset.leakage import overlaps
from rung.dataset.load import Dataset, load_dataset, paths
from rung.dataset.near_duplicates import normal
from rung.dataset.row_files import decoded, rows_in
from rung.dataset.write_examples import write_examples, write_rows
from rung.errors import UserError
from rung.files.limited import name_of
from rung.files.outputs import check_free
from rung.pipeline.materials import materials_of
from rung.progress import phase
from rung.records import Answer, Asker, Case, Example, Json, Message, Problem, Question, Usage, digest, plain
from rung.records.steps import Conversation, Generate, StepFailed, generate
from rung.runtime.batch import Carried, carry
from rung.runtime.engines import Engines
from rung.strategies.citing import finish
from rung.strategies.prompting import closed_book, compact, instruction
from rung.strategies.protocol import Materials
from rung.strategies.structured import constrained
from rung.verdict import reasons

ANSWER_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Input:
    """Something to be answered, with the answers that are known to be right, if any are."""

    messages: tuple[Message, ...]  # ends with the user's turn
    references: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    approved_by: str = ""
    place: str = ""

    @property
    def text(self) -> str:
        """What is asked."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class Dropped:
    """An input without an example: why, by which filter, and what the teacher said."""

    input: Input
    filter: str
    why: str
    output: str = ""

    def row(self) -> dict[str, Json]:
        """As a line of the side file."""
        file, _, line = self.input.place.rpartition(":")
        entry: dict[str, Json] = {"filter": self.filter, "why": self.why, "input": self.input.text, "output": self.output}
        return {**entry, "references": list(self.input.references), "file": file, "line": int(line or 0)}


@dataclass(frozen=True, slots=True)
class DistillRequest:
    """What was asked for. `approve` is who vouches for the answers that pass, "" for nobody yet."""

    teacher: str
    inputs: tuple[Path, ...]
    output: Path
    approve: str = ""
    limit: int | None = None
    max_tokens: int = ANSWER_TOKENS
    force: bool = False  # replace what is there
    dry_run: bool = False  # say which inputs would be asked, and ask none

    @property
    def dropped(self) -> Path:
        """Where the inputs without an example stand, with the reason."""
        return self.output.parent / f"{self.output.stem}.dropped.jsonl"


@dataclass(frozen=True, slots=True)
class DistillReport:
    """What came of it. `usd` None: the teacher's price is unknown."""

    file: Path
    rows: int
    dropped: tuple[Dropped, ...]
    dropped_file: Path | None
    teacher: str
    problems: tuple[Problem, ...] = ()
    executed: int = 0
    replayed: int = 0
    usd: float | None = None
    named: bool = False  # the file is among behaviour.examples
    asked: int = 0  # inputs that the teacher was asked, or would be

    def by_filter(self) -> dict[str, int]:
        """Rows that each filter dropped."""
        return dict(Counter(one.filter for one in self.dropped))

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        return {
            "file": str(self.file),
            "rows": self.rows,
            "dropped": dict(self.by_filter()),
            "dropped_file": str(self.dropped_file) if self.dropped_file else None,
            "teacher": self.teacher,
            "executed": self.executed,
            "replayed": self.replayed,
            "usd": self.usd,
            "problems": plain(self.problems),
        }


@dataclass
class _Sieve:
    """Inputs and answers pass through; what does not is kept with the reason."""

    dropped: list[Dropped] = field(default_factory=list)

    def drop(self, one: Input, filter: str, why: str, output: str = "") -> None:
        """Note what is left out."""
        self.dropped.append(Dropped(one, filter, why, output))


def distill(engines: Engines, request: DistillRequest) -> DistillReport:
    """Let the teacher answer the inputs, and write the answers that pass as examples.

    Raises:
        UserError: no input can be read, no such teacher, a file is there already or cannot be written.
        Interrupted: Ctrl-C; answers that came are kept, and the same command goes on.
    """
    for path in (request.output, request.dropped):
        check_free(path, force=request.force)  # before the teacher is asked
    rows = load_dataset(engines.project)
    problems: list[Problem] = []
    read = [one for path in request.inputs for one in read_inputs(path, problems)]
    if not read:
        listed = "".join(f"\n  {p}" for p in problems[:10])
        raise UserError(f"there is nothing to answer in {', '.join(map(str, request.inputs))}{listed}")
    sieve = _Sieve()
    asked = _admitted(engines.project, rows, read, sieve)[: request.limit]
    if request.dry_run:
        return DistillReport(
            request.output, 0, tuple(sieve.dropped), None, request.teacher, tuple(problems), asked=len(asked)
        )
    ended, usd = _answered(engines, rows, asked, request)
    errors = [one.failure.error for one in ended if one.failure is not None]
    if errors and len(errors) == len(ended):
        raise UserError(
            f"{request.teacher} answered nothing: all {len(errors):,} answers failed, {reasons.commonest(errors)}"
        )
    passed = _sifted(engines, rows, list(zip(asked, ended, strict=True)), sieve)
    examples = [_example(one, answer.text, rows, request) for one, answer in passed]
    write_examples(request.output, examples, force=request.force)
    if sieve.dropped:
        write_rows(request.dropped, (one.row() for one in sieve.dropped), force=request.force)
    else:
        request.dropped.unlink(missing_ok=True)  # of a run that is replaced
    return DistillReport(
        file=request.output,
        rows=len(examples),
        dropped=tuple(sieve.dropped),
        dropped_file=request.dropped if sieve.dropped else None,
        teacher=request.teacher,
        problems=tuple(problems),
        executed=engines.consumed().executed,
        replayed=engines.consumed().replayed,
        usd=usd,
        named=is_named(engines.project, request.output),
        asked=len(asked),
    )


def is_named(project: Project, output: Path) -> bool:
    """Whether the project's `behaviour.examples` take this file in, once it is there."""
    from fnmatch import fnmatch

    target = output.resolve()
    patterns = project.settings.behaviour.examples
    if target.is_file():
        try:
            files = paths(project, patterns, ("behaviour", "examples"))
            return any(path.resolve() == target for path in files)
        except UserError:
            return False
    return any(fnmatch(str(target), str((project.root / pattern).resolve())) for pattern in patterns)


def read_inputs(path: Path, problems: list[Problem]) -> list[Input]:
    """What a file asks: examples (their outputs are references), cases, rows with `input`, or a line of text each.

    Raises:
        UserError: there is no such file.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: name files of inputs")
    shown = name_of(path)
    if path.suffix in (".txt", ".text", ".md"):
        lines = (decoded(path, shown, problems) or "").split("\n")
        return [
            Input((Message("user", line.strip()),), place=f"{shown}:{n}") for n, line in enumerate(lines, 1) if line.strip()
        ]
    inputs = []
    for line, row in rows_in(path, shown, problems):
        try:
            inputs.append(_input(row, f"{shown}:{line}"))
        except ValueError as error:
            problems.append(Problem(shown, line, str(error)))
    return inputs


def _input(row: Mapping[str, Json], location: str) -> Input:
    source, licence, approved_by = (str(row.get(key) or "") for key in ("source", "licence", "approved_by"))
    input_of = partial(Input, source=source, licence=licence, approved_by=approved_by, place=location)
    if isinstance(row.get("question"), str) and "answer" not in row:
        case, _ = case_of({"answers": [], "answerable": bool(row.get("answers")), **row}, location, drafts=True)
        return input_of((*case.messages, Message("user", case.question)), case.answers)
    ends = row.get("messages")
    last = ends[-1] if isinstance(ends, list) and ends and isinstance(ends[-1], dict) else {}
    if isinstance(ends, list) and ROLES.get(str(last.get("role"))) == "user":
        return input_of(_open(messages_of(ends)))
    if form_of(row) is not None:
        example = example_of(row, location)
        references = (example.output,) if example.output.strip() else ()
        return input_of(_open(example.messages[:-1]), references)
    for key in ("input", "prompt", "text", "query", "instruction"):
        if isinstance(row.get(key), str):
            return input_of(_open((Message("user", str(row[key])),)))
    raise ValueError("is no input: it needs 'messages', 'question', 'input' or 'prompt'")


def _open(messages: Sequence[Message]) -> tuple[Message, ...]:
    """A chat without its system turn, which is the project's, up to the user's last turn."""
    turns = tuple(m for m in messages if m.role != "system")
    if not turns or turns[-1].role != "user" or not turns[-1].content.strip():
        raise ValueError("does not end with the user's words: there is nothing to answer")
    return turns


def _admitted(project: Project, rows: Dataset, read: Sequence[Input], sieve: _Sieve) -> list[Input]:
    """The inputs that may be answered: once each, approved where that is wanted, and none that judges."""
    judging = [case for case in rows.cases if case.split != "train"]
    # The teacher's answer does not matter yet: whether an input repeats a case does.
    drafts = [Example(one.place, (*one.messages, Message("assistant", "-")), place=one.place) for one in read]
    may_teach, refused = overlaps(drafts, judging)
    why = iter(refused)
    seen: dict[str, str] = {}
    admitted: list[Input] = []
    for one in read:
        if one.place not in may_teach:
            sieve.drop(one, "leak", next(why).message)
            continue
        text = "\n".join(f"{m.role}: {normal(m.content)}" for m in one.messages)
        if text in seen:
            sieve.drop(one, "duplicate", f"the same input as {seen[text]}")
        elif project.settings.behaviour.require_approval and not one.approved_by:
            sieve.drop(
                one, "approval", "the input is not approved, and the project asks for it (behaviour.require_approval)"
            )
        else:
            seen[text] = one.place
            admitted.append(one)
    return admitted


def _answered(
    engines: Engines, rows: Dataset, asked: Sequence[Input], request: DistillRequest
) -> tuple[list[Carried[Answer]], float | None]:
    """The teacher's answer to each input, held to the schema or labels where its host can; and what it cost."""
    from rung.models.catalog import generator

    settings = engines.project.settings
    materials, _ = materials_of(engines.project, rows, {}, tools=engines.tools)
    with phase(f"teacher {request.teacher}") as tick:
        teacher = generator(request.teacher, server=settings.server, progress=tick)
    try:
        conversations = [(Asker(), partial(_conversation, materials, _question(one), request.max_tokens)) for one in asked]
        with phase("answer the inputs") as tick:
            ended = carry(
                conversations,
                engines={"generate": teacher},
                store=engines.cache,
                tally=engines.tally,
                progress=lambda done, total: tick(done, total, ""),
            )
    finally:
        teacher.close()
    return ended, sum((one.usage for one in ended), Usage(usd=0.0)).usd


def _conversation(materials: Materials, question: Question, max_tokens: int) -> Conversation[Answer]:
    """The teacher's answer, held to schema or labels; where its server cannot hold it to labels, what it says freely."""
    try:
        return (yield from constrained(materials, question, max_tokens))
    except StepFailed:
        if not materials.labels or materials.schema:
            raise
    freely = Generate(closed_book(instruction(materials), question), max_tokens=max_tokens)
    response = yield from generate(freely)
    return finish(response)


def _question(one: Input) -> Question:
    return Question(digest(one.messages)[:16], one.text, one.messages[:-1])


def _sifted(
    engines: Engines, rows: Dataset, answered: Sequence[tuple[Input, Carried[Answer]]], sieve: _Sieve
) -> list[tuple[Input, Answer]]:
    """The answers without a fault."""
    passed: list[tuple[Input, Answer]] = []
    fault_of_each = faults(engines, rows, [(_case(one, rows.schema), ended) for one, ended in answered])
    for (one, ended), fault in zip(answered, fault_of_each, strict=True):
        if fault is not None:
            sieve.drop(one, *fault, "" if ended.value is None else ended.value.text)
        elif ended.value is not None:
            passed.append((one, ended.value))
    return passed


def _case(one: Input, schema: str) -> Case:
    references = tuple(compact(text, schema) for text in one.references) if schema else one.references
    return Case(digest(one.messages)[:16], one.text, references, answerable=True, place=one.place)


def _example(one: Input, text: str, rows: Dataset, request: DistillRequest) -> Example:
    output = compact(text, rows.schema) if rows.schema else text.strip()
    messages = (*one.messages, Message("assistant", output))
    return Example(
        id=digest([f"{m.role}:{m.content}" for m in messages])[:16],
        messages=messages,
        source=one.source or one.place,
        licence=one.licence,
        generated_by=request.teacher,
        approved_by=request.approve,
        approved_at=datetime.now(UTC).date().isoformat() if request.approve else "",
    )


def dropped_by(distilled: DistillReport) -> str:
    """The filters and what they dropped, as a sentence; "" where nothing was dropped."""
    counts = distilled.by_filter()
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda item: -item[1]))
