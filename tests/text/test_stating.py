"""Whether a sentence states an accepted answer: against answers marked by hand, and kind by kind."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.scoring import squad
from rung.text.matching import contains, figured_f1
from rung.text.stating import stated

MARKED = Path(__file__).parents[1] / "scoring" / "matching.jsonl"
ROWS = [json.loads(line) for line in MARKED.read_text(encoding="utf-8").splitlines()]
SURE = [row for row in ROWS if row["half"] == "held out" and row["mark"] != 0.5]


def agreement(scores: list[float]) -> float:
    """The share of the sure marks that scores of one half or more agree with."""
    return sum((score >= 0.5) == (row["mark"] == 1) for score, row in zip(scores, SURE, strict=True)) / len(SURE)  # type: ignore[no-any-return]


def test_it_agrees_with_people_better_than_the_field_s_scores() -> None:
    """On the half on which nothing was chosen; `python benchmarks/matching.py` has the figures."""
    ours = agreement([stated(row["answer"], row["answers"], row["question"]) for row in SURE])
    others = [
        agreement([float(rule(row["answer"], row["answers"])) for row in SURE])
        for rule in (squad.exact_match, squad.token_f1, squad.contains, figured_f1, contains)
    ]
    assert len(SURE) > 200
    assert ours > 0.84
    assert ours > max(others) + 0.15


def test_the_marks_are_what_they_say() -> None:
    assert len(ROWS) >= 300
    assert sum(row["mark"] == 0 for row in ROWS) >= 120
    assert {row["half"] for row in ROWS} == {"design", "held out"}
    by_question: dict[str, set[str]] = {}
    for row in ROWS:
        by_question.setdefault(row["answers"][0].lower(), set()).add(row["half"])
    assert all(len(halves) == 1 for halves in by_question.values())  # no question is in both


RETURN, COST, CAPITAL = (
    "How long may I return an item?",
    "What does express delivery cost?",
    "What is the capital of Australia?",
)


@pytest.mark.parametrize(
    ("question", "answers", "said"),
    [
        (RETURN, ["30 days"], "Great question! You have 30 days to send it back, as long as it is unused."),
        (RETURN, ["30 days"], "You have **thirty days**.\n\nI hope this helps!"),
        (RETURN, ["within 30 days"], "Returns are accepted up to 30 days after delivery."),
        (COST, ["9 EUR"], "Express costs €9.00 and takes one day."),
        (RETURN, ["30 days"], "You don't need a receipt and have 30 days."),
        (RETURN, ["30 days"], "Items may be returned up to 30 days after purchase, but sale items only within 14 days."),
        ("When did it end?", ["1945"], "The war, which began in 1939, ended in 1945."),
        (CAPITAL, ["Canberra"], "The capital of Australia is Canberra, not Sydney as many people think."),
        ("What is the maximum weight?", ["31.5 kg"], "Each parcel must not exceed 31.5 kg."),
        ("When was it raised?", ["October 16, 1973"], "OPEC raised it by 70% on 16 October 1973."),
        ("Who leads it?", ["Anna Keller"], "Ms Keller leads the department."),
        ("Who leads it?", ["Anna Keller"], "A. Keller does."),
        ("Who wrote Faust?", ["Johann Wolfgang von Goethe"], "It was written by Goethe."),
        ("Who composed it?", ["Ludwig van Beethoven"], "An opera by Beethoven."),
        ("Which languages?", ["English, French and German"], "They speak:\n- German\n- English\n- French"),
        ("Is breakfast included?", ["no"], "Breakfast isn't included in the rate."),
        ("Do you ship to Sweden?", ["yes"], "We do ship to Sweden."),
        ("Welche Frist gilt?", ["drei Monate"], "Es gilt eine Frist von 3 Monaten."),
        ("Combien de jours ?", ["15 jours"], "Vous disposez de quinze jours."),
        ("¿Cuántos días?", ["15 días"], "Tiene 15 días para reclamar."),
        ("返品は何日以内ですか?", ["30日"], "商品到着後30日以内に返品できます。"),
        ("When did it open?", ["1980"], "It did not open until 1980."),
        (RETURN, ["14 days"], "You have two weeks to send it back."),
        (RETURN, ["30 min"], "It takes 30 minutes."),
        (RETURN, ["90 minutes"], "It takes 1 hour and 30 minutes."),
        (RETURN, ["18 months"], "The term is one and a half years."),
        (RETURN, ["250"], "There are two hundred and fifty places."),
        (RETURN, ["1 day"], "You get a day off."),
        ("When does it open?", ["9:00"], "It opens at 9 am."),
        ("When is it open?", ["9:00–17:00"], "We are open from 9 a.m. to 5 p.m., Monday to Friday."),
        ("On which floor?", ["3rd floor"], "It is on the third floor."),
        (RETURN, ["2 days"], "Delivery takes 2 days; support answers in 4 hours."),
        ("Welche Frist gilt?", ["14 Tage"], "Sie haben zwei Wochen Zeit."),
    ],
)
def test_words_around_a_right_answer_cost_nothing(question: str, answers: list[str], said: str) -> None:
    assert stated(said, answers, question) == 1


@pytest.mark.parametrize(
    ("question", "answers", "said"),
    [
        (RETURN, ["30 days"], "You can return it within 14 days, not 30 days."),
        (RETURN, ["30 days"], "Between 20 and 30 days."),
        (RETURN, ["30 days"], "Within 30 working days."),
        (RETURN, ["30 days"], "Within a month."),
        (RETURN, ["15 days"], "You have two weeks."),
        (RETURN, ["2 weeks"], "Within 14 working days."),
        ("When does it open?", ["9:00"], "It opens at 9 pm."),
        ("When does it open?", ["9:00"], "It opens at 10 am, and room 9 at 11 am."),
        ("On which floor?", ["3rd floor"], "It is on the second floor."),
        (RETURN, ["80 minutes"], "It takes 1 hour and 30 minutes."),
        (RETURN, ["1 day"], "You get two days off."),
        (RETURN, ["500 MB"], "It has half a GB."),
        (RETURN, ["30 days"], "Either 14 or 30 days."),
        (RETURN, ["30 days"], "It used to be 30 days, but since May it is 60 days."),
        (RETURN, ["30 days"], "Refunds are paid within 30 days; returns are accepted for 14 days."),
        (COST, ["9 EUR"], "Orders above 9 EUR are delivered by express for free."),
        (COST, ["9 EUR"], "Express delivery costs $9."),
        (CAPITAL, ["Canberra"], "Sydney is the capital of Australia, although parliament sits in Canberra."),
        (CAPITAL, ["Canberra"], "Many people say Canberra, but it is Melbourne."),
        (CAPITAL, ["Canberra"], "Sydney. Or maybe Canberra."),
        ("Who was it?", ["Marie Curie"], "Irène Joliot-Curie, the daughter of Marie Curie."),
        ("Who leads it?", ["Anna Keller"], "Paul Keller."),
        ("Which plan has it?", ["Enterprise"], "All plans except Enterprise."),
        ("Which plan has it?", ["Enterprise"], "Business and Enterprise."),
        ("Which was earlier, Ada or Pascal?", ["Pascal"], "Ada was earlier than Pascal."),
        ("Is breakfast included?", ["no"], "Yes, at no extra cost."),
        ("How many classes?", ["four"], "It takes four days."),
        ("How many students?", ["over 50,000"], "Fewer than 50,000."),
        ("Wer leitet sie?", ["Frau Keller"], "Frau Keller leitet sie nicht mehr."),
        ("Où est le siège ?", ["Lyon"], "Le siège n'est plus à Lyon."),
        ("¿Cuántos días?", ["15 días"], "No son 15 días, sino 30 días."),
        ("返品は何日以内ですか?", ["30日"], "30日ではありません。"),
        ("总部在哪里?", ["上海"], "总部不在上海。"),
        ("What is it?", ["30 days"], ""),
    ],
)
def test_an_accepted_answer_that_stands_there_may_not_be_stated(question: str, answers: list[str], said: str) -> None:
    assert stated(said, answers, question) < 0.5


def test_a_part_counts_in_part_and_a_long_answer_by_its_words() -> None:
    both = ["safety shoes and goggles"]
    assert 0 < stated("Safety shoes.", both, "What must be worn?") < 1
    assert stated("Safety shoes and gloves.", both, "What must be worn?") == 0
    long = ["The office opens at nine on every day of the week but Sunday"]
    assert stated("It opens at nine on every day but Sunday.", long) == figured_f1(
        "It opens at nine on every day but Sunday.", long
    )


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3), st.text(max_size=30))
def test_any_text_can_be_judged(said: str, answers: list[str], question: str) -> None:
    assert 0 <= stated(said, answers, question) <= 1
    assert all(stated(answer, answers, question) == 1 for answer in answers if answer.strip())


def test_a_long_answer_does_not_take_long() -> None:
    said = "It is 30 days, not 14 days, or maybe 20 days, and nobody knows which, although 60 days were asked for. " * 400
    began = time.process_time()
    stated(said, ["30 days", "thirty days", "a month"], RETURN)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("said", "question", "is_yes"),
    [
        ("Absolutely not.", "Can I return it?", False),
        ("Natürlich nicht.", "Darf ich das Gerät öffnen?", False),
        ("Parking is prohibited.", "Is parking allowed?", False),
        ("Rauchen ist verboten.", "Ist Rauchen erlaubt?", False),
        ("Il est interdit de fumer.", "Est-il permis de fumer ?", False),
        ("No problem, you can return it.", "Can I return it?", True),
        ("Yes, it is forbidden.", "Is parking forbidden?", True),
        ("Absolutely.", "Can I return it?", True),
    ],
)
def test_yes_and_no_are_told_apart_in_other_words(said: str, question: str, is_yes: bool) -> None:
    assert stated(said, ["yes"], question) == is_yes
    assert stated(said, ["no"], question) == (not is_yes)


@pytest.mark.parametrize(
    ("question", "answer", "right", "wrong"),
    [
        ("Wann öffnet das Amt?", "12. März 2025", "Das Amt öffnet am 12. März 2025.", "Das Amt öffnet am 13. März 2025."),
        ("Wann?", "12. März 2025", "Am Mittwoch, dem 12. März 2025", "Vor dem 12. März 2025"),
        ("Ab wann gilt es?", "12. März 2025", "Ab 12. März 2025", "Ab 12. Mai 2025"),
        ("Wann ist der Stichtag?", "31. Dezember", "Am 31.12.", "Am 30.12."),
        ("Wann?", "24. Dezember", "Am 24. Dezember.", "Am 25. Dezember."),
        ("Wann?", "29. Februar 2024", "29.02.24", "28.02.24"),
        ("Welche Etage?", "3. Stock", "Im 3. Stock.", "Im 4. Stock."),
        ("Wo?", "Straße des 17. Juni 135", "Die Adresse ist Straße des 17. Juni 135, Berlin.", "Straße des 18. Juni 135"),
        ("¿Cuándo?", "1 de mayo de 2025", "El 01/05/2025", "El 05/01/2025"),
        ("When?", "30 September 2025", "09/30/2025", "09/29/2025"),
        ("When?", "1 May", "On May 1st.", "On May 2nd."),
        ("Quand ?", "1er mai 2025", "Le 1/5/2025", "Le 2/5/2025"),
        ("Wann?", "14:30 Uhr", "um 14.30 Uhr", "um 15.30 Uhr"),
        ("Öffnungszeiten?", "8–12 Uhr", "von 8:00 bis 12:00 Uhr", "von 8:00 bis 13:00 Uhr"),
        ("How long?", "3 years", "3 yrs", "4 yrs"),
        ("Wer?", "Bürgeramt", "Das Buergeramt", "Das Buergerbuero"),
    ],
)
def test_dates_ordinals_and_times_count_by_what_they_mean(question: str, answer: str, right: str, wrong: str) -> None:
    assert stated(right, [answer], question) == 1.0
    assert stated(wrong, [answer], question) < 0.5


def test_a_date_in_figures_of_which_nobody_knows_the_day_is_no_date_in_words() -> None:
    assert stated("12/03/2025", ["12 March 2025"], "When?") == 0.0
    assert stated("12/03/2025", ["12/03/2025"], "When?") == 1.0
