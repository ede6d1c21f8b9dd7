"""Rerankers: the project's generator, a real server on this machine, and a cross-encoder that this test makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.errors import InternalError, ModelError, ServerError
from rung.models.catalog import PatientServer, reranker
from rung.models.cross_encoder import CrossEncoder
from rung.models.http_reranking import HttpReranker
from rung.models.reranking import GRADES, GeneratorReranker, shown
from rung.models.scripted import ScriptedGenerator
from rung.models.scripted_engines import Play, ScriptedReranker, words
from rung.records import Failure, Passage
from rung.records.steps import Engine, Generate, Request, Search, SearchResult
from rung.testing.models import RerankerContract, reranking
from tests.models.test_http import Reply, Server, Start, serve  # noqa: F401 - a fixture


def grade(step: Generate) -> str:
    """As a good grader would: by the share of the query's words."""
    query, _, passage = step.messages[-1].content.partition("\n\nPassage: ")
    wanted = words(query.removeprefix("Query: "))
    return GRADES[round(3 * len(wanted & words(passage)) / max(1, len(wanted)))]


def order(engine: Engine, request: Request) -> list[str]:
    result = dict(engine.run([request]))[0]
    assert isinstance(result, SearchResult), result
    return [passage.id for passage in result.passages]


class TestScripted(RerankerContract):
    @pytest.fixture
    def reranker(self) -> Engine:
        return ScriptedReranker()


class TestByTheGenerator(RerankerContract):
    @pytest.fixture
    def reranker(self) -> Engine:
        return GeneratorReranker(ScriptedGenerator(grade))


def test_equal_grades_keep_the_order_of_the_search() -> None:
    engine = GeneratorReranker(ScriptedGenerator(lambda step: "2" if "late" in step.messages[-1].content else "1"))
    assert order(engine, reranking("q", "one", "two", "late", "three", "late too")) == ["2", "4", "0", "1", "3"]


def test_the_grader_sees_title_and_text_and_may_say_grades_only() -> None:
    seen: list[Generate] = []

    def note(step: Generate) -> str:
        seen.append(step)
        return "0"

    passage = Passage("p", "d", 0, 4, "text", "Title › Heading")
    list(GeneratorReranker(ScriptedGenerator(note)).run([Request(_step(passage))]))
    assert seen[0].choices == GRADES
    assert "Query: q\n\nPassage: Title › Heading\ntext\n" in seen[0].messages[-1].content


def _step(*passages: Passage) -> Any:
    from rung.records.steps import Rerank

    return Rerank("q", passages, 5)


def test_a_passage_that_cannot_be_graded_fails_its_request_only() -> None:
    def breaks(step: object) -> str:
        return "no memory" if isinstance(step, Generate) and "heavy" in step.messages[-1].content else ""

    engine = GeneratorReranker(ScriptedGenerator(grade, play=Play(fails=breaks)))
    found = dict(engine.run([reranking("q", "light", "heavy"), reranking("q", "light")]))
    assert found[0] == Failure("a passage could not be graded: no memory", step="rerank")
    assert isinstance(found[1], SearchResult)


def test_words_that_are_no_grade_are_a_failure() -> None:
    found = dict(GeneratorReranker(ScriptedGenerator(lambda _: "very good")).run([reranking("q", "a")]))[0]
    assert isinstance(found, Failure)
    assert "'very good'" in found.error


def test_only_rerank_steps_are_taken() -> None:
    with pytest.raises(InternalError, match="Search"):
        list(GeneratorReranker(ScriptedGenerator()).run([Request(Search("q", 3))]))


# --- behind a URL


def ranked(path: str, body: dict[str, Any]) -> Reply:
    """A server as Cohere, Jina and vLLM have it; answers sorted by score, as they do."""
    assert path == "/v1/rerank"
    wanted = words(body["query"])
    scores = [len(words(text) & wanted) / (1 + len(wanted)) for text in body["documents"]]
    results = [{"index": n, "relevance_score": s, "document": {"text": ""}} for n, s in enumerate(scores)]
    return 200, {}, json.dumps({"id": "r", "results": sorted(results, key=lambda one: -float(str(one["relevance_score"])))})


def http(server: Server, **how: Any) -> HttpReranker:
    return HttpReranker(server.endpoint(), PatientServer(**{"timeout_seconds": 5, **how}), first_wait=0.01)


class TestHttp(RerankerContract):
    @pytest.fixture
    def reranker(self, serve: Start) -> Engine:  # noqa: F811
        return http(serve(ranked))


def test_what_is_sent(serve: Start, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("RUNG_API_KEY", "sesame")
    server = serve(ranked)
    passage = Passage("p", "d", 0, 4, "text", "Title")
    list(http(server).run([Request(_step(passage))]))
    assert server.asked == [{"model": "tiny", "query": "q", "documents": [shown(passage)], "top_n": 1}]
    assert server.keys == ["Bearer sesame"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": []}, "no list 'results', but data"),
        ({"results": [{"index": 0, "relevance_score": 1.0}]}, "ranked 1 of 2"),
        ({"results": [{"index": 7, "relevance_score": 1.0}]}, "'index' is 7"),
        ({"results": [{"index": 0, "relevance_score": 1.0}, {"index": 0, "relevance_score": 0.5}]}, "'index' is 0"),
        ({"results": [{"index": 0, "relevance_score": "high"}]}, "'relevance_score' is 'high'"),
        ({"results": [{"index": True, "relevance_score": 1}]}, "'index' is True"),
        ({"results": ["best"]}, "'index' is None"),
    ],
)
def test_an_answer_that_is_none_fails_the_step(serve: Start, answer: dict[str, Any], said: str) -> None:  # noqa: F811
    found = dict(http(serve(lambda _path, _body: (200, {}, json.dumps(answer)))).run([reranking("q", "a", "b")]))[0]
    assert isinstance(found, Failure)
    assert said in found.error
    assert found.step == "rerank"


def test_a_busy_server_is_asked_again_and_a_broken_request_fails_alone(serve: Start) -> None:  # noqa: F811
    busy = iter([429])

    def reply(path: str, body: dict[str, Any]) -> Reply:
        if body["query"] == "poison":
            return 400, {}, '{"message": "too long"}'
        status = next(busy, 200)
        return (status, {"retry-after": "0"}, "") if status == 429 else ranked(path, body)

    found = dict(http(serve(reply)).run([reranking("fine", "fine", "else"), reranking("poison", "a")]))
    assert isinstance(found[0], SearchResult)
    assert isinstance(found[1], Failure)
    assert "too long" in found[1].error


def test_a_refused_key_stops_everything(serve: Start) -> None:  # noqa: F811
    with pytest.raises(ServerError, match="RUNG_API_KEY"):
        list(http(serve(lambda _path, _body: (401, {}, ""))).run([reranking("q", "a")]))


# --- a cross-encoder in a folder

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "refund", "refunds", "paid", "violin", "strings", "when", "are", "a", "x"]


def make_cross_encoder(folder: Path, *, labels: int = 1, kind: str = "BertForSequenceClassification", seed: int = 0) -> Path:
    """A tiny BERT with random weights, in the format in which rerankers are published."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words_of = Tokenizer(models.WordLevel({word: n for n, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    words_of.normalizer = normalizers.Lowercase()
    words_of.pre_tokenizer = pre_tokenizers.Whitespace()
    words_of.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=words_of, model_max_length=64, **named).save_pretrained(folder)
    torch.manual_seed(seed)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=64, num_labels=labels, **shape)
    config.initializer_range = 0.5  # so that scores differ
    BertForSequenceClassification(config).save_pretrained(folder)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, "architectures": [kind]}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.slow
class TestCrossEncoder(RerankerContract):
    @pytest.fixture
    def reranker(self, folder: Path) -> Engine:
        return reranker(f"cross-encoder:{folder}")


@pytest.mark.slow
def test_scores_are_those_of_the_model_one_pair_at_a_time(folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    pairs = [("when are refunds paid", "refunds are paid"), ("violin", "a violin x " * 5), ("a", "strings")]
    with torch.inference_mode():
        expected = [model(**tokenizer(*pair, return_tensors="pt")).logits.item() for pair in pairs]
    assert CrossEncoder(folder).scores(pairs) == pytest.approx(expected, abs=1e-4)
    assert len({round(score, 3) for score in expected}) == 3  # else the test could not fail


@pytest.mark.slow
def test_two_labels_give_the_log_odds_of_the_second(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    made = make_cross_encoder(tmp_path / "two", labels=2)
    tokenizer = AutoTokenizer.from_pretrained(made)
    model = AutoModelForSequenceClassification.from_pretrained(made).eval()
    with torch.inference_mode():
        no, yes = model(**tokenizer("violin", "strings", return_tensors="pt")).logits[0].tolist()
    assert CrossEncoder(made).scores([("violin", "strings")]) == pytest.approx([yes - no], abs=1e-4)


@pytest.mark.slow
def test_a_long_passage_loses_its_end_and_is_still_scored(folder: Path) -> None:
    model = CrossEncoder(folder)
    assert model.scores([("violin", "refund " * 500)]) == model.scores([("violin", "refund " * 60)])


@pytest.mark.slow
def test_identity_follows_the_weights(folder: Path, tmp_path: Path) -> None:
    same, other = make_cross_encoder(tmp_path / "same"), make_cross_encoder(tmp_path / "other", seed=1)
    assert CrossEncoder(same).identity == CrossEncoder(folder).identity != CrossEncoder(other).identity


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "kind", "said"), [(3, "BertForSequenceClassification", "3 labels"), (1, "BertModel", "BertModel")]
)
def test_what_is_no_reranker_is_refused(tmp_path: Path, labels: int, kind: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        CrossEncoder(make_cross_encoder(tmp_path / "odd", labels=labels, kind=kind))


@pytest.mark.slow
def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        CrossEncoder(tmp_path)
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(ModelError, match=str(tmp_path)):
        CrossEncoder(tmp_path)


# --- the door


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smollm2-135m-instruct", "cannot be a reranker"),
        ("openai:gpt-4o-mini", "openai has none"),
        ("cross-encoders:x", "cross-encoder:<folder>"),
        ("nonsense", "generator"),
    ],
)
def test_a_name_that_is_no_reranker(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        reranker(name)


def test_names_of_rerankers_open() -> None:
    assert reranker("scripted").identity == "scripted:rerank/1"
    assert reranker("http://localhost:9/v1#bge").identity == "http:http://localhost:9/v1#bge/rerank"
