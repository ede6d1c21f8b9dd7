"""Builds a tuned retriever: pairs, a tuned encoder or a map of the questions, its index, and the comparison with before.

What teaches is put together in `taught`, learning is left to `training`. Whether a project's search uses a retriever from
now on is for people to say: `embedder: tuned` and the promoted artifact, see `promoted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rung.artifacts.store import CHUNKED_INDEXES, Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder
from rung.builders.recipes import check_libraries
from rung.builders.retrieval_quality import MIN_CASES, WEIGHTS, choose, compared, tried
from rung.builders.training_pairs import divided, made_of_passages, pairs_of, rows_of, some_passages
from rung.config.project import Project
from rung.errors import UserError
from rung.progress import phase, waiting, working_time
from rung.records import Case, Json, Pair, digest, plain
from rung.records.gold import judgements
from rung.runtime.engines import Engines
from rung.strategies.protocol import Retriever
from rung.training.checkpoint import CHECKPOINT
from rung.training.registry import learnt_case

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.models.protocol import Embedder, Vectors
    from rung.training.query_map import QueryPairs
    from rung.training.retriever import RetrieverRecipe

KIND = "retriever"
_POOL = 4096  # passages that a map is learnt against
_MIN_PAIRS = 8


@dataclass(frozen=True, slots=True)
class Taught:
    """What a retriever is made from: pairs that teach, cases that compare, the recipe, and what is tuned."""

    pairs: tuple[Pair, ...]
    cases: tuple[Case, ...]
    recipe: RetrieverRecipe
    base: Embedder
    train_cases: tuple[Case, ...]  # where the pairs come from; of few dev cases some of them are among `cases`

    def digest(self, form: str) -> str:
        """Names the artifact of this form."""
        asked = [judgements(case) for case in self.cases]
        recipe = replace(self.recipe, form=form, checkpoint_seconds=0)  # type: ignore[arg-type]  # map or encoder
        return digest(KIND, 1, self.pairs, asked, recipe, self.base.identity)


def build_retriever(builder: ArtifactBuilder, need: Retriever, title: str) -> Built:
    """The retriever that these train cases teach; with form "auto" the better of map and encoder on the dev cases."""
    from rung.training.encoder import Opened
    from rung.training.retriever import RetrieverRecipe

    own = builder.engines.documents
    recipe = RetrieverRecipe.of(need.recipe, seed=builder.project.settings.seed)
    train_cases, cases = divided(need.lessons, need.dev)
    pairs = pairs_of(own, train_cases, need.pairs)
    if need.generated:
        pairs += made_of_passages(builder.runner, own, need.generated, title=title)
    if len(pairs) < _MIN_PAIRS:
        raise UserError(
            f"{len(pairs)} pairs of a question and a passage that everybody may read are too few to tune a retriever: add "
            'cases with "split": "train" and their gold, pairs or clicks (knowledge.pairs), or set generated'
        )
    taught = Taught(tuple(pairs), cases, recipe, builder.engines.base_embedder, need.lessons)
    forms = ("map", "encoder") if recipe.form == "auto" else (recipe.form,)
    if recipe.form == "auto" and not (cases and isinstance(taught.base, Opened) and find_spec("torch")):
        forms = ("map",)  # nothing to choose by, or nothing to tune (with)
    built = [_one(builder, own, taught, form, title) for form in forms]
    best = max(built, key=lambda one: _number(one.manifest, "ndcg@10"))
    return replace(best, index=opened(builder.engines, own, best, title))


def check_retriever(project: Project, need: Retriever) -> None:
    """What can be known to be wrong before anything is searched; raises as `adapter.check_adapter`."""
    from rung.training.retriever import RetrieverRecipe

    if RetrieverRecipe.of(need.recipe, seed=project.settings.seed).form == "encoder":
        check_libraries("torch")


def opened(engines: Engines, own: Knowledge, built: Built, title: str) -> Knowledge:
    """The project's documents as this retriever searches them, brought up to date."""
    manifest = built.manifest
    weight = manifest.get("dense_weight")
    fusion = replace(own.fusion, dense_weight=weight) if isinstance(weight, float) else own.fusion
    embedder = engines.tuned_embedder(built.folder)
    knowledge = _index(own, embedder, engines.project.state / CHUNKED_INDEXES / built.digest)
    if knowledge.index is not own.index:
        with phase(f"{title}: index") as tick:
            knowledge.sync(own.documents(), progress=lambda done, total: tick(done, total, ""), waiting=waiting)
    knowledge.fusion = fusion
    return knowledge


def _index(own: Knowledge, embedder: Embedder, folder: Path) -> Knowledge:
    """Where the passages are as they are, the project's own index; else one of its own."""
    from rung.knowledge import Knowledge
    from rung.knowledge.protocol import passages_by

    if passages_by(embedder) == passages_by(own.embedder):
        knowledge = Knowledge(own.folder, embedder, own.chunking, own.fusion, own.index, own.contexts)
        knowledge.refresh()
        return knowledge
    return Knowledge.open(
        folder / "index", embedder=embedder, chunking=own.chunking, fusion=own.fusion, contexts=own.contexts
    )


def _one(builder: ArtifactBuilder, own: Knowledge, taught: Taught, form: str, title: str) -> Built:
    """The artifact of one form: trained, indexed by, and compared, if it is not there."""
    built = Built(taught.digest(form), artifact_folder(builder.project.state, KIND, taught.digest(form)))
    with building(built.folder, title) as missing:
        if missing:
            _make(builder, own, taught, built, title, form=form)
    return built


def _make(builder: ArtifactBuilder, own: Knowledge, taught: Taught, built: Built, title: str, *, form: str) -> None:
    passes = 1 if form == "map" else taught.recipe.epochs
    begun = (built.folder / CHECKPOINT).exists()
    remember_rows(built.folder, map(learnt_case, taught.train_cases))
    began = working_time()
    with builder.training(Training(KIND, len(taught.pairs), passes, begun=begun)):
        learnt = _mapped(own, taught, built.folder, title) if form == "map" else _tuned(taught, built.folder, title)
    seconds = working_time() - began
    knowledge = _index(
        own, builder.engines.tuned_embedder(built.folder, form), builder.project.state / CHUNKED_INDEXES / built.digest
    )
    if knowledge.index is not own.index:
        with phase(f"{title}: index") as tick:
            report = knowledge.sync(own.documents(), progress=lambda done, total: tick(done, total, ""), waiting=waiting)
            learnt["index_seconds"] = report.seconds
    compared = _compared(own, knowledge, taught.cases)
    base: dict[str, Json] = {"name": builder.project.settings.embedder, "identity": taught.base.identity}
    manifest: dict[str, Json] = {
        "kind": KIND,
        "form": form,
        "base": base,
        "recipe": plain(taught.recipe),
        "rows": len(taught.pairs),
        "rows_digest": digest(taught.pairs),
        "seconds": seconds,
        **learnt,
        **compared,
    }
    seal(built.folder, manifest)


def _tuned(taught: Taught, folder: Path, title: str) -> dict[str, Json]:
    """Tune the encoder's weights."""
    from rung.training.encoder import Encoder
    from rung.training.retriever import train_encoder

    with phase(title) as tick:
        done = train_encoder(taught.pairs, Encoder.of(taught.base), recipe=taught.recipe, folder=folder, progress=tick)
    return {
        "train_loss": [[step, loss] for step, loss in done.curve],
        "validation_loss": [[step, loss] for step, loss in done.validation],
        "steps": done.step,
        "seconds": done.seconds,
    }


def _mapped(own: Knowledge, taught: Taught, folder: Path, title: str) -> dict[str, Json]:
    """Learn a map of the questions' vectors."""
    import numpy as np

    from rung.models.mapped import MATRIX
    from rung.training.query_map import fit

    with phase(title) as tick:
        questions = query_pairs(taught.pairs, taught.base, own)
        fitted = fit(questions, seed=taught.recipe.seed, tick=lambda done, total: tick(done, total, ""))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / MATRIX, fitted.matrix)
    losses: list[Json] = [[index, loss] for index, (_, loss) in enumerate(fitted.losses)]
    return {"strength": fitted.strength, "validation_loss": losses}


def query_pairs(pairs: Sequence[Pair], base: Embedder, own: Knowledge) -> QueryPairs:
    """The vectors that a map is learnt from: each question's, each passage's, and of other passages that everybody may read.

    Passages are not embedded again where the project's index, by the same embedder, holds their vectors.
    """
    import numpy as np

    from rung.training.query_map import QueryPairs
    from rung.training.retriever import positives_of

    named = dict.fromkeys((*(p.positive for p in pairs), *(n for p in pairs for n in p.negatives)))
    others = rows_of(own, some_passages(own, most=max(0, _POOL - len(named))))
    texts = list(dict.fromkeys((*named, *others)))
    column = {text: index for index, text in enumerate(texts)}
    answers = positives_of(pairs)
    also_right = tuple(tuple(sorted(column[text] for text in answers[p.anchor] if text != p.positive)) for p in pairs)
    questions = base.embed([pair.anchor for pair in pairs], kind="query")
    return QueryPairs(questions, _vectors(own, base, texts), np.asarray([column[p.positive] for p in pairs]), also_right)


def _vectors(own: Knowledge, base: Embedder, texts: Sequence[str]) -> Vectors:
    """The passages' vectors by this embedder: out of the index where they are there."""
    import numpy as np

    from rung.knowledge.chunking.passages import key_of
    from rung.knowledge.protocol import passages_by

    keys = [key_of(text) for text in texts]
    held = own.snapshot().vectors(keys) if passages_by(own.embedder) == base.identity else {}
    missing = [index for index, key in enumerate(keys) if key not in held]
    vectors = np.zeros((len(texts), base.dimensions), dtype=np.float32)
    for index, key in enumerate(keys):
        vectors[index] = held.get(key, 0)
    if missing:
        vectors[missing] = base.embed([texts[index] for index in missing], kind="passage")
    return vectors


def _compared(own: Knowledge, other: Knowledge, cases: Sequence[Case]) -> dict[str, Json]:
    """nDCG@10 before and after on the same cases, each at the weight that these cases choose, and the paired difference.

    Where they are too few to choose, the weight stays the project's.
    """
    if not cases:
        return {"metrics": {}, "better": None, "why": "no dev case and no lesson to spare names its gold: not compared"}
    before, after = tried(own, cases), tried(other, cases)
    weight_now = own.fusion.dense_weight
    was, now = choose(before, current=weight_now), choose(after, current=weight_now)
    old, new = [row[was] for row in before], [row[now] for row in after]
    weight = WEIGHTS[now] if len(cases) >= MIN_CASES else weight_now
    return {**compared(new, old, cases, than="the search as it is"), "dense_weight": weight}


def _number(manifest: dict[str, Json], name: str) -> float:
    metrics = manifest.get("metrics")
    value = metrics.get(name) if isinstance(metrics, dict) else None
    return float(value) if isinstance(value, (int, float)) else 0.0
