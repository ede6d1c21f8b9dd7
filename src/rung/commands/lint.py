"""Whether examples are fit to teach: files or a project's own, looked over with cases, tokenizer and, if asked, the model.

The checks are in `examples`; here it is found out what to check, how long rows are, and which of them the model finds odd.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.config.project import FILE, Project, load_project
from rung.config.schema import DEFAULT_MODEL
from rung.dataset import LintReport, flaw, lint, read_examples
from rung.dataset.case_rows import case_of
from rung.dataset.formats import example_of, form_of
from rung.dataset.load import paths, shown_as
from rung.dataset.row_files import rows_in
from rung.errors import ModelError, UserError
from rung.progress import Reporter, Silent
from rung.records import Case, Example, Json, Message, Problem, plain
from rung.runtime.engines import model_of
from rung.strategies.prompting import DEFAULT_TASK, with_tools

if TYPE_CHECKING:
    from rung.models.protocol import Generator, Server

MAX_TOKENS = 2048  # as the trainer's recipe has it
COUNTED = 20_000  # rows that the table of lengths is made from
_TURN, _CHAT = 16, 96  # tokens that a template may add for a turn, and for a chat
ODD = 3.5  # robust deviations from the median loss (Iglewicz and Hoaglin 1993)
MIN_ODD = 0.5  # nats above the median, however alike the others are


@dataclass(frozen=True, slots=True)
class LintRequest:
    """What `rung examples lint` was asked for. `model` "": the project's, or the one that Rung comes with."""

    max_tokens: int = MAX_TOKENS
    model: str = ""
    table: bool = True  # lengths of all rows, not of those that may be too long only
    preview: int = 0
    loss: bool = False


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of prompts and answers: (median, p95, longest) each. `rows` were counted, with the tokenizer of `model`."""

    rows: int
    prompt: tuple[int, int, int]
    answer: tuple[int, int, int]
    model: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One row as the loss sees it: what is masked, and the tokens that are learnt."""

    place: str
    masked: str
    masked_tokens: int
    learnt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and what was asked for besides. `odd`: (place, why) of rows whose loss stands out."""

    linted: LintReport
    problems: tuple[Problem, ...]
    files: tuple[str, ...]
    lengths: Lengths | None = None
    seen: tuple[Seen, ...] = ()
    odd: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self, *, loss: bool = False) -> dict[str, Json]:
        """For `--json`: exactly `rows` and `findings`, but for what could not be read and what was asked for besides."""
        several = len(self.files) > 1
        report: dict[str, Json] = {
            "rows": self.linted.rows,
            "findings": [finding.as_json(several=several) for finding in self.linted.findings],
        }
        if self.problems:
            report["problems"] = plain(self.problems)
        if loss:
            odd: list[Json] = [
                {"rows": [_line(location)], "file": _file(location), "why": why} for location, why in self.odd
            ]
            report["hurt"] = [
                *odd,
                *(f.as_json(several=several) | {"kind": "disagreement"} for f in self.linted.disagreements),
            ]
        return report


@dataclass
class _Materials:
    """What is looked at: rows, cases, and the instruction that a project gives in the place of the rows' own."""

    examples: list[Example] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    task: str | None = None
    model: str = DEFAULT_MODEL
    server: Server | None = None


def look(
    files: Sequence[Path],
    cases: Sequence[Path] = (),
    *,
    request: LintRequest = LintRequest(),
    reporter: Reporter | None = None,
) -> Looked:
    """Look over files of examples, or a project's own where a folder with `rung.yaml` is among them.

    Raises:
        UserError: a file is absent, there is nothing to look at, or the loss is asked of a model whose weights are not here.
    """
    reporter = reporter or Silent()
    materials = _gathered(files, cases)
    notes: list[str] = []
    model = _model(materials, request, notes, reporter)
    chats = [_chat(example, materials.task) for example in materials.examples]
    too_long, lengths = _lengths(chats, model, request, request.model or materials.model)
    with reporter.phase("look over the rows"):
        linted = lint(materials.examples, materials.cases, too_long=too_long)
    whole = [n for n, example in enumerate(materials.examples) if not flaw(example)]
    usable = [replace(materials.examples[n], messages=chats[n]) for n in whole if n not in too_long]
    odd = odd_rows(usable, model, reporter) if request.loss and usable else ()
    return Looked(
        linted,
        tuple(materials.problems),
        tuple(materials.files),
        lengths,
        tuple(_seen(chats[n], materials.examples[n].place, model) for n in whole[: request.preview]),
        odd,
        tuple(notes),
    )


def _gathered(files: Sequence[Path], cases: Sequence[Path]) -> _Materials:
    materials = _Materials()
    for path in files:
        if path.is_dir():
            _take_project(load_project(path), materials)
        elif path.is_file():
            materials.files.append(str(path))
            materials.examples += read_examples(path, materials.problems, flawed=True)
        else:
            raise UserError(f"{path} does not exist: name files of examples, or a folder with {FILE}")
    for path in cases:
        if not path.is_file():
            raise UserError(f"{path} does not exist: name files of cases")
        materials.cases += _cases(path, str(path), materials.problems)
    return materials


def _take_project(project: Project, materials: _Materials) -> None:
    settings = project.settings
    if not settings.behaviour.examples:
        raise project.error("there are no examples to look at (behaviour.examples)", "behaviour")
    for path in dict.fromkeys(paths(project, settings.behaviour.examples, ("behaviour", "examples"))):
        materials.files.append(shown_as(project, path))
        materials.examples += read_examples(path, materials.problems, shown=shown_as(project, path), flawed=True)
    for path in dict.fromkeys(paths(project, settings.cases, ("cases",))):
        materials.cases += _cases(path, shown_as(project, path), materials.problems)
    materials.task, materials.server = settings.task.strip() or DEFAULT_TASK, settings.server
    materials.model = model_of(project, settings.model)


def _cases(path: Path, shown: str, problems: list[Problem]) -> list[Case]:
    """Whatever in a file judges: cases, drafts too, and chats that are kept as cases. Train cases teach, and are none."""
    cases: list[Case] = []
    for line, row in rows_in(path, shown, problems):
        location = f"{shown}:{line}"
        try:
            if "question" not in row and form_of(row) is not None:
                example = example_of(row, location)
                earlier = tuple(m for m in example.messages[:-2] if m.role != "system")
                case = Case(example.id, example.input, (example.output,), messages=earlier, place=location)
            else:
                case, _ = case_of(row, location, drafts=True)
        except ValueError as error:
            if isinstance(row.get("question"), str):
                case = Case(str(row.get("id", line)), str(row["question"]), place=location)
            else:
                problems.append(Problem(shown, line, str(error)))
                continue
        if row.get("split") != "train":
            cases.append(case)
    return cases


def _model(materials: _Materials, request: LintRequest, notes: list[str], reporter: Reporter) -> Generator | None:
    """The model whose tokens count; None where nobody needs to count, or where it cannot be had."""
    longest = max((_most_tokens(example) for example in materials.examples), default=0)
    if not (request.table or request.preview or request.loss or longest > request.max_tokens) or not materials.examples:
        return None
    from rung.models.catalog import PatientServer, generator

    name = request.model or materials.model
    try:
        with reporter.phase(f"model {name}") as tick:
            return generator(name, server=materials.server or PatientServer(), progress=tick)
    except ModelError as error:
        if request.model or request.loss or request.preview:
            raise
        notes.append(f"tokens are estimated, four bytes to one: {error}")
        return None


def _chat(example: Example, task: str | None) -> tuple[Message, ...]:
    """The chat as training would see it: with the project's instruction, or, without a project, the row's own."""
    own = next((m.content for m in example.messages if m.role == "system"), "")
    system = with_tools(own if task is None else task, example.tools)
    turns = tuple(m for m in example.messages if m.role != "system")
    return (Message("system", system), *turns) if system else turns


def _most_tokens(example: Example) -> int:
    """Never fewer than the tokens of the row: a token has a byte or more."""
    turns = len(example.messages) * _TURN + _CHAT + len(example.tools.encode()) + (600 if example.tools else 0)
    return sum(len(m.content.encode()) for m in example.messages) + turns


def _lengths(
    chats: Sequence[tuple[Message, ...]], model: Generator | None, request: LintRequest, name: str
) -> tuple[dict[int, str], Lengths | None]:
    """(what is too long, the table). Rows that cannot be too long are counted for the table only."""
    most = [sum(len(m.content.encode()) for m in chat) + len(chat) * _TURN + _CHAT for chat in chats]
    every = -(-len(chats) // COUNTED) or 1
    asked = [
        n for n in range(len(chats)) if chats[n] and (most[n] > request.max_tokens or (request.table and n % every == 0))
    ]
    prompts = _count([model.render(chats[n][:-1]) if model else _flat(chats[n][:-1]) for n in asked], model)
    answers = [count + 1 for count in _count([chats[n][-1].content for n in asked], model)]
    too_long = {
        n: _cut(chats[n], model, prompt=prompt, answer=answer, most=request.max_tokens)
        for n, prompt, answer in zip(asked, prompts, answers, strict=True)
        if prompt + answer > request.max_tokens
    }
    if not (request.table and asked):
        return too_long, None
    return too_long, Lengths(len(asked), _spread(prompts), _spread(answers), name if model else "an estimate")


def _count(texts: Sequence[str], model: Generator | None) -> list[int]:
    return model.count_tokens(texts) if model else [-(-len(text.encode()) // 4) for text in texts]


def _flat(messages: Sequence[Message]) -> str:
    return "\n".join(f"{m.role}: {m.content}" for m in messages)


def _spread(counts: Sequence[int]) -> tuple[int, int, int]:
    ordered = sorted(counts)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)], ordered[-1]


def _cut(chat: tuple[Message, ...], model: Generator | None, *, prompt: int, answer: int, most: int) -> str:
    """What cutting the row at the limit would lose."""
    total = prompt + answer
    size = f"{total:,} tokens ({prompt:,} of prompt, {answer:,} of answer), {total - most:,} over the limit of {most:,}"
    message = f"{size}: the trainer leaves the row out; "
    if prompt >= most:
        return f"{message}cut there, the whole answer would be lost"
    text, room = chat[-1].content, most - prompt
    tokens = getattr(model, "tokens", None)
    start = len(tokens.decode(tokens.encode([text])[0][:room])) if tokens else len(text) * room // answer
    lost = " ".join(text[start:].split())
    return f"{message}cut there, the answer would end before '{lost[:40]}{'…' if len(lost) > 40 else ''}'"


def _seen(chat: tuple[Message, ...], location: str, model: Generator | None) -> Seen:
    prompt = model.render(chat[:-1]) if model else _flat(chat[:-1])
    tokens = getattr(model, "tokens", None)
    if tokens is None:
        return Seen(location, prompt, _count([prompt], model)[0], (chat[-1].content,))
    ids = tokens.encode([chat[-1].content])[0]
    return Seen(location, prompt, _count([prompt], model)[0], (*_pieces(ids, tokens.decode), tokens.end))


def _pieces(ids: Sequence[int], decode: object) -> list[str]:
    """The text of each token; those of one character stand together."""
    assert callable(decode)
    pieces: list[str] = []
    begun = 0
    for end in range(1, len(ids) + 1):
        text = str(decode(list(ids[begun:end])))
        if not text.endswith("\ufffd"):
            pieces.append(text)
            begun = end
    return pieces


def odd_rows(rows: Sequence[Example], model: object, reporter: Reporter) -> tuple[tuple[str, str], ...]:
    """Rows whose answer the untuned model finds far less likely than the others': mislabelled, foreign or broken, often."""
    from rung.training import row_losses

    with reporter.phase("loss of each row") as tick:
        losses = row_losses(rows, model, progress=tick)
    middle = statistics.median(losses)
    spread = 1.4826 * statistics.median(abs(loss - middle) for loss in losses)
    odd = sorted(
        ((loss, row.place) for loss, row in zip(losses, rows, strict=True) if loss - middle > max(ODD * spread, MIN_ODD)),
        reverse=True,
    )
    scale = f"nats per answer token; the median is {middle:.2f}"
    return tuple((location, f"its answer is odd to the model: {loss:.2f} {scale}") for loss, location in odd)


def _file(location: str) -> str:
    return location.rpartition(":")[0]


def _line(location: str) -> int:
    return int(location.rpartition(":")[2] or 0)
