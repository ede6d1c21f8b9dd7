"""What the gaps say, in words: the same sentences in the terminal, on the page, in Markdown and in JSON.

A sentence follows from the interval, and from nothing where something stands against the gap (`Verdict.doubts`).
"""

from __future__ import annotations

from rung.records import Estimate, Reason, Verdict
from rung.verdict.reasons import cases, interval, number, turned

SMALL = 0.05  # a gap that is surely no larger is none
_UNSURE = "not certain that there is one: the interval reaches 0."
_NOT_MEASURED = "not measured."
_MEANING = {  # that there is a gap, that there is none, that it is surely below 0
    "knowledge": (
        "the model lacks facts that the documents have; giving it the right passages helps.",
        "the model does as well without the documents.",
        "the model does worse with the right passages than without them: what it is shown confuses it.",
    ),
    "retrieval": (
        "the search loses part of what the right passages would give; improve the search.",
        "the search loses nothing of what the right passages would give.",
        "the search gives more than the right passages alone: they are no upper bound here.",
    ),
    "behaviour": (
        "so much is wrong even with the right passages; instructions, examples or tuning may close it.",
        "with what it needs, the model does what is asked.",
        "with what it needs, the model does what is asked.",
    ),
}
_OTHER = ("there is one.", "there is none.", "it is below 0.")
_ALONE = (  # the behaviour gap of a project without documents
    "so much is wrong; instructions, examples or tuning may close it.",
    "the model does what is asked.",
    "the model does what is asked.",
)


def gap_sentence(verdict: Verdict, name: str) -> str:
    """What a gap says, without its number: that there is one and what closes it, that there is none, that nobody can tell,
    or what stands against it."""
    gap = verdict.gaps[name]
    if name in verdict.doubts:
        return f"{verdict.doubts[name]}."
    if gap.mean is None:
        return _NOT_MEASURED
    note = f" {verdict.gap_notes[name]}." if name in verdict.gap_notes else ""
    there, absent, below = _ALONE if name == "behaviour" and not has_oracle(verdict) else _MEANING.get(name, _OTHER)
    if gap.low is None or gap.high is None:
        return f"not certain that there is one: {cases(gap.n)} only.{note}"
    if gap.low > 0:
        return there + note
    if gap.high < 0:
        return below + note
    return (absent if gap.high <= SMALL else _UNSURE) + note


def measured_on(verdict: Verdict, name: str) -> str:
    """How many cases tell of a gap, where these are not all."""
    gap = verdict.gaps[name]
    return "" if gap.mean is None or gap.n >= verdict.cases else f" ({gap.n:,} of {cases(verdict.cases)})"


def proven(verdict: Verdict, name: str) -> bool:
    """Whether there surely is a gap, and nothing stands against it."""
    gap = verdict.gaps.get(name)
    return gap is not None and gap.low is not None and gap.low > 0 and name not in verdict.doubts


def has_oracle(verdict: Verdict) -> bool:
    """Whether the oracle was measured; without documents the behaviour gap is that of the closed book."""
    return any(r.reference and r.name == "oracle" and r.status == "measured" for r in verdict.rungs)


def does_not_read(floor: Estimate) -> str:
    """Even the oracle is at the floor: no rung that leaves the model as it is can be told from another."""
    return (
        "This model does not read what it is shown: even with the answer before it (oracle) correct is "
        f"{interval(floor)} on the {cases(floor.n)} whose answer it surely was shown. Compare rungs on a stronger one."
    )


def at_floor(score: Estimate, floor: Estimate) -> Reason:
    """A rung that is no choice, since it and the oracle are at the floor. `score`: on the cases of `floor`."""
    oracle = f"the oracle, shown the answer, gets {interval(floor)}"
    return Reason("at_floor", f"at the floor: correct {interval(score)} where {oracle}")


NOTHING_AT_THE_FLOOR = "nothing follows, since even the oracle is at the floor"  # beside each gap


def no_upper_bound(retrieval: Estimate) -> str:
    """Beside the gaps that take the oracle for the best that passages can do."""
    by = interval(turned(retrieval))
    return f"nothing follows, since the oracle is no upper bound: rag is better, by {by}"


def too_few(n: int, least: int) -> str:
    """In the place of a gap."""
    return f"not stated: only {cases(n)} can tell, and {least} are the least"


def oracle_not_shown(shown: int, n: int) -> str:
    """In the place of each gap."""
    return f"not stated: the oracle was shown the answer in only {shown:,} of {cases(n, what='answerable case')}"


def does_not_keep_the_form(form: Estimate, floor: Estimate) -> str:
    """The oracle is at the floor for want of the form, which tells nothing of what it reads."""
    return (
        f"The untuned model does not keep the form that is asked for: even with the answer before it (oracle) format is "
        f"{interval(form)} and correct {interval(floor)}. Constrain its output, or compare rungs on a stronger one."
    )


def form_not_kept(form: Estimate) -> str:
    """Beside the gaps that are told by an untuned model's right answers."""
    return f"nothing follows, since the untuned model keeps the form in only {interval(form)} of its answers"


def by_tuned(beside: str, tuned: str, form: Estimate) -> str:
    """What the knowledge gap is of, where the untuned model does not keep the form."""
    return f"Measured as {beside} − {tuned}, since the untuned model keeps the form in only {interval(form)} of its answers"


def tuned_above(name: str, by: Estimate) -> str:
    """Beside the behaviour gap, which is the untuned model's."""
    return (
        f"{name} stands above the oracle already, by {interval(by)}: this gap is the untuned model's, and tells nothing of "
        "what tuning leaves"
    )


def above_oracle(name: str, by: Estimate) -> str:
    """Beside the behaviour gap, where a rung whose weights are the model's own is better than the oracle."""
    return f"{name} stands above the oracle, by {interval(by)}: the oracle is no upper bound of what a rung comes to here"


def behaviour_elsewhere(name: str, by: Estimate) -> str:
    """Beside the behaviour gap, which is of the cases that the oracle was shown an answer for. `by`: above the closed book,
    in the others."""
    return (
        f"In {cases(by.n)} more the oracle had no answer to show, and {name}, without any document, stands above the closed "
        f"book, by {interval(by)}: there behaviour is wanting, and no document"
    )


def even_the_oracle(score: Estimate, bar: float) -> str:
    """The gap is not one of knowledge."""
    return (
        f"Even with the gold passages (oracle) correct is {interval(score, beside=bar)}, below the bar of {number(bar)}: "
        "no search will close that; instructions, examples, tuning or another model may."
    )
