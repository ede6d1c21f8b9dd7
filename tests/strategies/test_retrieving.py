"""What a question is searched with, and how two rankings become one; driven by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rung.records import Message, Passage, Question
from rung.records.steps import Generate, GenerateResult, Rerank, Result, Search, SearchResult, Step
from rung.strategies.protocol import NotApplicable, Plan
from rung.strategies.registry import find
from rung.strategies.retrieving import interleaved, merged, retrieve
from rung.strategies.settings import Retrieval
from rung.testing.strategies import PASSAGES, drive, materials

QUESTION = Question("q", "How much is it?", (Message("user", "Do you have express?"), Message("assistant", "Yes.")))
A, B, C = PASSAGES


def answering(step: Step, says: str = "price of express shipping") -> Result:
    match step:
        case Generate():
            return GenerateResult(says)
        case Search():
            return SearchResult((A, B) if step.query == QUESTION.text else (C, B))
        case Rerank():
            return SearchResult(tuple(reversed(step.passages))[: step.top])
        case _:
            raise AssertionError(step)


def test_plainly_one_search_with_the_question_s_words() -> None:
    ranking, steps = drive(retrieve(QUESTION, Retrieval(history="none", diversity=0.2)), answering)
    assert steps == [Search(QUESTION.text, 20, diversity=0.2)]
    assert ranking == (A, B)
    _, steps = drive(retrieve(QUESTION, Retrieval(history="none", dense_weight=0)), answering)
    assert steps == [Search(QUESTION.text, 20, dense_weight=0)]


def test_a_rewritten_query_is_searched_beside_the_question_and_sees_earlier_turns() -> None:
    ranking, steps = drive(retrieve(QUESTION, Retrieval(history="none", rewrite="query")), answering)
    asked, plain, other = steps
    assert isinstance(asked, Generate)
    assert [m.content for m in asked.messages[1:3]] == ["Do you have express?", "Yes."]
    assert (plain, other) == (Search(QUESTION.text, 20), Search("price of express shipping", 20))
    assert [p.id for p in ranking] == [B.id, A.id, C.id]  # B stands in both


def test_an_imagined_passage_is_searched_with_and_never_shown() -> None:
    ranking, steps = drive(
        retrieve(QUESTION, Retrieval(history="none", rewrite="hyde")), lambda s: answering(s, "Express\n costs 5 EUR.")
    )
    assert steps[2] == Search("Express costs 5 EUR.", 20)
    assert all("5 EUR" not in p.text for p in ranking)


def test_a_rewriting_that_says_nothing_new_costs_no_search() -> None:
    for says in ("", "  \n", QUESTION.text):
        plain = Retrieval(history="none", rewrite="query")
        _, steps = drive(retrieve(QUESTION, plain), lambda s, says=says: answering(s, says))  # type: ignore[misc]
        assert [type(step) for step in steps] == [Generate, Search]


def test_the_reranker_sees_the_question_and_all_candidates() -> None:
    ranking, steps = drive(retrieve(QUESTION, Retrieval(history="none", rewrite="query", rerank=True)), answering)
    last = steps[-1]
    assert isinstance(last, Rerank)
    assert (last.query, len(last.passages), last.top) == (QUESTION.text, 3, 20)
    assert ranking == tuple(reversed(last.passages))


def test_nothing_found_is_not_reranked() -> None:
    ranking, steps = drive(retrieve(QUESTION, Retrieval(history="none", rerank=True)), lambda _: SearchResult(()))
    assert (ranking, len(steps)) == ((), 1)


def test_candidates_are_the_most() -> None:
    ranking, _ = drive(retrieve(QUESTION, Retrieval(candidates=2, passages=1, history="none", rewrite="query")), answering)
    assert len(ranking) == 2


def test_a_rung_that_reranks_needs_a_reranker() -> None:
    for name in ("rag", "hybrid"):
        assert isinstance(find(name).plan(materials(), {"rerank": True}), Plan)
        refused = find(name).plan(materials(reranker=False), {"rerank": True})
        assert isinstance(refused, NotApplicable)
        assert "reranker" in refused.why


RANKINGS = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=15), min_size=1, max_size=4)


@given(RANKINGS)
def test_merging_loses_nothing_repeats_nothing_and_is_sorted(rankings: list[list[int]]) -> None:
    made = [[Passage(str(n), "d", n, n + 1, "x") for n in ranking] for ranking in rankings]
    found = merged(made)
    assert sorted({str(n) for ranking in rankings for n in ranking}) == sorted(p.id for p in found)
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


@given(st.lists(st.integers(0, 20), unique=True))
def test_merging_a_ranking_with_itself_changes_no_order(ranking: list[int]) -> None:
    made = [Passage(str(n), "d", n, n + 1, "x") for n in ranking]
    assert [p.id for p in merged([made, made])] == [p.id for p in made]


@given(RANKINGS)
def test_interleaving_takes_the_firsts_first_and_loses_nothing(rankings: list[list[int]]) -> None:
    passages = [[Passage(str(n), "d", n, n + 1, "x") for n in ranking] for ranking in rankings]
    ids = [p.id for p in interleaved(passages)]
    assert sorted(ids) == sorted({str(n) for ranking in rankings for n in ranking})
    best = {id: min(ranking.index(int(id)) for ranking in rankings if int(id) in ranking) for id in ids}
    assert [best[id] for id in ids] == sorted(best[id] for id in ids)
