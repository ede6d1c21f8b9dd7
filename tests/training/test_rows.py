"""Which tokens are learnt, which rows are left out, which batches are made, which settings are refused?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.records import Example, Message
from rung.training import Recipe
from rung.training.batches import MAX_TOKENS, passing, pieces, split
from rung.training.examples import Row, rows_of
from rung.training.packing import pack, shared_beginning
from tests.training.tiny import END, ByteTokens, chats, token_rows

TOKENS = ByteTokens()


def chat(*messages: tuple[str, str], place: str = "") -> Example:
    return Example("e", tuple(Message(role, text) for role, text in messages), place=place)


def test_only_the_last_answer_and_its_end_are_learnt() -> None:
    row = rows_of([chat(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "dd"))], TOKENS, max_tokens=99).rows[
        0
    ]
    assert bytes(row.ids[: row.prompt]).decode() == "<user>a\n<assistant>b\n<user>c\n<assistant>"
    assert row.ids[row.prompt :] == (*b"dd", END)


def test_rows_that_are_too_long_are_named_not_cut() -> None:
    made = rows_of(
        [chat(("user", "a"), ("assistant", "b")), chat(("user", "a" * 90), ("assistant", "b"), place="f.jsonl:7")],
        TOKENS,
        max_tokens=40,
    )
    assert len(made.rows) == 1
    assert made.too_long == ("f.jsonl:7",)
    assert made.rows[0].ids[-1] == END


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        ([], "nothing to train on"),
        ([chat(("user", "a" * 50), ("assistant", "b"))], "all 1 examples are longer than max_tokens 40"),
        ([chat(("assistant", "b"), ("user", "a"), place="f.jsonl:3")], "f.jsonl:3: the last message"),
        ([chat(("user", "a"), ("assistant", "  "))], "the last message"),
        ([chat(("assistant", "b"))], "the last message"),
    ],
)
def test_rows_that_cannot_be_learnt_are_refused(examples: list[Example], says: str) -> None:
    with pytest.raises(UserError, match=says):
        rows_of(examples, TOKENS, max_tokens=40)


@given(count=st.integers(1, 60), batch=st.integers(1, 9), seed=st.integers(0, 5), epoch=st.integers(0, 3))
def test_every_row_is_in_one_batch_of_a_pass(count: int, batch: int, seed: int, epoch: int) -> None:
    rows = token_rows(count)
    made = passing(rows, batch_rows=batch, seed=seed, epoch=epoch)
    assert sorted(r.ids for b in made for r in b) == sorted(r.ids for r in rows)
    assert len(made) == -(-count // batch)
    assert made == passing(rows, batch_rows=batch, seed=seed, epoch=epoch)


def test_passes_and_seeds_differ_in_order() -> None:
    rows = token_rows(40)
    orders = [passing(rows, batch_rows=4, seed=s, epoch=e) for s, e in ((0, 0), (0, 1), (1, 0))]
    assert orders[0] != orders[1] != orders[2] != orders[0]


@given(st.lists(st.integers(2, 1500), min_size=1, max_size=20))
def test_pieces_hold_every_row_once_and_few_tokens(lengths: list[int]) -> None:
    batch = [Row(tuple(range(n, n + length)), 1) for n, length in enumerate(lengths)]
    parts = list(pieces(batch))
    assert sorted(r.ids for p in parts for r in p) == sorted(r.ids for r in batch)
    assert all(len(p) == 1 or sum(len(r.ids) - 1 for r in p) <= MAX_TOKENS for p in parts)


def questions_about(passages: int, each: int) -> list[Row]:
    """Rows that begin alike: a system prompt for all, a passage for `each` of them."""
    return [
        Row((*range(20), *range(1000 * p, 1000 * p + 200), *range(500 * n, 500 * n + 10)), 225)
        for p in range(1, passages + 1)
        for n in range(1, each + 1)
    ]


def test_questions_about_one_passage_are_learnt_side_by_side_and_its_tokens_computed_once() -> None:
    rows = questions_about(12, 4)
    batches = passing(rows, batch_rows=4, seed=0, epoch=0)
    assert all(shared_beginning(batch) == 220 for batch in batches)
    assert all(pack(part).tokens == 220 + 4 * 9 for batch in batches for part in pieces(batch))


def test_a_batch_of_two_families_is_computed_apart_where_that_is_less() -> None:
    rows = questions_about(2, 3)
    assert sorted(len(part) for part in pieces(rows)) == [3, 3]
    alone = questions_about(6, 1)
    (together,) = pieces(alone[:4])
    assert len(together) == 4


@given(passages=st.integers(1, 9), each=st.integers(1, 6), batch=st.integers(1, 6), seed=st.integers(0, 3))
def test_families_lose_no_row_of_a_pass(passages: int, each: int, batch: int, seed: int) -> None:
    rows = questions_about(passages, each)
    made = passing(rows, batch_rows=batch, seed=seed, epoch=0)
    assert sorted(r.ids for b in made for r in b) == sorted(r.ids for r in rows)
    assert max(map(len, made)) <= batch
    parts = [part for b in made for part in pieces(b)]
    assert sorted(r.ids for part in parts for r in part) == sorted(r.ids for r in rows)


def test_held_out_rows_are_not_learnt() -> None:
    rows = token_rows(100)
    learnt, held = split(rows, share=0.1, seed=0)
    assert (len(learnt), len(held)) == (90, 10)
    assert not {r.ids for r in learnt} & {r.ids for r in held}
    assert split(rows[:10], share=0.5, seed=0)[1] == []
    assert split(rows, share=0.0, seed=0)[1] == []


def test_a_recipe_takes_what_is_given_and_defaults_the_rest() -> None:
    recipe = Recipe.of({"rank": 4, "learning_rate": 0.01}, rows=100, seed=3)
    assert (recipe.rank, recipe.alpha, recipe.learning_rate, recipe.seed) == (4, 8.0, 0.01, 3)
    assert Recipe.of({"epochs": 2}, rows=100).epochs == 2
    assert Recipe.of({}, rows=50).epochs > Recipe.of({}, rows=5000).epochs


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"rnak": 4}, "unknown training setting 'rnak'"),
        ({"rank": 0}, "'rank' must be a whole number from 1 to 256, found 0"),
        ({"rank": 4.5}, "'rank' must be a whole number from 1 to 256, found 4.5"),
        ({"learning_rate": "fast"}, "'learning_rate' must be a number from 1e-07 to 0.1, found 'fast'"),
        ({"epochs": True}, "'epochs' must be a whole number .* found True"),
        ({"learning_rate": float("nan")}, "'learning_rate' must be .* found nan"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Recipe.of(given, rows=10)  # type: ignore[arg-type]


def test_chats_are_of_several_lengths() -> None:
    assert len({len(r.ids) for r in token_rows(10)}) > 3
    assert len(chats(3)) == 3
