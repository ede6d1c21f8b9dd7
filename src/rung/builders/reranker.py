"""Builds a reranker: a cross-encoder taught by the project's own pairs, and compared with the search without it.

What teaches is put together in `taught`, learning is left to `training.reranker`. A project uses it by its name
(`reranker: cross-encoder:<folder>`), or by `reranker: tuned` once it is promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rung.artifacts.store import Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder
from rung.builders.retrieval_quality import compared
from rung.builders.training_pairs import divided, pairs_of
from rung.errors import UserError
from rung.progress import phase
from rung.records import Case, Failure, Json, Passage, digest, plain
from rung.records.gold import judgements
from rung.records.steps import Request, Rerank, Search, SearchResult
from rung.scoring.retrieval import case_ndcg
from rung.strategies.protocol import Reranker
from rung.training.registry import learnt_case

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.records.steps import Engine

KIND = "reranker"
RERANKED = 20  # passages of a search that are put in order
_MAX_CASES = 200


def build_reranker(builder: ArtifactBuilder, need: Reranker, title: str) -> Built:
    """The cross-encoder that these train cases teach."""
    from rung.training.encoder import Encoder
    from rung.training.reranker import RerankerRecipe, train_reranker

    engines = builder.engines
    own = engines.documents
    recipe = RerankerRecipe.of(need.recipe, seed=engines.project.settings.seed)
    train_cases, cases = divided(need.lessons, need.dev)
    pairs = pairs_of(own, train_cases, need.pairs)
    base = engines.base_embedder
    asked = [judgements(case) for case in cases]
    named = digest(KIND, 1, pairs, asked, {**_settings(recipe)}, base.identity)
    built = Built(named, artifact_folder(engines.project.state, KIND, named))
    with building(built.folder, title) as missing:
        if not missing:
            return built
        remember_rows(built.folder, map(learnt_case, need.lessons))
        with builder.training(Training(KIND, len(pairs), recipe.epochs)), phase(title) as tick:
            done = train_reranker(pairs, Encoder.of(base), recipe=recipe, folder=built.folder, progress=tick)
        identity: dict[str, Json] = {"name": engines.project.settings.embedder, "identity": base.identity}
        manifest: dict[str, Json] = {"kind": KIND, "base": identity, "recipe": plain(recipe), "rows": len(pairs)}
        manifest |= {
            "rows_digest": digest(pairs),
            "seconds": done.seconds,
            "steps": done.step,
            "train_loss": [[step, loss] for step, loss in done.curve],
            "validation_loss": [[step, loss] for step, loss in done.validation],
        }
        seal(built.folder, {**manifest, **_compared(own, built.folder, cases[:_MAX_CASES])})
    return built


def _settings(recipe: object) -> dict[str, Json]:
    """What the weights depend on."""
    settings = plain(recipe)
    assert isinstance(settings, dict)
    return {name: value for name, value in settings.items() if name != "checkpoint_seconds"}


def _compared(own: Knowledge, folder: Path, cases: Sequence[Case]) -> dict[str, Json]:
    """nDCG@10 of the search as it is, and of its first passages in the reranker's order."""
    if not cases:
        return {"metrics": {}, "better": None, "why": "no dev case and no lesson to spare names its gold: not compared"}
    from rung.models.cross_encoder import CrossEncoder

    first = _results(own.engine(), [Request(Search(case.question, RERANKED), case.asker) for case in cases])
    steps = [Request(Rerank(case.question, ranking, RERANKED)) for case, ranking in zip(cases, first, strict=True)]
    again = _results(CrossEncoder(folder), steps)
    old, new = ([case_ndcg(c, r, k=10) for c, r in zip(cases, rankings, strict=True)] for rankings in (first, again))
    return compared(new, old, cases, than="no reranker")


def _results(engine: Engine, requests: Sequence[Request]) -> list[tuple[Passage, ...]]:
    rankings: list[tuple[Passage, ...]] = [()] * len(requests)
    for index, result in engine.run(requests):
        if isinstance(result, Failure):
            raise UserError(result.error)
        if isinstance(result, SearchResult):
            rankings[index] = result.passages
    return rankings
