"""Which labels of single answers count, and for how many cases each speaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.scoring.answer_labels import CHOSEN, AnswerLabel, answer_digest, heard

CASES = [f"c{n}" for n in range(10)]
ANSWERS = {case: answer_digest(case, f"text of {case}") for case in CASES}
LABEL = AnswerLabel("c0", "rag", ANSWERS["c0"], True, "Ada", "2026-11-28T10:00:00+00:00", "p", 10)


def of(case: str, *, good: bool | None = True) -> AnswerLabel:
    return replace(LABEL, case=case, answer=ANSWERS[case], good=good)


def test_a_label_is_written_and_read() -> None:
    assert AnswerLabel.read(LABEL.as_json()) == LABEL
    assert AnswerLabel.read(of("c1", good=None).as_json()).good is None


@pytest.mark.parametrize(("key", "value"), [("case", 1), ("good", "yes"), ("of", "ten"), ("of", True), ("plan", None)])
def test_what_is_no_label_says_what_it_lacks(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"needs '{key}'"):
        AnswerLabel.read({**LABEL.as_json(), key: value})  # type: ignore[dict-item]


def test_labels_count_for_the_rung_whose_answers_they_are_of() -> None:
    found = heard([of("c0"), of("c1", good=False), of("c2", good=None)], "rag", ANSWERS, CASES)
    assert list(found.human[:2]) == [1, 0]
    assert np.isnan(found.human[2:]).all()
    assert np.isnan(heard([of("c0")], "prompt", ANSWERS, CASES).human).all()


def test_a_drawing_counts_as_long_as_its_answers_are_given() -> None:
    labels = [of("c0"), of("c5")]
    changed = {**ANSWERS, "c0": answer_digest("c0", "another text")}
    found = heard(labels, "rag", changed, CASES)
    assert found.stale == 2
    assert np.isnan(found.human).all()
    again = [replace(one, plan="q", answer=changed[one.case]) for one in labels]
    found = heard([*labels, *again], "rag", changed, CASES)
    assert found.stale == 0
    assert (~np.isnan(found.human)).sum() == 2


def test_labels_that_contradict_each_other_count_as_their_mean() -> None:
    found = heard([of("c0"), of("c0", good=False), of("c5")], "rag", ANSWERS, CASES)
    assert (found.human[0], found.human[5], found.split) == (0.5, 1, 1)


def test_labels_of_cases_that_people_chose_correct_nothing() -> None:
    chosen = [replace(one, plan=CHOSEN, of=0) for one in (of("c0", good=False), of("c5", good=False))]
    assert np.isnan(heard(chosen, "rag", ANSWERS, CASES).human).all()
    found = heard([of("c0"), *chosen], "rag", ANSWERS, CASES)
    assert (found.human[0], found.stale, found.split) == (1, 0, 0)
