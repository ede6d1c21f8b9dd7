"""`rung ask`: one question to one rung, live."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import As, Folder, Json, groups
from rung.cli.screen import Screen, out


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

    def show(piece: str) -> None:
        sys.stdout.write(piece)
        sys.stdout.flush()

    live, label = put(
        load_project(folder),
        question,
        rung=rung,
        asker=Asker(groups(asker)),
        on_text=None if json else show,
        reporter=Screen(quiet=json),
    )
    if live.value is None:
        error = live.failure.error if live.failure else "no answer"
        if json:
            out(dumps({"rung": label, "answer": None, "error": error}))
        else:
            sys.stderr.write(f"\nrung: {label} failed: {error}\n")
        return YOURS
    answer = live.value
    if json:
        said = {"rung": label, "answer": answer.text, "refused": answer.refused, "citations": plain(list(answer.citations))}
        out(dumps({**said, "seconds": round(live.seconds, 3)}, ensure_ascii=False))
        return FINE
    out("" if live.first_token is not None else answer.text)
    for citation in answer.citations:
        shown = next((p for p in answer.passages if p.id == citation.passage), None)
        source = shown.source if shown and shown.source else citation.document
        out(f"[{citation.mark}] {source}:{citation.start}-{citation.end}")
    steps = ", ".join(f"{t.kind} {t.seconds:.2f} s" for t in live.timings)
    sys.stderr.write(f"({label}; {steps})\n")
    return FINE
