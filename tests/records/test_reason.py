"""Does a reason show its words, and is that of an earlier Rung understood, which wrote the words alone?"""

from __future__ import annotations

from dataclasses import replace

from rung.records import Reason, kind_of, kind_of_older


def test_what_was_cut_off_stands_before_the_words_and_changes_no_kind() -> None:
    why = Reason("worse", "worse: below the best")
    cut = replace(why, cut="cut off: 5 of 40 answers: give max_tokens")
    assert (str(why), str(cut)) == (why.text, "cut off: 5 of 40 answers: give max_tokens; worse: below the best")
    assert kind_of(cut) == kind_of(why) == "worse"
    assert kind_of(None) is None


def test_what_an_earlier_rung_wrote_is_told_by_its_words() -> None:
    assert kind_of_older("not needed then: stopped after 20 of 100 cases") == "not_needed"
    assert kind_of_older("misses the bar: stopped after 20 of 100 cases") == "misses"
    assert kind_of_older("the project has no schema") is None
    assert kind_of_older("") is None
