"""The materials of a project's rungs: made here for a comparison, a check, a dry run, distilling and what is due.

Reading rows and documents, and counting tokens, is left to whoever needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.config.project import Project
from rung.dataset.leakage import overlaps
from rung.dataset.load import Dataset
from rung.dataset.retrieval_pairs import Teaching
from rung.dataset.teaching_rows import fit_to_teach
from rung.models.catalog import is_tunable
from rung.models.endpoint import is_on_server
from rung.records import Case, Problem
from rung.strategies.protocol import Materials
from rung.tools import Tool, tools_of


def materials_of(
    project: Project,
    rows: Dataset,
    groups: Mapping[str, Sequence[str]],
    *,
    teaching: Teaching = Teaching(),
    tools: Sequence[Tool] | None = None,
) -> tuple[Materials, tuple[Problem, ...]]:
    """What rungs may know of a project, without gold and what has to be counted; and a problem for each train case that may
    not teach.

    `groups`: document id -> the groups that may read it, empty for everybody. `tools`: those that are open; None: they are
    opened to be asked what they are.
    """
    train_cases, secrets = may_teach(rows.split("train"), groups)
    refused: list[Problem] = []
    dev = fit_to_teach(project, rows.split("dev"), refused)
    apart, _ = overlaps(dev, rows.split("test"))
    opened, _ = may_teach(dev, groups)
    materials = Materials(
        task=project.settings.task,
        schema=rows.schema,
        labels=rows.labels,
        examples=rows.examples,
        lessons=train_cases,
        limit_tokens=said_context(project),
        trainable=is_tunable(project.settings),
        reranker=bool(project.settings.reranker),
        tools=tuple(tool.spec for tool in (tools_of(project) if tools is None else tools)),
        seed=project.settings.seed,
        pairs=teaching.pairs,
        clicks=teaching.clicks,
        dev=dev,
        dev_apart=tuple(case for case in dev if case.place in apart),
        dev_open=frozenset(case.id for case in opened),
    )
    return materials, (*secrets, *refused)


def said_context(project: Project) -> int:
    """`server.context_tokens`, where it is said for a model behind a server; 0 where not."""
    server = project.settings.server
    is_said = is_on_server(project.settings.model) and "context_tokens" in server.model_fields_set
    return server.context_tokens if is_said else 0


def limit_of(project: Project, context: int) -> int:
    """Tokens above which a prompt is not sent as it is: `server.context_tokens` where it is said, or `context`, what the
    model's server was found to read, where that is less; 0 where nobody said."""
    reads_less = is_on_server(project.settings.model) and context < project.settings.server.context_tokens
    return context if reads_less else said_context(project)


def may_teach(cases: Sequence[Case], groups: Mapping[str, Sequence[str]]) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """The train cases that may teach, and a problem for each that may not: prompts and weights keep no secrets.

    What a lesson shows or teaches reaches every asker, so its answer must stand in documents that everybody may read. A
    case of a restricted asker whose answer has no known document cannot be told apart, and teaches nothing either.
    """
    admitted: list[Case] = []
    problems: list[Problem] = []
    for case in cases:
        named = (*case.gold_documents, *(span.document for span in case.evidence))
        restrictions = [groups[document] for document in named if document in groups]
        if not case.answerable or not (any(restrictions) or (case.groups and not restrictions)):
            admitted.append(case)
            continue
        readers = sorted({*(case.groups or ()), *(group for some in restrictions for group in some)})
        problems.append(Problem.at(case.place, f"'{case.id}' does not teach: its answer is for {', '.join(readers)} only"))
    return tuple(admitted), tuple(problems)
