"""Which labels of single answers count, and for how many cases each speaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.scoring.answer_labels import AnswerLabel, answer_digest, heard
from rung.scoring.judge import agreement

CASES = [f"c{n}" for n in range(10)]
ANSWERS = {case: answer_digest(case, f"text of {case}") for case in CASES}
LABEL = AnswerLabel(
    "c0", "rag", ANSWERS["c0"], True, "Ada", "2026-11-28T10:00:00+00:00", "p", "open", {"open": 4, "settled": 6}
)


def of(case: str, stratum: str = "open", *, good: bool | None = True) -> AnswerLabel:
    return replace(LABEL, case=case, answer=ANSWERS[case], stratum=stratum, good=good)


def test_a_label_is_written_and_read() -> None:
    assert AnswerLabel.read(LABEL.as_json()) == LABEL


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("case", 1, "'case'"),
        ("good", "yes", "'good'"),
        ("strata", {}, "not one of 'strata'"),
        ("strata", {"open": 0}, "'strata'"),
        ("strata", 3, "'strata'"),
        ("stratum", "other", "not one of 'strata'"),
    ],
)
def test_what_is_no_label_says_what_it_lacks(key: str, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AnswerLabel.read({**LABEL.as_json(), key: value})  # type: ignore[dict-item]


def test_each_label_speaks_for_its_share_of_the_stratum() -> None:
    found = heard([of("c0"), of("c1", good=False), of("c5", "settled")], "rag", ANSWERS, CASES)
    assert list(found.human[[0, 1, 5]]) == [1, 0, 1]
    assert found.probability[[0, 1, 5]] == pytest.approx([2 / 4, 2 / 4, 1 / 6])
    assert np.isnan(found.human[[2, 3, 4, 6, 7, 8, 9]]).all()
    assert (1 / found.probability[[0, 1, 5]]).sum() == pytest.approx(10)  # all cases


def test_labels_of_another_rung_and_skipped_ones_say_nothing() -> None:
    assert np.isnan(heard([of("c0")], "prompt", ANSWERS, CASES).human).all()
    assert np.isnan(heard([of("c0", good=None)], "rag", ANSWERS, CASES).human).all()


def test_a_drawing_counts_as_long_as_its_answers_are_given() -> None:
    labels = [of("c0"), of("c5", "settled")]
    changed = {**ANSWERS, "c0": answer_digest("c0", "another text")}
    found = heard(labels, "rag", changed, CASES)
    assert found.stale == 2
    assert np.isnan(found.human).all()
    again = [replace(one, plan="q", answer=changed[one.case]) for one in labels]
    found = heard([*labels, *again], "rag", changed, CASES)
    assert found.stale == 0
    assert (~np.isnan(found.human)).sum() == 2


def test_a_stratum_that_nobody_was_asked_about_stops_it() -> None:
    found = heard([of("c0"), of("c1")], "rag", ANSWERS, CASES)
    assert found.unheard
    assert np.isnan(found.human).all()


def test_labels_that_contradict_each_other_count_as_their_mean() -> None:
    found = heard([of("c0"), of("c0", good=False), of("c5", "settled")], "rag", ANSWERS, CASES)
    assert (found.human[0], found.split) == (0.5, 1)


def test_two_drawings_speak_for_all_cases_together() -> None:
    second = [
        replace(of(case, stratum), plan="q") for case, stratum in (("c2", "open"), ("c6", "settled"), ("c7", "settled"))
    ]
    found = heard([of("c0"), of("c5", "settled"), *second], "rag", ANSWERS, CASES)
    weights = 1 / found.probability[~np.isnan(found.probability)]
    assert weights.sum() == pytest.approx(10)


def test_agreement_weighs_each_label() -> None:
    pairs = [(True, True), (False, True), (False, False)]
    found = agreement(pairs, [8, 1, 1])
    assert found is not None
    assert found.share == pytest.approx(0.9)
    assert found.kappa == pytest.approx((0.9 - (0.8 * 0.9 + 0.2 * 0.1)) / (1 - 0.74))
