"""Which passages bear an answer: those that hold it, as the scorer reads; of several the nearest; else the nearest alone."""

from __future__ import annotations

import pytest

from rung.records import Case, Passage
from rung.scoring.bearing import holds, holds_whole, phrases, ranked

FILLER = "The unit is wiped with a dry cloth after every shift."
TEXTS = (
    "Returns are free for 30 days.",
    FILLER,
    "A deposit is held for 30 days and then paid back.",
    "Express costs 9 EUR. The parcel comes the next day.",
    FILLER,
)


def passages(*texts: str) -> tuple[Passage, ...]:
    return tuple(Passage(str(n), "d", n * 100, n * 100 + len(text), text) for n, text in enumerate(texts))


def asked(question: str, *answers: str) -> Case:
    return Case("c", question, answers)


def order(
    case: Case, texts: tuple[str, ...] = TEXTS, *, schema: str = "", labels: tuple[str, ...] = ()
) -> tuple[list[str], int]:
    """The places of the passages that bear the answer, as text, and how many these are; of all where there are none."""
    found = ranked(case, passages(*texts), phrases(case, schema=schema, labels=labels))
    return [p.id for p in found.passages][: found.bearing or None], found.bearing


def test_of_those_that_hold_the_answer_the_nearest_to_the_question_comes_first() -> None:
    assert order(asked("How long is a deposit held?", "30 days")) == (["2", "0"], 2)
    assert order(asked("For how long are returns free?", "thirty days", "30 Days!")) == (["0", "2"], 2)


def test_where_none_holds_it_nearness_alone_tells() -> None:
    found, bearing = order(asked("Does express come the next day?", "yes"))
    assert (found[0], bearing) == ("3", 0)
    assert order(asked("Unheard of?", "nothing")) == (["0", "1", "2", "3", "4"], 0)
    assert ranked(asked("?", "x"), (), (("x",),)).passages == ()


def test_a_word_that_is_there_by_chance_does_not_hide_the_nearest() -> None:
    texts = ("Yes, we are open.", FILLER, "Express parcels that are sent before noon come the next working day.")
    assert order(asked("Do express parcels that are sent before noon come the next working day?", "yes"), texts)[0][:2] == [
        "0",
        "2",
    ]
    assert order(asked("Do express parcels that are sent before noon come the next working day?", "yes"), texts)[1] == 2


def test_of_json_the_texts_and_numbers_are_looked_for() -> None:
    answer = '{"price": 9, "when": "next day", "known": true, "note": null}'
    case = asked("What is express?", answer, "no JSON")
    assert phrases(case, schema="{}") == (("9", "next day"),)
    assert order(case, schema="{}") == (["3"], 1)
    apart = ("It costs 9 EUR.", FILLER, "It comes the next day.", "It comes the next day, we said.")
    assert order(case, apart, schema="{}")[1] == 3
    assert phrases(case, labels=("a", "b")) == ()
    assert holds_whole(passages(apart[0], apart[2]), (("9", "next day"),))
    assert not holds_whole(passages(*apart[1:]), (("9", "next day"),))
    assert not holds_whole(passages(*apart), ())


def test_most_words_of_a_long_answer_are_enough() -> None:
    wanted = phrases(asked("?", "the parcel is paid by the customer who sent it back"))
    said, unsaid = passages("A parcel that is sent back is paid by the customer.", "The customer is king.")
    assert holds(said, wanted)
    assert not holds(unsaid, wanted)


@pytest.mark.parametrize(
    ("question", "answer", "texts", "first"),
    [
        ("返品は何日以内ですか。", "30日", ("送料は無料です。", "返品は30日以内にお願いします。"), "1"),
        ("退货需要几天？", "三十天", ("运费是九欧元。", "退货须在三十天内完成。"), "1"),
        ("คืนสินค้าได้กี่วัน", "สามสิบวัน", ("ส่งฟรี", "คืนสินค้าได้ภายในสามสิบวัน"), "1"),
        ("Wie lange gilt die Garantie?", "zwei Jahre", ("Rückgabe: 30 Tage.", "Die Garantie gilt zwei Jahre."), "1"),
    ],
)
def test_other_languages(question: str, answer: str, texts: tuple[str, ...], first: str) -> None:
    found, bearing = order(asked(question, answer), texts)
    assert (found[0], bearing) == (first, 1)


@pytest.mark.parametrize(
    ("answer", "text", "is_held"),
    [
        ("12.50", "It costs 12.50 EUR.", True),
        ("12.50 EUR", "It costs €12,50.", True),
        ("12.50", "It costs 1250 EUR.", False),
        ("2.5", "It weighs 12.5 kg, or 2.55 or 2.5.1 or 3,2.5.", False),
        ("$1,305", "Total liabilities | $909 | $1,305", True),
        ("$2.6 million", "worth $2.5 million, $2.6 million and $2.4 million", True),
        ("(0.4)", "Hedges | (0.9) | (0.4)", True),
        ("1945", "The war of 1939–1945.", True),
        ("206.2", "| 9.2\n- | 206.2 | 132.6", True),
        ("The Rose", "A rose is a rose.", True),
        ("rose", "Two roses.", False),
        ("rose", "Rose.", True),
        ("C++", "It is written in C.", False),
        ("北京大学校园", "校园在北京,大学也在。", False),
        ("北京大学", "他在北京大学读书。", True),
    ],
)
def test_numbers_count_by_their_value_and_words_whole(answer: str, text: str, is_held: bool) -> None:
    assert holds(passages(text)[0], phrases(asked("?", answer))) is is_held
