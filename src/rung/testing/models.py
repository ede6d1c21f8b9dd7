"""The contracts that every generator, every embedder and every reranker keeps.

Subclass them in your tests, give them your model, and pytest runs the rest.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import pytest

from rung.models.protocol import Embedder, Generator
from rung.records import Failure, Message, Passage
from rung.records.steps import (
    Engine,
    Generate,
    GenerateResult,
    PushEngine,
    Request,
    Rerank,
    Restart,
    SearchResult,
    StepFailed,
)

SCHEMA = json.dumps({"type": "object", "properties": {"answer": {"type": "boolean"}}, "required": ["answer"]})


def asking(text: str, **settings: object) -> Request:
    """A request for a short answer to one user turn."""
    return Request(Generate((Message("user", text),), **{"max_tokens": 16, **settings}))  # type: ignore[arg-type]


class GeneratorContract:
    """Give it a generator by overriding the fixture `generator`, of scope "class" if it is slow to open."""

    takes_schema: ClassVar[bool] = True
    takes_choices: ClassVar[bool] = True

    @pytest.fixture
    def generator(self) -> Generator:
        """The generator under test."""
        raise NotImplementedError("override the fixture `generator`")

    def test_every_request_is_answered_exactly_once(self, generator: Generator) -> None:
        requests = [asking(f"Say {word}.") for word in ("one", "two", "three", "two")]
        answered = list(generator.run(requests))
        assert sorted(index for index, _ in answered) == [0, 1, 2, 3]
        assert all(isinstance(result, GenerateResult) for _, result in answered)

    def test_no_request_gives_no_result(self, generator: Generator) -> None:
        assert list(generator.run([])) == []

    def test_equal_requests_have_equal_results(self, generator: Generator) -> None:
        request = asking("Name a river.")
        first, second = (next(iter(generator.run([request])))[1] for _ in range(2))
        assert first == second

    def test_an_answer_does_not_depend_on_its_companions(self, generator: Generator) -> None:
        requests = [asking(f"Name a thing that is {colour}.") for colour in ("red", "green", "blue", "white")]
        together = dict(generator.run(requests))
        assert together == {index: dict(generator.run([request]))[0] for index, request in enumerate(requests)}

    def test_identity_is_stable_and_holds_no_secret(self, generator: Generator) -> None:
        assert generator.identity
        assert generator.identity == generator.identity
        assert "key" not in generator.identity.lower()

    def test_what_cannot_fit_is_a_failure_with_the_numbers(self, generator: Generator) -> None:
        tokens = generator.context_tokens
        long, short = asking("word " * tokens, max_tokens=tokens), asking("Say one.")
        answered = dict(generator.run([long, short]))
        failure = answered[0]
        assert isinstance(failure, Failure)
        assert f"{tokens:,}" in failure.error
        assert isinstance(answered[1], GenerateResult)

    def test_the_token_limit_is_kept_and_said(self, generator: Generator) -> None:
        result = dict(generator.run([asking("Tell me a long story about a ship and a storm.", max_tokens=3)]))[0]
        assert isinstance(result, GenerateResult)
        assert result.completion_tokens <= 3
        assert result.truncated

    def test_the_stream_ends_with_the_whole_and_its_pieces_make_it(self, generator: Generator) -> None:
        *pieces, whole = generator.stream(asking("Say something kind."))
        assert isinstance(whole, GenerateResult)
        assert "".join(str(piece) for piece in pieces) == whole.text

    def test_a_stream_that_fails_throws_the_failure(self, generator: Generator) -> None:
        tokens = generator.context_tokens
        with pytest.raises(StepFailed):
            list(generator.stream(asking("word " * tokens, max_tokens=tokens)))

    def test_what_is_pushed_is_what_is_streamed(self, generator: Generator) -> None:
        if not isinstance(generator, PushEngine):
            pytest.skip("pushes no text")
        pieces: list[str | Restart] = []
        pushed = generator.push(asking("Say something kind."), pieces.append)
        assert isinstance(pushed, GenerateResult)
        assert "".join(str(piece) for piece in pieces) == pushed.text
        *_, streamed = generator.stream(asking("Say something kind."))
        assert pushed == streamed

    def test_a_push_that_fails_returns_the_failure(self, generator: Generator) -> None:
        if not isinstance(generator, PushEngine):
            pytest.skip("pushes no text")
        tokens = generator.context_tokens
        long = asking("word " * tokens, max_tokens=tokens)
        assert isinstance(generator.push(long, lambda _piece: None), Failure)

    def test_the_schema_is_kept(self, generator: Generator) -> None:
        if not self.takes_schema:
            pytest.skip("takes no schema")
        result = dict(generator.run([asking("Is water wet?", schema=SCHEMA, max_tokens=64)]))[0]
        assert isinstance(result, GenerateResult)
        assert isinstance(json.loads(result.text)["answer"], bool)

    def test_the_choices_are_kept(self, generator: Generator) -> None:
        if not self.takes_choices:
            pytest.skip("takes no choices")
        result = dict(generator.run([asking("Is water wet?", choices=("certainly", "never"))]))[0]
        assert isinstance(result, GenerateResult)
        assert result.text in ("certainly", "never")

    def test_an_unknown_adapter_fails_its_request_only(self, generator: Generator) -> None:
        answered = dict(generator.run([asking("Say one.", adapter="0" * 64), asking("Say one.")]))
        assert isinstance(answered[0], Failure)
        assert isinstance(answered[1], GenerateResult)

    def test_tokens_are_counted_for_each_text(self, generator: Generator) -> None:
        none, some, more = generator.count_tokens(["", "a few words", "a few words, and then some more of them"])
        assert none == 0
        assert 0 < some < more

    def test_the_prompt_holds_every_turn_in_order(self, generator: Generator) -> None:
        prompt = generator.render([Message("system", "Be brief."), Message("user", "Hello?")])
        assert 0 <= prompt.find("Be brief.") < prompt.find("Hello?")

    def test_what_was_closed_answers_again(self, generator: Generator) -> None:
        before = dict(generator.run([asking("Say one.")]))[0]
        generator.close()
        generator.close()
        assert dict(generator.run([asking("Say one.")]))[0] == before
        generator.close()
        *_, whole = generator.stream(asking("Say one."))
        assert isinstance(whole, GenerateResult)

    def test_it_can_be_left_half_way(self, generator: Generator) -> None:
        results = generator.run([asking(f"Count to {n}.") for n in range(1, 6)])
        next(results)
        results.close()  # type: ignore[attr-defined]
        assert isinstance(dict(generator.run([asking("Say one.")]))[0], GenerateResult)


class EmbedderContract:
    """Give it an embedder by overriding the fixture `embedder`."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        """The embedder under test."""
        raise NotImplementedError("override the fixture `embedder`")

    def test_rows_are_unit_vectors(self, embedder: Embedder) -> None:
        import numpy as np

        vectors = embedder.embed(["one text", "another, longer text", ""], kind="passage")
        assert vectors.shape == (3, embedder.dimensions)
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)

    def test_no_text_gives_no_row(self, embedder: Embedder) -> None:
        assert embedder.embed([], kind="query").shape == (0, embedder.dimensions)

    def test_a_row_does_not_depend_on_its_companions(self, embedder: Embedder) -> None:
        import numpy as np

        texts = ["short", "a text of middle length about refunds", "long " * 100]
        together = embedder.embed(texts, kind="passage")
        alone = np.concatenate([embedder.embed([text], kind="passage") for text in texts])
        assert float((together * alone).sum(axis=1).min()) > 0.9999

    def test_like_texts_are_nearer_than_unlike_ones(self, embedder: Embedder) -> None:
        query = embedder.embed(["When are refunds paid?"], kind="query")
        passages = embedder.embed(["Refunds are paid within thirty days.", "The violin has four strings."], kind="passage")
        near, far = (passages @ query[0]).tolist()
        assert near > far

    def test_tokens_are_counted_uncut(self, embedder: Embedder) -> None:
        few, many = embedder.count_tokens(["a few words", "word " * 5000])
        assert 0 < few < 20
        assert many >= 5000


class RerankerContract:
    """Give it a reranker by overriding the fixture `reranker`."""

    @pytest.fixture
    def reranker(self) -> Engine:
        """The reranker under test."""
        raise NotImplementedError("override the fixture `reranker`")

    def test_nothing_is_added_and_nothing_lost(self, reranker: Engine) -> None:
        steps = [reranking("refunds", "a refund", "violins", "refunds are paid"), reranking("violins", "strings")]
        results = dict(reranker.run([*steps, reranking("x")]))
        assert [sorted(p.id for p in _ranked(results[n])) for n in range(3)] == [["0", "1", "2"], ["0"], []]

    def test_the_best_come_first_and_top_cuts(self, reranker: Engine) -> None:
        request = reranking("refunds", *(f"text {n} about refunds" for n in range(9)), top=4)
        passages = _ranked(dict(reranker.run([request]))[0])
        assert len(passages) == 4
        assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)

    def test_an_order_does_not_depend_on_its_companions(self, reranker: Engine) -> None:
        texts = ("refunds are paid", "a violin has four strings and " * 30, "refunds", "it is paid")
        requests = [reranking(query, *texts) for query in ("when are refunds paid", "violin", "strings")]
        together = dict(reranker.run(requests))
        alone = {index: dict(reranker.run([request]))[0] for index, request in enumerate(requests)}
        assert {n: [p.id for p in _ranked(r)] for n, r in together.items()} == {
            n: [p.id for p in _ranked(r)] for n, r in alone.items()
        }

    def test_passages_keep_all_but_their_score(self, reranker: Engine) -> None:
        passage = Passage("p", "doc", 3, 9, "refund", "Title", "doc.md", 0.5, ("staff",))
        (ranked,) = _ranked(dict(reranker.run([Request(Rerank("refund", (passage,), 5))]))[0])
        assert replace(ranked, score=0.5) == passage

    def test_no_request_gives_no_result(self, reranker: Engine) -> None:
        assert list(reranker.run([])) == []

    def test_identity_is_stable_and_holds_no_secret(self, reranker: Engine) -> None:
        assert reranker.identity == reranker.identity != ""
        assert "key" not in reranker.identity.lower()


def reranking(query: str, *texts: str, top: int = 100) -> Request:
    """A request to put texts in order; their places are their ids."""
    passages = tuple(Passage(str(n), f"d{n}", 0, len(text), text) for n, text in enumerate(texts))
    return Request(Rerank(query, passages, top))


def _ranked(result: object) -> tuple[Passage, ...]:
    assert isinstance(result, SearchResult), result
    return result.passages
