"""`rung examples`: look examples over before they teach, and write them in another format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import SEVERAL, Force, Json, Strict, matched
from rung.cli.project_folder import chosen, named
from rung.cli.screen import Screen, out, printable

if TYPE_CHECKING:
    from rung.commands.convert import Converted
    from rung.commands.lint import LintRequest, Looked, Seen

SHOWN = 5  # findings of each kind


class Form(StrEnum):
    """What examples can be written as."""

    chat = "chat"
    sharegpt = "sharegpt"
    openai = "openai"
    mistral = "mistral"
    gemini = "gemini"


_FORMS = "OpenAI chat, ShareGPT, Alpaca, prompt and completion; JSONL, JSON, CSV"
_TO = "chat: OpenAI's, with provenance; sharegpt: as LLaMA-Factory takes it; openai, mistral, gemini: for tuning there."
_FILES = f"Files of examples ({_FORMS}), or a project's folder; left out: the project's own, as after -C."
_CASES = f"A file of cases, none of which an example may repeat. {SEVERAL}"
_LOSS = "Also say which rows the untuned model finds odd, by its loss. Needs the extra train and a local model."
examples = typer.Typer(no_args_is_help=True, help="Look examples over before they teach, or convert them.")


@examples.command()
def lint(  # noqa: PLR0917 - typer takes them by name
    ctx: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help=_FILES, metavar="FILE", show_default=False)] = None,
    cases: Annotated[
        list[Path] | None, typer.Option(help=_CASES, metavar="FILE", show_default=False, callback=matched)
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=16, max=131072, help="Tokens that a row may have.")] = 2048,
    model: Annotated[str, typer.Option(help="Whose tokenizer counts; default: the project's model, or Rung's own.")] = "",
    preview: Annotated[int, typer.Option(min=0, help="Show so many rows as the loss sees them.")] = 0,
    loss: Annotated[bool, typer.Option("--loss", help=_LOSS)] = False,
    strict: Strict = False,
    json: Json = False,
) -> int:
    """Say what is wrong with examples: repeats, leaks, contradictions, secrets.

    A project's folder stands for its own examples and cases.
    """
    from rung.commands.lint import LintRequest, look

    request = LintRequest(max_tokens, model, table=not json, preview=0 if json else preview, loss=loss)
    looked = look(_files(ctx, files), cases or [], request=request, reporter=Screen(quiet=json))
    for problem in looked.problems:
        Screen().say(f"! {problem}")
    if json:
        from json import dumps

        out(dumps(looked.as_json(loss=loss), ensure_ascii=False))
    else:
        for line in _lines(looked, request):
            out(line)
        for seen in looked.seen:
            _show(seen)
    return YOURS if strict and (looked.problems or looked.linted.findings) else FINE


@examples.command()
def convert(  # noqa: PLR0917 - typer takes them by name
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help=f"Files of examples ({_FORMS}).", metavar="FILE", show_default=False)],
    to: Annotated[Form, typer.Option(help=_TO)] = Form.chat,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; default: beside the file.")
    ] = None,
    approve: Annotated[str, typer.Option(help="Who approves every row, from today.")] = "",
    force: Force = False,
    strict: Strict = False,
    json: Json = False,
) -> int:
    """Write examples in another format."""
    from rung.commands.convert import convert as write

    converted = write(_files(ctx, files), output, to=to.value, approve=approve.strip(), force=force)
    return _converted(converted, strict=strict, json=json)


def _files(ctx: typer.Context, files: Sequence[Path] | None) -> Sequence[Path]:
    """What is looked at: files, or the project's folder, and not both."""
    from rung.errors import UserError

    if not files:
        return [chosen(ctx)]
    if folder := named(ctx):
        raise UserError(f"name files, or the project {folder} with its own examples, not both")
    return files


def _converted(converted: Converted, *, strict: bool, json: bool) -> int:
    from json import dumps

    for problem in converted.problems:
        Screen().say(f"! {problem}")
    if json:
        out(dumps(converted.as_json(), ensure_ascii=False))
    else:
        out(f"{converted.file}: {converted.rows:,} rows")
        for note in converted.notes:
            out(f"! {note}")
        if converted.left_out:
            out(f"what is not written stands in {converted.left_out}")
    return YOURS if strict and converted.problems else FINE


def _lines(looked: Looked, request: LintRequest) -> Iterator[str]:
    from rung.dataset.lint import KINDS
    from rung.stats.rules_of_thumb import advice

    linted, several = looked.linted, len(looked.files) > 1
    yield f"{', '.join(looked.files)}: {linted.rows:,} rows, {linted.sound:,} of them sound"
    for kind in KINDS:
        some = [finding for finding in linted.findings if finding.kind == kind]
        for finding in some[:SHOWN]:
            rows = ", ".join(map(str, finding.rows[:6])) + (" …" if len(finding.rows) > 6 else "")
            yield f"  {kind:<14} {f'{finding.file} ' if several else ''}{rows}: {finding.why}"
        if len(some) > SHOWN:
            yield f"  {kind:<14} … and {len(some) - SHOWN:,} more, {linted.count(kind):,} rows in all (--json lists them)"
    yield from _table(looked, request)
    yield advice(linted.sound)
    hurting = [*looked.odd, *((f"{f.file}:{f.rows[0]} and {f.rows[-1]}", f.why) for f in linted.disagreements)]
    for location, why in hurting[: 2 * SHOWN]:
        yield f"look at {location}: {why}"
    if len(hurting) > 2 * SHOWN:
        yield f"look at {len(hurting) - 2 * SHOWN:,} more of the kind (--loss --json lists them)"
    yield from looked.notes


def _table(looked: Looked, request: LintRequest) -> Iterator[str]:
    from rung.dataset.balance import CHARACTERS

    lengths, labels = looked.lengths, looked.linted.labels
    if lengths is not None:
        yield f"tokens ({lengths.model}; limit {request.max_tokens:,})  median    p95  longest"
        for name, counts in (("prompt", lengths.prompt), ("answer", lengths.answer)):
            yield f"  {name:<12} {counts[0]:>8,} {counts[1]:>8,} {counts[2]:>8,}"
        if lengths.rows < looked.linted.rows:
            yield f"  (of {lengths.rows:,} rows, evenly drawn, and those that may be too long)"
    if labels is not None:
        shown = [f"{' '.join(label.split())[:CHARACTERS]} {n:,}" for label, n in labels.counts]
        few = shown if len(shown) <= 12 else [*shown[:6], "…", *shown[-4:]]
        yield f"labels: {len(shown)} ({', '.join(few)})"


def _show(seen: Seen) -> None:
    """One row as the loss sees it: on a terminal masked tokens are dim and learnt ones stand out, elsewhere marked."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    masked, learnt = printable(seen.masked), [printable(token) for token in seen.learnt]
    console.print(
        Text(f"{printable(seen.place, breaks=False)}: {seen.masked_tokens} tokens masked, {len(seen.learnt)} learnt")
    )
    if console.is_terminal:
        shown = Text(masked, style="dim")
        for index, token in enumerate(learnt):
            shown.append(token, style="bold black on green" if index % 2 else "bold black on cyan")
        console.print(shown)
        return
    console.print(Text("".join(f"  masked | {line}\n" for line in masked.splitlines()).rstrip("\n")))
    console.print(Text("  learnt | " + "".join(f"⟦{token}⟧" for token in learnt).replace("\n", "⏎")))
