"""`rung replay`: a question that the server answered, answered again and compared."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Json, Word
from rung.cli.project_folder import words_apart
from rung.cli.screen import Screen, err, out, out_line
from rung.cli.trace import TraceId, open_traces


def replay(
    ctx: typer.Context,
    folder: Word = None,
    id: TraceId = None,
    deployment: Annotated[
        str,
        typer.Option(help="What answers now: a deployment or a rung; default: the one that did.", show_default=False),
    ] = "",
    json: Json = False,
) -> int:
    """Answer a recorded question again, and compare.

    Answer, passages, tokens, time and digests stand side by side. It needs the question: serve.traces.content in rung.yaml
    must have been true when it was asked. Nothing is recorded of the second answer.
    """
    from json import dumps

    from rung.builders.building import ArtifactBuilder
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.loop import opened
    from rung.progress import reporting
    from rung.records import plain
    from rung.runtime.runner import StepRunner
    from rung.tracing.comparing import comparison_lines, differences
    from rung.tracing.store import named

    root, (word,) = words_apart(ctx, (folder, id), "ID")
    project = load_project(root)
    with open_traces(project) as state:
        traces = named(state, word)
        if len(traces) > 1:
            raise UserError(f"{len(traces)} answers belong to trace '{word}': name one by its own id ('rung trace {word}')")
        from rung.serving.replay import answer_again, asked_again

        asked = asked_again(traces[0])  # before anything is opened
        with reporting(Screen(quiet=json)), opened(project, reading=True) as engines, StepRunner(engines) as runner:
            again = answer_again(ArtifactBuilder(runner), state, traces[0], deployment)
    if json:
        report = {"recorded": plain(traces[0]), "again": plain(again), "masked": asked.masked}
        report |= differences(traces[0], again)
        out(dumps(report, ensure_ascii=False))
        return FINE
    for line in comparison_lines(traces[0], again):
        out_line(line)
    if asked.masked:
        err("! secrets or personal data were masked when it was recorded: what is asked now has these words in their place")
    return FINE
