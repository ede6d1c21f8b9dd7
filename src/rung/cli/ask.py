"""`rung ask`: one question to one rung, live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import As, Folder, Json, groups
from rung.cli.screen import Screen, err, out, out_line

if TYPE_CHECKING:
    from rung.project import Project
    from rung.records import Answer, Citation

_RULE = "\n\n---\n"  # between what was streamed and the answer, where that is another


def ask(
    folder: Folder,
    question: Annotated[str, typer.Argument(help="The question.", show_default=False)],
    rung: Annotated[str | None, typer.Option(help="Which rung answers; default: the last verdict's winner.")] = None,
    asker: As = None,
    json: Json = False,
) -> int:
    """Put one question to one rung, the way that it would be served: live, with streaming and citations."""
    from json import dumps

    from rung.loop import ask as put
    from rung.project import load_project
    from rung.records import Asker, plain
    from rung.supporting import unsupported

    heard: list[str] = []

    def show(piece: str) -> None:
        heard.append(piece)
        out(piece, end="")

    project = load_project(folder)
    live, candidate = put(
        project,
        question,
        rung=rung,
        asker=Asker(groups(asker)),
        on_text=None if json else show,
        reporter=Screen(quiet=json),
    )
    label, made = candidate.label, candidate.artifacts
    if live.value is None:
        error = live.failure.error if live.failure else "no answer"
        if json:
            out(dumps({"rung": label, "answer": None, "error": error}))
        else:
            err(f"\nrung: {label} failed: {error}")
        return YOURS
    answer = live.value
    behaviour = project.settings.behaviour
    unborne = () if behaviour.schema_file or behaviour.labels else unsupported(answer)
    if json:
        said = {"rung": label, "answer": answer.text, "refused": answer.refused, "citations": plain(list(answer.citations))}
        said |= {"unsupported": list(unborne), "artifacts": made}
        said |= {"by": answer.by} if answer.by else {}
        said |= {"prompt_cut": True} if live.cut_prompts else {}
        out(dumps({**said, "seconds": round(live.seconds, 3)}, ensure_ascii=False))
        return FINE
    shown = "".join(heard).strip() == answer.text  # else a server's reasoning turned out too late to be none of the answer
    out("" if shown else f"{_RULE if heard else ''}{answer.text}")
    for citation in answer.citations:
        out_line(f"[{citation.mark}] {_where(citation, answer)}")
    for sentence in unborne:
        out_line(f"not borne out by what it cites: {sentence}")
    if live.cut_prompts:
        out("the server read fewer tokens than the prompt has words: it cut the prompt without saying so")
    steps = ", ".join(f"{t.kind} {t.seconds:.2f} s" for t in live.timings)
    made_by = "".join(f"; {kind} {named[:12]}{_standing(project, kind, named)}" for kind, named in made.items())
    err(f"({label}{f' by {answer.by}' if answer.by else ''}{made_by}; {steps})")
    return FINE


def _standing(project: Project, kind: str, named: str) -> str:
    """Whether another artifact of this kind than the one that was used is the promoted one."""
    from rung.workshop.registry import Registry

    promoted = Registry(project.state).promoted(kind)
    return ", promoted" if promoted == named else f", not the promoted {promoted[:12]}" if promoted else ""


def _where(citation: Citation, answer: Answer) -> str:
    """The place that a citation opens at: the page where there are pages, else the line, and the characters."""
    shown = next((p for p in answer.passages if p.id == citation.passage), None)
    span = f"characters {citation.start}-{citation.end}"
    if shown is None:
        return f"{citation.document}, {span}"
    name = shown.source or citation.document
    if shown.page:
        return f"{name} p. {shown.page}, {span}"
    line = shown.line + shown.text.count("\n", 0, max(0, citation.start - shown.start))
    return f"{name}:{line}, {span}" if shown.line else f"{name}, {span}"
