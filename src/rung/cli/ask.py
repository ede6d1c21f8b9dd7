"""`rung ask`: one question to one rung, live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import As, Json, Word, groups
from rung.cli.project_folder import words_apart
from rung.cli.screen import Screen, err, out, out_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rung.config.project import Project
    from rung.pipeline.pinned_strategy import PinnedStrategy
    from rung.records import Answer, Citation
    from rung.runtime.live import Live

_RULE = "\n\n---\n"  # between what was streamed and the answer, where that is another


def ask(  # noqa: PLR0917 - typer reads the options from the parameters
    ctx: typer.Context,
    folder: Word = None,
    question: Annotated[
        str | None, typer.Argument(help="The question, in quotes.", metavar="QUESTION", show_default=False)
    ] = None,
    rung: Annotated[
        str | None, typer.Option(help="Which rung answers; default: what is promoted, else the last verdict's winner.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Which of the project's models answers; default: the rung's own.", show_default=False)
    ] = "",
    asker: As = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 2 where the answer is cut, no label, or not valid under the schema.")
    ] = False,
    json: Json = False,
) -> int:
    """Put one question to a rung, live.

    As it would be served: with streaming and citations.
    """
    from json import dumps

    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.loop import ask as put
    from rung.records import Asker, plain
    from rung.text.left_out import counts_left_out
    from rung.text.support import doubted

    root, (question,) = words_apart(ctx, (folder, question), "QUESTION")
    if not question.strip():
        raise UserError("the question is empty: write one")
    heard: list[str] = []

    screen = Screen(quiet=json)

    def show(piece: str) -> None:
        heard.append(piece)
        screen.mid_line = True
        out(piece, end="")

    project = load_project(root)
    live, candidate = put(
        project,
        question,
        rung=rung,
        model=model,
        asker=Asker(groups(asker)),
        on_text=None if json else show,
        reporter=screen,
    )
    label, artifacts = candidate.label, candidate.artifacts
    if live.value is None:
        return _failed(label, live.failure.error if live.failure else "no answer", json=json)
    answer = live.value
    behaviour = project.settings.behaviour
    unborne = () if behaviour.schema_file or behaviour.labels else tuple(doubted(answer))
    doubts = tuple(_doubts(answer, project))
    if json:
        entry = {"rung": label, "answer": answer.text, "refused": answer.refused, "citations": plain(list(answer.citations))}
        entry |= {"unsupported": [text for _, text in unborne], "why_unsupported": [why for why, _ in unborne]}
        entry |= {"model": candidate.models[0], "artifacts": artifacts}
        entry |= {"truncated": answer.truncated, "doubts": list(doubts), **({"by": answer.by} if answer.by else {})}
        entry |= counts_left_out(answer)
        entry |= {"deployment": candidate.deployment} if candidate.deployment else {}
        entry |= {"prompt_cut": True} if live.cut_prompts else {}
        out(dumps({**entry, "seconds": round(live.seconds, 3)}, ensure_ascii=False))
    else:
        _show(answer, heard=heard, unborne=unborne, mid_line=screen.mid_line)
    for doubt in doubts:
        err(f"! {doubt}")
    code = YOURS if strict and doubts else FINE
    if not json:
        _show_how(live, candidate, by=answer.by, project=project)
    return code


def _failed(label: str, error: str, *, json: bool) -> int:
    from json import dumps

    if json:
        out(dumps({"rung": label, "answer": None, "error": error}))
    else:
        err(f"\nrung: {label} failed: {error}")
    return YOURS


def _show(answer: Answer, *, heard: Iterable[str], unborne: Iterable[tuple[str, str]], mid_line: bool) -> None:
    """The answer, where it was not streamed as it is, and what it cites."""
    streamed = "".join(heard)
    shown = streamed.strip() == answer.text  # else a server's reasoning turned out too late to be none of the answer
    if not shown or mid_line or not streamed:
        out("" if shown else f"{_RULE if streamed else ''}{answer.text}")
    for citation in answer.citations:
        out_line(f"[{citation.mark}] {_where(citation, answer)}")
    for why, sentence in unborne:
        out_line(f"{why}: {sentence}")


def _show_how(live: Live[Answer], candidate: PinnedStrategy, *, by: str, project: Project) -> None:
    """What answered, of which deployment and artifacts, and the time of each step."""
    if live.cut_prompts:
        out("the server read fewer tokens than the prompt has words: it cut the prompt without saying so")
    steps = ", ".join(f"{t.kind} {t.seconds:.2f} s" for t in live.timings)
    made_by = "".join(
        f"; {kind} {named[:12]}{_standing(project, kind, named)}" for kind, named in candidate.artifacts.items()
    )
    deployed = f", deployment {candidate.deployment}" if candidate.deployment else ""
    err(f"({candidate.label}{f' by {by}' if by else ''}{deployed}{made_by}; {steps})")


def _doubts(answer: Answer, project: Project) -> Iterator[str]:
    """Why an answer is not what was asked for: it was cut, or is none that schema or labels allow."""
    from rung.dataset.label_sets import read_labels
    from rung.dataset.load import read_examples, read_schema
    from rung.text.json_values import breach
    from rung.text.labels import is_label
    from rung.text.left_out import left_out

    yield from left_out(answer)
    if answer.truncated:
        yield "the answer was cut at its token limit: give the rung a larger 'max_tokens' in rung.yaml"
    text, behaviour = (answer.plain or answer.text).strip(), project.settings.behaviour
    if answer.refused or not (behaviour.schema_file or behaviour.labels):
        return
    if schema := read_schema(project):
        if why := breach(text, schema):
            yield f"the answer is not valid under the schema: {why}"
        return
    examples = read_examples(project, []) if behaviour.labels == "from_examples" else ()
    if not is_label(text, read_labels(project, examples, [])):
        yield f"the answer is none of the labels: {text[:60]!r}"


def _standing(project: Project, kind: str, named: str) -> str:
    """Whether another artifact of this kind than the one that was used is the promoted one."""
    from rung.artifacts.registry import Registry

    promoted = Registry(project.state).promoted(kind)
    return ", promoted" if promoted == named else f", not the promoted {promoted[:12]}" if promoted else ""


def _where(citation: Citation, answer: Answer) -> str:
    """The place that a citation opens at: the page where there are pages, else the line, and the characters."""
    shown = next((p for p in answer.passages if p.id == citation.passage), None)
    span = f"characters {citation.start}-{citation.end}"
    if shown is None:
        return f"{citation.document}, {span}"
    return f"{shown.location_at(citation.start)}, {span}"
