"""`rung train`: build the artifacts that the project's tuned rungs need, without weighing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import DryRun, Folder, Json, Seed, finite
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.commands.train import TrainReport


class Kind(StrEnum):
    """What can be trained."""

    generator = "generator"
    retriever = "retriever"
    reranker = "reranker"
    classifier = "classifier"
    router = "router"


_RECIPE = "generator: the recipe file; default: recipe.yaml in the project, if there is one."
_SEARCH = "generator: search learning rate and rank first, and write them into recipe.yaml."
_ON = "generator: have the host tune this model of 'models:' in rung.yaml, which has 'tuning:' beside its name."
_MAX_COST = "With --on: begin what is foretold to cost no more than so many US dollars, all jobs together."
_KIND = (
    "What is trained: generator (the adapters of tuned_model and hybrid), retriever (of tuned_retriever), reranker, "
    "classifier, or router (over the other rungs, by the dev cases)."
)


def train(
    kind: Annotated[Kind, typer.Argument(help=_KIND, show_default=False)],
    folder: Folder,
    *,
    rung: Annotated[str | None, typer.Option(help="Only this rung; default: all that are tuned.")] = None,
    recipe: Annotated[Path | None, typer.Option(help=_RECIPE)] = None,
    search: Annotated[bool, typer.Option("--search", help=_SEARCH)] = False,
    on: Annotated[str | None, typer.Option(help=_ON, metavar="NAME")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --on: begin it, whatever it is foretold to cost.")] = False,
    max_cost: Annotated[float | None, typer.Option(min=0, help=_MAX_COST, metavar="USD", callback=finite)] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="With --on: end the jobs that run there.")] = False,
    seed: Seed = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Train what the tuned rungs need and do not have yet."""
    from json import dumps

    from rung.builders.building import HostedRequest
    from rung.commands.hosted_jobs import cancel_jobs
    from rung.commands.train import TrainRequest
    from rung.commands.training_forecast import foresee
    from rung.config.project import load_project
    from rung.errors import NotAllowed, UserError
    from rung.loop import train as build
    from rung.progress import reporting
    from rung.records import Json as Value
    from rung.records import plain

    if (recipe or search) and kind is not Kind.generator:
        raise UserError(f"{'--recipe' if recipe else '--search'} is for generators: settings of a {kind} stand in rung.yaml")
    begins = yes or max_cost is not None
    _check_hosted(kind, on, begins or cancel, search)
    if cancel and (begins or dry_run):
        raise UserError("--cancel ends jobs: leave --yes, --max-cost and --dry-run out")
    project, screen = load_project(folder), Screen()
    if on and cancel:
        with reporting(screen):
            for line in cancel_jobs(project, on):
                out(dumps({"note": line}) if json else line)
        return FINE
    if dry_run and not on:
        foreseen = foresee(project, kind.value, rung=rung or "", on_problems=screen.problems)
        for one in foreseen:
            out(dumps(plain(one)) if json else str(one))
        if not foreseen and not json:
            out(f"nothing would be trained for {rung or 'any rung'}; 'rung check' says why")
        return FINE
    given: dict[str, Value] = {"recipe": str(recipe) if recipe else None, "search": search}
    hosted = HostedRequest(yes, max_cost, is_dry=dry_run) if on else None
    request = TrainRequest(rung or "", given if kind is Kind.generator else {}, on or "", hosted)
    try:
        reporter = Screen(quiet=json)
        done = build(project, kind.value, request, seed=seed, reporter=reporter, on_problems=screen.problems)
    except NotAllowed as error:
        if not dry_run:
            raise UserError(str(error), code="not_allowed") from error
        out(dumps({"note": str(error)}) if json else str(error))
        return FINE
    if json:
        for report in done:
            out(dumps(_report_json(report), ensure_ascii=False))
        return FINE
    for line in _table(done):
        out(line)
    return FINE


def _check_hosted(kind: Kind, on: str | None, is_about_jobs: bool, search: bool) -> None:
    """Refuse options that have no meaning together."""
    from rung.errors import UserError

    if is_about_jobs and not on:
        raise UserError("--yes, --max-cost and --cancel are about a job at a model's host: name the model with --on")
    if on and kind is not Kind.generator:
        raise UserError(f"--on is for generators: a {kind} is trained here")
    if on and search:
        raise UserError("--search tries rates and ranks here: a host's job is one")


def _table(done: Sequence[TrainReport]) -> Iterator[str]:
    """What each artifact came to, in 80 columns; a blank is what this kind does not measure."""
    heads = ("rows", "tokens", "tokens/s", "seconds", "peak MB", "train loss", "val. loss")
    widths = (7, 10, 8, 8, 7, 10, 9)
    yield f"{'artifact':<12} " + " ".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
    for report in done:
        numbers = (
            f"{report.rows:,}",
            f"{report.tokens:,}" if report.tokens else "",
            _number(report.tokens_per_second, ",.0f"),
            _number(report.seconds, ",.1f"),
            _number(report.peak_mb, ",.0f"),
            _number(report.train_loss, ".4f"),
            _number(report.validation_loss, ".4f"),
        )
        line = " ".join(f"{one:>{width}}" for one, width in zip(numbers, widths, strict=True))
        yield f"{report.artifact[:12]:<12} {line}".rstrip()
    for report in done:
        yield f"{report.rung or report.kind}: {report.folder}"
        if report.metrics:
            yield f"  metrics: {', '.join(f'{key} {_short(value)}' for key, value in report.metrics.items())}"
        before, after = ((report.forgetting or {}).get(key) for key in ("before", "after"))
        if isinstance(before, dict) and isinstance(after, dict):
            moved = (f"{key} {_short(value)} → {_short(after.get(key))}" for key, value in before.items())
            yield f"  forgetting, before → after: {', '.join(moved)}"
        yield from (f"  {note}" for note in report.notes)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _report_json(report: TrainReport) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(report), "folder": str(report.folder)}
