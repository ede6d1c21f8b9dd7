"""From a log to cases: a sample of the questions that stands for the traffic, without answers, in a file of the project.

Where a model judges, the rows count at once: its judgements are then corrected by `rung cases label`. Elsewhere they are
drafts, to which a person writes the accepted answers: `rung review`. The server's own traces are a log, too, where their
texts are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from os.path import relpath
from pathlib import Path

from rung.commands.draft_files import append_rows, drafts_file
from rung.commands.draft_target import check_target
from rung.config.project import Project
from rung.dataset.credentials import secrets
from rung.dataset.near_duplicates import normal
from rung.dataset.personal import personal
from rung.dataset.traffic import Drawn, TrafficSample, sampled
from rung.errors import UserError
from rung.files.outputs import check_free
from rung.importers.log_questions import LoggedQuestion, questions_in
from rung.importers.source import ImportFile
from rung.progress import Reporter, phase, reporting
from rung.records import Json, Problem, digest, plain
from rung.runtime.engines import open_engines

BY = "traffic"  # who drafted
FILE, DRAFTS = "traffic.jsonl", "traffic.drafts.jsonl"
_TOGETHER = 256  # texts that are embedded between two ticks
_NOTE = 'asked by somebody: write its accepted answers, or "answerable": false where no document has one'


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """What is asked for.

    Args:
        count: draws.
        topics: how many; None: by the number of different questions.
        form: of the logs, as `rung import` has it; "" to find out.
        question: the column that is the question; "" to guess.
        traces: whether the server's own traces are read.
        seed: of what is drawn; None takes the project's.
        dry_run: write nothing.
    """

    count: int = 100
    topics: int | None = None
    form: str = ""
    question: str = ""
    traces: bool = False
    seed: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What came of it. `is_judged`: a model judges, so that the rows count without answers; `marked`: drawn questions that
    hold personal data or secrets; `untexted`: traces without texts; `is_named`: whether `cases` takes the file."""

    path: Path
    sample: TrafficSample
    rows: tuple[dict[str, Json], ...]
    left_out: tuple[Problem, ...]
    is_judged: bool
    marked: int = 0
    untexted: int = 0
    is_named: bool = True

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        sample = self.sample
        return {
            **{"file": str(self.path), "questions": sample.questions, "looked": sample.looked, "groups": sample.groups},
            **{"rows": len(self.rows), "draws": sum(one.weight for one in sample.drawn), "judged": self.is_judged},
            **{"topics": plain(sample.topics), "marked": self.marked, "untexted": self.untexted},
            "left_out": plain(self.left_out),
        }


def sample_cases(
    project: Project, logs: Sequence[Path], path: Path, request: SampleRequest, *, reporter: Reporter | None = None
) -> SampleReport:
    """Draw from logs, and write what was drawn as rows of cases.

    Args:
        project: whose; its embedder finds topics.
        logs: files in a form that `rung import` knows, or with a column of questions.
        path: a new file.
        request: what is asked for.
        reporter: told how far it is.

    Raises:
        UserError: there is no question in them, a log cannot be read, the file is there, unless nothing is written, or it is
            no file for rows of cases.
    """
    if not request.dry_run:
        check_free(path, instead="a sample is whole: name another file with --output")
    check_target(project, path)
    asked: list[LoggedQuestion] = []
    left_out: list[Problem] = []
    for log in logs:
        if not log.exists():
            raise UserError(f"{log} does not exist: name a log")
        for one in questions_in(ImportFile(log, question=request.question), request.form):
            if isinstance(one, LoggedQuestion) and one.text:
                asked.append(one)
            else:
                left_out.append(one if isinstance(one, Problem) else Problem.at(one.place, "asks nothing"))
    traced, untexted = _traced(project) if request.traces else ([], 0)
    asked += traced
    if not asked:
        raise UserError(_nothing(left_out, untexted))
    seed = project.settings.seed if request.seed is None else request.seed
    with reporting(reporter):
        sample = _sample(project, asked, request, seed)
    is_judged = project.settings.bar.metric == "judge"
    rows = tuple(_row(asked[one.index], one, sample, is_judged=is_judged) for one in sample.drawn)
    if not request.dry_run:
        append_rows(path, rows)
    marked = sum("personal" in meta for row in rows if isinstance(meta := row["meta"], dict))
    return SampleReport(path, sample, rows, tuple(left_out), is_judged, marked, untexted, _is_named(project, path))


def sample_file(project: Project) -> Path:
    """Where a sample goes, unless somebody says otherwise."""
    return drafts_file(project, FILE if project.settings.bar.metric == "judge" else DRAFTS)


def _is_named(project: Project, path: Path) -> bool:
    """Whether `cases` of `rung.yaml` takes the file."""
    relative = relpath(path, project.root)
    return any(fnmatch(relative, pattern) for pattern in project.settings.cases)


def _sample(project: Project, asked: Sequence[LoggedQuestion], request: SampleRequest, seed: int) -> TrafficSample:
    import numpy as np

    with open_engines(project) as engines:
        embedder = engines.embedder

        def embed(texts: Sequence[str]) -> np.ndarray:
            with phase("embed questions") as tick:
                rows = []
                for start in range(0, len(texts), _TOGETHER):
                    rows.append(embedder.embed(texts[start : start + _TOGETHER], kind="query"))
                    tick(min(start + _TOGETHER, len(texts)), len(texts), "")
                return np.concatenate(rows)

        return sampled(asked, request.count, embed=embed, topics=request.topics, seed=seed)


def _row(question: LoggedQuestion, drawn: Drawn, sample: TrafficSample, *, is_judged: bool) -> dict[str, Json]:
    """A line of a cases file. Its `answers` are left out: nobody has written any."""
    turns = [{"role": turn.role, "content": turn.content} for turn in question.messages]
    setting = [f"{turn.role}: {normal(turn.content)}" for turn in question.messages]
    asker = None if question.groups is None else sorted(question.groups)
    named = digest(BY, normal(question.text), setting, asker)[:12]
    row: dict[str, Json] = {"id": f"traffic-{named}", "question": question.text}
    if turns:
        row["messages"] = plain(turns)
    if asker is not None:
        row["as"] = plain(asker)
    if drawn.weight > 1:
        row["weight"] = drawn.weight
    texts = (question.text, *(turn.content for turn in question.messages))
    kinds = sorted({kind for text in texts for find in (personal, secrets) for kind, _ in find(text)})
    topic = sample.topics[drawn.topic]
    meta: dict[str, Json] = {"topic": ", ".join(topic.words), "share": round(topic.share.mean or 0.0, 4)}
    meta |= {"repeats": drawn.repeats, "logged": question.place}
    if kinds:
        meta["personal"] = plain(kinds)
    row |= {"split": "test", "meta": meta}
    if is_judged:
        return row
    meta["note"] = _NOTE
    return {**row, "answers": [], "answerable": True, "drafted_by": BY, "approved_by": ""}


def _traced(project: Project) -> tuple[list[LoggedQuestion], int]:
    """The questions of the server's traces, the oldest first, and how many traces have no texts."""
    from rung.state.database import open_state
    from rung.tracing.questions import questions_of

    with open_state(project) as state:
        asked, untexted = questions_of(state)
    return [LoggedQuestion(one.text, one.messages, f"trace {one.id}", one.groups) for one in asked], untexted


def _nothing(left_out: Sequence[Problem], untexted: int) -> str:
    listed = "".join(f"\n  {problem}" for problem in left_out[:10])
    if untexted:
        listed += f"\n  {untexted:,} traces without texts: serve.traces.content keeps them"
    return f"there is no question in these logs{listed}"
