"""OPEN THIS FIRST: how documents, examples and cases become a verdict, and who answers then.

Each line of `compare` is a stage; its file is in `pipeline`. What it chose is served by `rung.serving`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from rung.builders.building import ArtifactBuilder
from rung.commands.export import ExportReport, ExportRequest, export_artifact
from rung.commands.rescore import rescore_verdict
from rung.commands.search import Searcher, SearchRequest
from rung.commands.train import TrainReport, TrainRequest
from rung.commands.trainers import TRAINERS
from rung.config.project import Project
from rung.dataset.load import training_hold
from rung.errors import UserError
from rung.pipeline.answering import require_answers, time_live
from rung.pipeline.budget import CompareRequest, Meter
from rung.pipeline.candidates import allowed as allowed_rungs
from rung.pipeline.candidates import check_sampling, propose
from rung.pipeline.climbing import climb
from rung.pipeline.evaluate import Comparison, decide_winner, evaluate, write_report
from rung.pipeline.forecast import check_priced
from rung.pipeline.judge_labels import read_labels
from rung.pipeline.limits import check_limits
from rung.pipeline.pinned_strategy import PinnedStrategy, pinned_strategy
from rung.pipeline.pins import as_pinned, promoted
from rung.pipeline.preflight import check_batches, check_servers
from rung.pipeline.prepare import prepare
from rung.pipeline.publishing import LATEST, read_list
from rung.pipeline.run_record import recorded
from rung.pipeline.sweep import check_search
from rung.progress import Reporter, reporting, waiting_while
from rung.records import Answer, Asker, Passage, Problem, Question
from rung.runtime.engines import Engines, open_engines
from rung.runtime.live import Live, converse
from rung.runtime.runner import StepRunner
from rung.strategies.protocol import streams


def compare(
    project: Project,
    *,
    limit: int | None = None,
    seed: int | None = None,
    allowed: CompareRequest | None = None,
    reporter: Reporter | None = None,
) -> Comparison:
    """Weigh every rung that the project allows, on its own cases, and publish the verdict.

    Args:
        project: a folder with `rung.yaml`, loaded.
        limit: judge by at most so many cases, always the same ones.
        seed: of everything that is drawn; None takes the project's.
        allowed: a budget, and whether rungs that cannot win any more answer all cases too.
        reporter: told how far the work is.

    Raises:
        UserError: something that is yours to fix; says what.
        BudgetEnded: before there was anything to judge; the same command goes on where it was.
        Interrupted: Ctrl-C; the same command goes on where it was.
    """
    check_search(project, allowed.trials if allowed else None)
    check_priced(project, allowed.usd if allowed else None)
    check_batches(project)
    read_list(project)  #                                         the verdicts so far: damage is found before the work
    read_labels(project)  #                                       what people said of answers: so are mistakes
    # what happens is told to who reports, and written down for `rung status`
    with recorded(project, reporter) as recorder, reporting(recorder), opened(project.seeded(seed)) as engines:
        notices = check_servers(engines)  #                       the servers of models: there, and what they lack
        meter = Meter.of(engines, allowed, recorder.steering)  # what may be spent, and what is
        # other processes are waited for as long as the budget lasts; the runner runs the steps of conversations
        with waiting_while(meter.go_on), meter.runner(engines) as runner:
            # documents, examples, cases
            dataset = prepare(engines, limit=limit, meter=meter, asks_model=True)
            builder = ArtifactBuilder(runner)  #                    who builds what rungs need
            candidates = propose(builder, dataset)  #               rung.yaml → rungs with settings
            raced = climb(builder, dataset, candidates, meter)  #   cheapest first: search settings, build, race; train last
            require_answers(raced.evaluations)  #                   where nothing was answered, there is nothing to judge
            # a sample of cases, live, rungs in turns: the latency
            timed = time_live(runner, raced.evaluations, dataset.cases, meter, trial=dataset.is_limited)
            scored = evaluate(runner, dataset, timed, meter)  #     every layer of every answer that is not scored yet
        # bar, limits, differences, gaps
        decided = decide_winner(engines, dataset, scored, raced.coverage, notices=notices)
        return write_report(engines.project, dataset, scored, decided)  # table, JSON, page


def rescore(project: Project, verdict: str = LATEST, *, reporter: Reporter | None = None) -> Comparison:
    """The stored answers of a verdict scored and decided upon anew, by today's cases, bar and settings, and published.

    Args:
        project: a folder with `rung.yaml`, loaded.
        verdict: its number, the beginning of its digest, a path, or the last one.
        reporter: told how far the work is.

    Raises:
        UserError: no such verdict, it has no stored answers, or none of them counts any more.
    """
    with reporting(reporter), opened(project) as engines, StepRunner(engines) as runner:
        return rescore_verdict(runner, verdict)


def ask(
    project: Project,
    question: str,
    *,
    rung: str | None = None,
    model: str = "",
    asker: Asker | None = None,
    on_text: Callable[[str], None] | None = None,
    reporter: Reporter | None = None,
) -> tuple[Live[Answer], PinnedStrategy]:
    """One question to one rung, live; by default to the deployment that is promoted, else to the last verdict's winner as it
    was measured. Says what, and who. `model`: what `rung.yaml` calls the one that is to answer; "" is the rung's own.

    Raises:
        UserError: no verdict yet, no such rung or model in the project, or it does not apply.
    """
    with reporting(reporter), opened(project, reading=True) as engines, StepRunner(engines) as runner:
        check_servers(engines, judging=False)
        asked = (
            None
            if rung or model or (deployed := promoted(project)) is None
            else as_pinned(ArtifactBuilder(runner), deployed)
        )
        return answer(ArtifactBuilder(runner), question, rung=rung, model=model, asked=asked, asker=asker, on_text=on_text)


def answer(
    builder: ArtifactBuilder,
    question: str,
    *,
    rung: str | None = None,
    model: str = "",
    asked: PinnedStrategy | None = None,
    asker: Asker | None = None,
    on_text: Callable[[str], None] | None = None,
) -> tuple[Live[Answer], PinnedStrategy]:
    """`ask` in a project that is open, and stays so. `asked`: who is to answer, else the rung, else the winner."""
    asked = asked or pinned_strategy(builder, rung, model)
    shown = on_text if streams(asked.strategy) else None

    def hear(piece: str) -> None:
        if piece and shown is not None:
            shown(piece)

    conversation = asked.strategy.answer(Question("asked", question))
    own, *others = asked.models
    answering = builder.engines.on(own).by_step(others)
    live = converse(conversation, asker=asker or Asker(), engines=answering, on_text=hear, shows=shown is not None)
    return live, asked


def train(
    project: Project,
    kind: str,
    request: TrainRequest,
    *,
    seed: int | None = None,
    reporter: Reporter | None = None,
    on_problems: Callable[[Sequence[Problem]], None] = lambda _problems: None,
) -> list[TrainReport]:
    """Build the artifacts of one kind (`commands.trainers.TRAINERS`). What is built already is left as it is.

    `on_problems` is given the rows and files that are left out, or taken otherwise, before anything is learnt or sent.

    Raises:
        UserError: the project has nothing to train for this kind, or not what was ordered; people have to approve the rows
            first.
    """
    if why := training_hold(project):
        raise UserError(f"nothing is trained: {why}", code="review_required")
    with reporting(reporter), opened(project.seeded(seed)) as engines, StepRunner(engines) as runner:
        prepared = prepare(engines)
        on_problems(prepared.problems)
        return TRAINERS[kind](ArtifactBuilder(runner), prepared, request)


def export(project: Project, request: ExportRequest, *, reporter: Reporter | None = None) -> ExportReport:
    """Write a tuned model for other programs, trained first where it is not yet.

    Raises:
        UserError: nothing is tuned, or not what is wanted; a folder that is there already, or cannot be written.
    """
    with reporting(reporter), opened(project) as engines, StepRunner(engines) as runner:
        return export_artifact(ArtifactBuilder(runner), prepare(engines), request)


def search(
    project: Project, query: str, *, request: SearchRequest | None = None, reporter: Reporter | None = None
) -> tuple[Passage, ...]:
    """Passages for a query, best first, from an index that is brought up to date first.

    Raises:
        UserError: the project names no documents, or not what is wanted (a reranker, a condition that is one).
    """
    with reporting(reporter), opened(project, reading=True) as engines:
        return Searcher(engines).find([query], request or SearchRequest())[0]


def opened(project: Project, *, reading: bool = False, many_threads: bool = False) -> AbstractContextManager[Engines]:
    """The engines of one command, see `open_engines`; mistakes in the rungs and limits are found before any work is done."""
    allowed_rungs(project)
    check_limits(project)
    check_sampling(project)
    return open_engines(project, reading=reading, many_threads=many_threads)
