"""`rung search`: what a query finds, for whom; or a whole file of queries, as a TREC run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.conditions import condition
from rung.cli.main import FINE
from rung.cli.options import As, Force, Json, Word, finite, groups
from rung.cli.project_folder import words_apart
from rung.cli.screen import Screen, err, out, out_line

if TYPE_CHECKING:
    from rung.commands.search import Searcher, SearchRequest
    from rung.config.project import Project
    from rung.knowledge.protocol import Place
    from rung.records import Passage

WIDTH = 78
KEYS = ("document", "source", "page", "line", "start", "end", "score", "text")


def search(  # noqa: PLR0917 - typer reads the options from the parameters
    ctx: typer.Context,
    folder: Word = None,
    query: Annotated[
        str | None, typer.Argument(help="What to look for, in quotes.", metavar="QUERY", show_default=False)
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="How many passages (5), or documents of each query with --queries (100)."),
    ] = None,
    asker: As = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only documents whose meta keeps this, such as 'year>=2024' or 'kind=manual'; may be repeated."),
    ] = None,
    diversity: Annotated[
        float,
        typer.Option(min=0, max=1, callback=finite, help="How much a passage counts less for repeating those before it."),
    ] = 0.0,
    rerank: Annotated[bool, typer.Option("--rerank", help="Put the best 50 in order by the project's reranker.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show rank and score in the dense and the BM25 ranking.")
    ] = False,
    queries: Annotated[
        Path | None, typer.Option(help="Answer this file of queries: {_id, text} a line, as BEIR has it.")
    ] = None,
    trec: Annotated[Path | None, typer.Option(help="Where the answers to --queries go, as a TREC run.")] = None,
    force: Force = False,
    json: Json = False,
) -> int:
    """Show the passages that a query finds, best first.

    The index is brought up to date before. With --queries and --trec a whole file of queries is answered into a TREC run:
    the best passage of each document.
    """
    from rung.commands.search import DOCUMENTS, SearchRequest
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.files.outputs import check_free
    from rung.records import Asker

    if (queries is None) != (trec is None):
        raise UserError("--queries and --trec go together: the file of queries, and where its run is to be written")
    if queries is not None and explain:
        raise UserError("--queries answers a whole file: leave out --explain")
    root, own = words_apart(ctx, (folder, query), *(() if queries else ("QUERY",)))
    request = SearchRequest(
        top or (DOCUMENTS if queries else 5), Asker(groups(asker)), condition(where or ()), diversity, rerank=rerank
    )
    if trec is not None:
        check_free(trec, force=force)  # before the documents are indexed
    project = load_project(root)
    if queries is not None and trec is not None:
        return _answer_file(project, queries, trec, request, force=force, json=json)
    return (_explain if explain else _answer_one)(project, own[0], request, json)


def _answer_one(project: Project, query: str, request: SearchRequest, json: bool) -> int:
    from json import dumps

    from rung.commands.search import Searcher
    from rung.loop import opened
    from rung.progress import reporting

    with reporting(Screen(quiet=json)), opened(project, reading=True) as engines:
        searcher = Searcher(engines)
        passages = searcher.find([query], request)[0]
        _tell_unknown(searcher, request, json=json)
        why = "" if passages else searcher.why_nothing(query, request)
    if json:
        out(dumps({"passages": [_row(passage) for passage in passages]}, ensure_ascii=False))
        return FINE
    if not passages:
        out(why)
    for number, passage in enumerate(passages, 1):
        _show(number, passage)
    return FINE


def _explain(project: Project, query: str, request: SearchRequest, json: bool) -> int:
    from json import dumps

    from rung.commands.search import Searcher
    from rung.errors import UserError
    from rung.loop import opened
    from rung.progress import reporting
    from rung.records import plain

    if request.rerank or request.diversity:
        raise UserError("--explain shows how the two rankings become one: leave out --rerank and --diversity")
    with reporting(Screen(quiet=json)), opened(project, reading=True) as engines:
        searcher = Searcher(engines)
        explained = searcher.explain(query, request)
        _tell_unknown(searcher, request, json=json)
        why = "" if explained else searcher.why_nothing(query, request)
    if json:
        rows = [{**_row(one.passage), "dense": plain(one.dense), "bm25": plain(one.bm25)} for one in explained]
        out(dumps({"search": searcher.weight.as_json(), "passages": rows}, ensure_ascii=False))
        return FINE
    out(str(searcher.weight))
    if not explained:
        out(why)
    for number, one in enumerate(explained, 1):
        _show(number, one.passage, f"dense {_rank(one.dense)}, BM25 {_rank(one.bm25)}")
    return FINE


def _answer_file(project: Project, queries: Path, trec: Path, request: SearchRequest, *, force: bool, json: bool) -> int:
    from json import dumps

    from rung.commands.search import Searcher, write_run
    from rung.loop import opened
    from rung.progress import reporting

    screen = Screen(quiet=json)
    with reporting(screen), opened(project, reading=True) as engines:
        searcher = Searcher(engines)
        run = write_run(searcher, queries, trec, request, force=force)
        _tell_unknown(searcher, request, json=json)
    screen.problems(run.problems)
    if json:
        counts = {"queries": run.queries, "lines": run.lines, "bare": run.bare, "renamed": run.renamed, "itself": run.itself}
        report = {"run": str(trec), **counts, "left_out": len(run.problems), "search": searcher.weight.as_json()}
        out(dumps(report, ensure_ascii=False))
    else:
        out(f"{trec}: {run.queries:,} queries, {run.lines:,} lines; {searcher.weight}")
        if run.bare:
            whom = " that this asker may read" if request.asker.groups is not None else ""
            out(f"{run.bare:,} {'query' if run.bare == 1 else 'queries'} found nothing{whom}")
        if run.renamed:
            out(f"{run.renamed:,} document ids have spaces, which a TREC run cannot hold: written as %20")
        if run.itself:
            whose = "query found the document of its" if run.itself == 1 else "queries found the document of their"
            out(f"{run.itself:,} {whose} own id: left out, as in BEIR's evaluation (knowledge.ignore_identical_ids)")
        if run.problems:
            out(f"{len(run.problems):,} rows of {queries} were left out")
    return FINE


def _tell_unknown(searcher: Searcher, request: SearchRequest, *, json: bool) -> None:
    if json and searcher.behind:  # else the screen has said it
        err(searcher.behind)
    for remark in (*searcher.unknown(request.where), *searcher.kinds_amiss(request.where)):
        err(f"--where: {remark}")
    for remark in searcher.strangers(request.asker):
        err(f"--as: {remark}")


def _row(passage: Passage) -> dict[str, object]:
    return {**{key: getattr(passage, key) for key in KEYS}, "page": passage.page or None, "line": passage.line or None}


def _show(number: int, passage: Passage, more: str = "") -> None:
    out_line(f"{number}. {_where(passage)}  {passage.title}  ({passage.score:.4f}{'; ' if more else ''}{more})")
    text = " ".join(passage.text.split())
    out_line(f"   {text[: 3 * WIDTH]}{'…' if len(text) > 3 * WIDTH else ''}")


def _where(passage: Passage) -> str:
    """Where an editor, or a reader of the file, finds it."""
    if passage.page or passage.line:
        return passage.location_at(passage.start)
    return f"{passage.source or passage.document}:{passage.start}-{passage.end}"


def _rank(ranked: Place | None) -> str:
    return f"no. {ranked.rank} ({ranked.score:.4f})" if ranked else "not found"
