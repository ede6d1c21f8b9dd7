"""A project's tuned retriever: taught, compared, searched as the project's own index is, promoted, and taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung.artifacts.registry import Registry
from rung.artifacts.store import artifact_folder
from rung.cli.main import main
from rung.commands.due import whats_due
from rung.commands.train import TrainRequest
from rung.commands.trainers import TRAINERS
from rung.config.project import Project, load_project
from rung.dataset.obstacles import Obstacles
from rung.dataset.retrieval_pairs import row_of
from rung.errors import UserError
from rung.files.durable import set_aside
from rung.models.mapped import Mapped
from rung.pipeline.candidates import build, propose
from rung.pipeline.preflight import check_settings
from rung.pipeline.prepare import Prepared, prepare, up_to_date
from rung.records import Asker, Case, Pair
from rung.records.steps import Request, Search, SearchResult
from rung.strategies.tuned_retriever import TunedRetriever
from rung.strategies.within_context import WithinContext
from rung.training.registry import Artifact
from tests.training.tiny_encoder import tiny_encoder
from tests.working import Working, working

pytestmark = pytest.mark.slow

THINGS = ("refunds", "violins", "bread", "parcels", "ovens", "flour", "strings", "money", "bows", "shipping")
YAML = """\
task: Answer.
knowledge: {{sources: ["docs/*.md"], pairs: "pairs.jsonl", chunk_tokens: 48}}
cases: cases.jsonl
model: scripted
embedder: {embedder}
rungs: [rag, {{tuned_retriever: {{form: {form}}}}}]
"""


def project(folder: Path, *, embedder: str = "scripted", form: str = "map") -> Project:
    """Ten documents, one of them for staff only; each has a lesson, a dev and a test case in other words than its own."""
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for n, thing in enumerate(THINGS):
        head = "---\ngroups: [staff]\n---\n" if thing == "money" else ""
        text = f"{head}# {thing.title()}\n\nThe {thing} are kept for {n + 3} days in hall {n}.\n"
        (folder / "docs" / f"{thing}.md").write_text(text)
        for split in ("train", "train", "dev", "test"):
            row = {
                "id": f"{split}{len(rows)}",
                "question": f"how long {split} {len(rows)} until {thing} expire",
                "split": split,
            }
            gold = {"answers": [f"{n + 3} days"], "gold_documents": [f"docs/{thing}.md"], "as": ["staff"]}
            rows.append({**row, **gold})
    clicks = [{"query": "expire of violins", "document": "docs/violins.md", "clicked": True}]
    pairs = [{"anchor": "where are the bows", "positive": "Bows\n\nThe bows are kept in hall 8.", "negative": "x"}]
    repeated = [{"anchor": rows[-1]["question"], "positive": "a test case"}]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, [*clicks, *pairs, *repeated, {"anchor": "no"}])))
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "rung.yaml").write_text(YAML.format(embedder=embedder, form=form))
    return load_project(folder)


def taught(at: Working) -> tuple[Prepared, TunedRetriever]:
    intake = prepare(at.engines)
    candidate = next(c for c in propose(at.builder, intake) if c.rung is TunedRetriever)
    (done,) = build(at.builder, [candidate])
    assert isinstance(done.strategy, WithinContext), done.why
    assert isinstance(done.strategy.strategy, TunedRetriever)
    return intake, done.strategy.strategy


def found(at: Working, step: Search, groups: frozenset[str] | None = None) -> list[str]:
    (result,) = (result for _, result in at.engines.by_step()["search"].run([Request(step, Asker(groups))]))
    assert isinstance(result, SearchResult), result
    return [passage.document for passage in result.passages]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("torch")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))
    return tiny_encoder(tmp_path / "tiny")


def test_a_map_is_taught_compared_and_asked_as_the_index_is(tmp_path: Path) -> None:
    with working(project(tmp_path)) as at:
        intake, strategy = taught(at)
        assert [str(p) for p in intake.problems if "repeats" in str(p) or "no pair" in str(p)] != []
        assert len(intake.materials.pairs) == 1
        assert len(intake.materials.clicks) == 1
        made = json.loads(
            (
                artifact_folder(at.engines.project.state, "retriever", strategy.spec.artifacts[0]) / "manifest.json"
            ).read_text()
        )
        assert made["kind"] == "retriever"
        assert made["form"] == "map"
        assert made["rows"] >= 12
        (artifact,) = Registry(tmp_path / ".rung").artifacts()
        learnt = Registry(tmp_path / ".rung").rows(artifact) or ()
        assert {"train0", "train1"} <= {row.id for row in learnt}
        assert all(row.id.startswith("train") or not row.id for row in learnt if row.place.startswith("cases"))
        assert made["metrics"]["compared_on"] >= 10
        assert len(made["metrics"]["ndcg@10_difference"]) == 3
        assert 0 <= made["metrics"]["ndcg@10_before"] <= 1
        assert made["better"] is True or made["why"]
        index = at.engines.indexes[strategy.spec.artifacts[0]]
        assert isinstance(index.embedder, Mapped)
        assert index.index is at.engines.knowledge.index if at.engines.knowledge else False
    with working(load_project(tmp_path)) as again:
        assert taught(again)[1].spec.artifacts[0] == strategy.spec.artifacts[0], "the same materials give the same artifact"


@pytest.mark.parametrize("form", ["map", "encoder"])
def test_nobody_finds_more_than_in_the_projects_own_index(tmp_path: Path, tiny: Path, form: str) -> None:
    with working(project(tmp_path, embedder=f"encoder:{tiny}", form=form)) as at:
        _, strategy = taught(at)
        for groups in (None, frozenset[str](), frozenset({"staff"}), frozenset({"other"})):
            for thing in ("money", "bread"):
                asked = Search(f"how long until {thing} expire", 50)
                own = sorted(found(at, asked, groups))
                assert sorted(found(at, replace(asked, index=strategy.spec.artifacts[0]), groups)) == own
                assert ("docs/money.md" in own) == (groups is None or "staff" in groups)
        where = json.dumps({"document": "docs/bread.md"})
        assert set(found(at, Search("days", 50, index=strategy.spec.artifacts[0], where=where))) == {"docs/bread.md"}


def test_what_only_some_may_read_teaches_nothing(tmp_path: Path) -> None:
    from rung.builders.training_pairs import made_of_passages, pairs_of

    with working(project(tmp_path)) as at:
        intake = prepare(at.engines)
        assert at.engines.knowledge is not None
        lessons = [c for c in intake.rows.cases if c.split == "train"]
        pairs = pairs_of(at.engines.knowledge, lessons, ())
        pairs += made_of_passages(at.runner, at.engines.knowledge, "titles", title="")
        pairs += made_of_passages(at.runner, at.engines.knowledge, "questions", title="")
        texts = {text for pair in pairs for text in (pair.positive, *pair.negatives)}
        assert len(texts) >= 9
        assert not any("hall 7" in text for text in texts)


def test_an_encoder_gets_an_index_of_its_own_which_forgets_with_the_documents(tmp_path: Path, tiny: Path) -> None:
    named = f"encoder:{tiny}"
    with working(project(tmp_path, embedder=named, form="encoder")) as at:
        _, strategy = taught(at)
        folder = artifact_folder(at.engines.project.state, "retriever", strategy.spec.artifacts[0])
        assert (folder / "modules.json").is_file()
        assert at.engines.indexes[strategy.spec.artifacts[0]].embedder.identity != at.engines.embedder.identity
        kept = tmp_path / ".rung" / "cuttings" / strategy.spec.artifacts[0] / "index"
        assert any(b"hall 3" in path.read_bytes() for path in kept.rglob("*") if path.is_file())
    (tmp_path / "docs" / "parcels.md").unlink()
    with working(load_project(tmp_path)) as at:
        up_to_date(at.engines)
        assert not kept.exists()


def test_a_promoted_retriever_is_the_embedder_until_it_is_taken_back(tmp_path: Path, tiny: Path) -> None:
    with working(project(tmp_path, embedder=f"encoder:{tiny}", form="encoder")) as at:
        _, strategy = taught(at)
        base = at.engines.embedder.identity
        tuned = at.engines.indexes[strategy.spec.artifacts[0]].embedder.identity
    settings = tmp_path / "rung.yaml"
    registry = Registry(tmp_path / ".rung")
    registry.promote(registry.find(strategy.spec.artifacts[0]), by="Ada")
    with registry.log.open("a") as log:
        log.write('{"cut sho')
    with working(load_project(tmp_path)) as at:
        assert at.engines.embedder.identity == base, "rung.yaml does not ask for it"
    settings.write_text(settings.read_text().replace(f"encoder:{tiny}", "tuned"))
    with working(load_project(tmp_path)) as at:
        assert at.engines.embedder.identity == tuned
        assert "embedder changed" in up_to_date(at.engines).report.rebuilt
        assert found(at, Search("bread", 3))


def test_nothing_searches_in_the_place_of_a_promoted_retriever_that_is_gone(tmp_path: Path) -> None:
    """What is searched must be what was measured: refused, with the way out, which works."""
    with working(project(tmp_path)) as at:
        digest = taught(at)[1].spec.artifacts[0]
    state, settings = tmp_path / ".rung", tmp_path / "rung.yaml"
    Registry(state).promote(Registry(state).find(digest), by="Ada")
    settings.write_text(settings.read_text().replace("embedder: scripted", "embedder: tuned\nreranker: tuned"))
    set_aside(state / "artifacts" / "retriever" / digest)
    met = Obstacles(gather=True)
    check_settings(load_project(tmp_path), met)
    assert [(problem.line, digest[:12] in str(problem)) for problem in met.met] == [(5, True)]
    with working(load_project(tmp_path)) as at:
        with pytest.raises(
            UserError, match=rf"rung.yaml:5: 'tuned' is the retriever {digest[:12]}, which is promoted and not"
        ):
            up_to_date(at.engines)
        assert at.engines.reranker is None, "none is promoted"
    (state / "artifacts" / "reranker").mkdir()
    Registry(state)._write(Artifact("reranker", "abc", "built"), "promote", "Ada")
    with working(load_project(tmp_path)) as at, pytest.raises(UserError, match="'tuned' is the reranker abc"):
        _ = at.engines.reranker
    Registry(state).withdraw("retriever", by="Ada")
    settings.write_text(settings.read_text().replace("embedder: tuned\nreranker: tuned", "embedder: scripted"))
    with working(load_project(tmp_path)) as at:
        assert taught(at)[1].spec.artifacts[0] == digest


@pytest.mark.parametrize("kind", ["retriever", "classifier"])
def test_the_command_trains_and_takes_no_others_options(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path)
    assert said_by(["train", "retriever", str(tmp_path), "--json"], capsys, monkeypatch)[0] == 0
    for option in (["--search"], ["--recipe", "x.yaml"]):
        code, err = said_by(["train", kind, str(tmp_path), *option], capsys, monkeypatch)
        assert (code, f"{option[0]} is for generators" in err) == (2, True)


def said_by(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[object, str]:
    """(exit code, what went to standard error) of a command."""
    monkeypatch.setattr("sys.argv", ["rung", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0, capsys.readouterr().err


def test_train_says_what_it_came_to(tmp_path: Path) -> None:
    with working(project(tmp_path)) as at:
        (told,) = TRAINERS["retriever"](at.builder, prepare(at.engines), TrainRequest(settings={"form": "map"}))
        assert told.kind == "retriever"
        assert told.metrics["form"] == "map"
        assert told.metrics["compared_on"]
        assert told.folder.is_dir()
        assert told.notes[0]
        with pytest.raises(UserError, match="unknown setting 'colour'"):
            TRAINERS["retriever"](at.builder, prepare(at.engines), TrainRequest(settings={"colour": 1}))


def test_a_reranker_is_taught_and_compared(tmp_path: Path, tiny: Path) -> None:
    with working(project(tmp_path, embedder=f"encoder:{tiny}")) as at:
        (told,) = TRAINERS["reranker"](
            at.builder, prepare(at.engines), TrainRequest(settings={"epochs": 1, "max_tokens": 64})
        )
        assert told.metrics["compared_on"]
        assert (told.folder / "config.json").is_file()
    registry = Registry(tmp_path / ".rung")
    registry.promote(registry.find(told.artifact), by="Ada")
    settings = tmp_path / "rung.yaml"
    settings.write_text(settings.read_text() + "reranker: tuned\nretrain: {when: 3 new approved rows}\n")
    (due,) = whats_due(load_project(tmp_path))
    assert (due.kind, due.new, due.due) == (
        "reranker",
        0,
        False,
    )  # the two about money, which only some may read, never teach
    with working(load_project(tmp_path)) as at:
        assert at.engines.reranker is not None
        assert "cross-encoder:" in at.engines.reranker.identity


def test_too_little_to_learn_from_is_said(tmp_path: Path) -> None:
    made = project(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "cases.jsonl").read_text().splitlines()]
    (tmp_path / "cases.jsonl").write_text("\n".join(json.dumps(r) for r in rows if r["split"] != "train"))
    with working(made) as at:
        candidate = next(c for c in propose(at.builder, prepare(at.engines)) if c.rung is TunedRetriever)
        assert "at least 8 cases" in str(candidate.why)
        with pytest.raises(UserError, match="nothing to train: at least 8 cases"):
            TRAINERS["retriever"](at.builder, prepare(at.engines), TrainRequest())


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"positive": "p"}, "is no pair"),
        ({"query": "q"}, "is no pair"),
        ({"query": "q", "clicked": True}, "is no click"),
    ],
)
def test_a_row_that_is_none_is_said(row: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        row_of(row, "pairs.jsonl:1")  # type: ignore[arg-type]


def test_rows_of_all_kinds() -> None:
    read = row_of({"query": "q", "positive": ["a", "b"], "negative": "c", "negative_2": ["d"]}, "f:1")
    assert read == [Pair("q", "a", ("c", "d"), "f:1"), Pair("q", "b", ("c", "d"), "f:1")]
    assert row_of({"query": "q", "document": "d", "clicked": False}, "f:2") == []
    (click,) = row_of({"query": "q", "passage": "docs/a#b.md#3-9", "clicked": True}, "f:3")
    assert isinstance(click, Case)
    assert (click.evidence[0].document, click.evidence[0].start, click.evidence[0].end) == ("docs/a#b.md", 3, 9)
