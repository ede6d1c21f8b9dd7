"""What is missing, knowledge, retrieval or behaviour: told by the two reference arms, which are measured for this.

A gap is stated only of cases whose answer the oracle was shown, and only where its numbers bear it; what stands against one
is said in its place. Which rung closes a gap best is left to `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.records import Estimate, rung_of
from rung.verdict import gap_words
from rung.verdict.statistics import ALPHA, Paired, estimate, paired

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

CLOSED_BOOK, ORACLE, RAG = "closed_book", "oracle", "rag"
FORMAT = "format"
TUNED, TUNED_WITH_DOCUMENTS = "tuned_model", "hybrid"
WITHOUT_DOCUMENTS = ("few_shot", "structured", "classifier", TUNED)  # rungs above `prompt` that are shown none
FORM_KEPT = 0.5  # of the answers: a model that surely keeps the form in fewer tells by none of its scores what it knows
MIN_CASES = 10  # from fewer no gap is stated, nor what would change the choice
MIN_SHOWN = 0.5  # of the answerable cases: where the oracle was shown the answer in fewer, no gap is stated
# At the floor: a mean below the first, and an interval that ends below the second. Saying anything gets about a tenth.
FLOOR, SURELY_BELOW = 0.15, 0.25
_NONE = Estimate(None, None, None, 0)


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps by name, n 0 where one cannot be measured or stated.

    `doubts`: by name, why nothing follows from one. `notes`: by name, what it is of, where it is not what its name says.
    `form`: the share of the oracle's answers in the right form, where that is less than `FORM_KEPT`.
    """

    estimates: Mapping[str, Estimate]
    doubts: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    form: Estimate | None = None


def gaps(
    correct: Mapping[str, Floats],
    *,
    documents: bool = True,
    held: Floats | None = None,
    forms: Mapping[str, Floats] | None = None,
    clusters: Sequence[int] | None = None,
) -> Gaps:
    """The three gaps as `_measured` has them; one that fewer than `MIN_CASES` cases tell of is not stated.

    `forms`: rung -> case by case whether the answer was in the right form. Where the untuned model does not keep that
    (`FORM_KEPT`), it shows neither what it knows nor what the search loses: the knowledge gap is then hybrid − tuned_model,
    where both keep it.
    """
    measured = _measured(correct, documents=documents, held=held, clusters=clusters)
    form = form_of(forms or {}, clusters=clusters)
    if documents and form is not None:
        measured = _without_form(measured, correct, forms or {}, form, clusters=clusters)
    few = {name: gap.n for name, gap in measured.estimates.items() if 0 < gap.n < MIN_CASES}
    return Gaps(
        {name: _NONE if name in few else gap for name, gap in measured.estimates.items()},
        {**measured.doubts, **{name: gap_words.too_few(n, MIN_CASES) for name, n in few.items()}},
        {name: note for name, note in measured.notes.items() if name not in few},
        measured.form,
    )


def form_of(forms: Mapping[str, Floats], *, clusters: Sequence[int] | None = None) -> Estimate | None:
    """The share of the oracle's answers in the right form, where that surely is less than `FORM_KEPT`; else None."""
    share = None if ORACLE not in forms else estimate(forms[ORACLE], clusters=clusters)
    return share if share is not None and share.high is not None and share.high < FORM_KEPT else None


def _without_form(
    measured: Gaps,
    correct: Mapping[str, Floats],
    forms: Mapping[str, Floats],
    form: Estimate,
    *,
    clusters: Sequence[int] | None,
) -> Gaps:
    """The gaps of a project whose untuned model does not keep the form; only the behaviour gap is what it always is."""
    stated = [name for name, gap in measured.estimates.items() if gap.n]
    doubts = {name: why for name, why in measured.doubts.items() if name not in stated}
    doubts |= {name: gap_words.form_not_kept(form) for name in stated if name != "behaviour"}
    tuned, beside = _best(correct, TUNED), _best(correct, TUNED_WITH_DOCUMENTS)
    lows = [estimate(forms[name]).low or 0.0 for name in (tuned, beside) if name in forms]
    if len(lows) < 2 or min(lows) <= FORM_KEPT:
        return Gaps(measured.estimates, doubts, measured.notes, form)
    doubts.pop("knowledge", None)
    knowledge = paired(correct[beside], correct[tuned], clusters=clusters).estimate
    notes = {**measured.notes, "knowledge": gap_words.by_tuned(beside, tuned, form)}
    return Gaps({**measured.estimates, "knowledge": knowledge}, doubts, notes, form)


def _measured(
    correct: Mapping[str, Floats],
    *,
    documents: bool = True,
    held: Floats | None = None,
    clusters: Sequence[int] | None = None,
) -> Gaps:
    """The three gaps, each with its 95 % interval over the cases that both sides have.

    knowledge = oracle − closed book, what the gold passages would add; retrieval = oracle − rag, what searching loses of
    that; behaviour = 1 − oracle, what is wrong even with the gold passages. Without documents only the last remains, as
    1 − closed book.

    Args:
        correct: rung -> `correct` case by case, the same cases in the same order. Of several `rag` settings the best counts.
        documents: whether the project has any.
        held: case by case 1 where the oracle was shown the answer, 0 where it was not (left out), between where nobody can
            tell, NaN where there is nothing to show (an unanswerable case).
        clusters: the cluster of each case, None where all are independent.
    """
    closed_book, oracle = correct.get(CLOSED_BOOK), correct.get(ORACLE)
    if not documents:
        alone = _NONE if closed_book is None else estimate(1 - closed_book, clusters=clusters)
        return Gaps({"knowledge": _NONE, "retrieval": _NONE, "behaviour": alone}, {})
    none = dict.fromkeys(("knowledge", "retrieval", "behaviour"), _NONE)
    if oracle is None:
        return Gaps(none, {})
    if (blind := _blind(oracle, held)) is not None:
        return Gaps(none, dict.fromkeys(none, blind))
    shown = _where_shown(oracle, held)
    rag = _best_rag(correct)
    knowledge = None if closed_book is None else paired(shown, closed_book, clusters=clusters)
    retrieval = None if rag is None else paired(shown, rag, clusters=clusters)
    behaviour = estimate(1 - shown, clusters=clusters)
    estimates = {"knowledge": _of(knowledge), "retrieval": _of(retrieval), "behaviour": behaviour}
    if retrieval is not None and _surely_below(retrieval):
        # A lower bound of the knowledge gap is one all the same.
        bounded = ("knowledge",) if (estimates["knowledge"].low or 0.0) > 0 else ()
        beaten = gap_words.no_upper_bound(retrieval.estimate)
        return Gaps(estimates, {name: beaten for name in estimates if name not in bounded})
    floor = floor_of(correct, held, clusters=clusters)
    notes = _above(correct, shown, clusters=clusters)
    if beside := _beside(correct, held, clusters=clusters):
        notes["behaviour"] = f"{beside}. {notes['behaviour']}" if "behaviour" in notes else beside
    return Gaps(estimates, {} if floor is None else dict.fromkeys(estimates, gap_words.NOTHING_AT_THE_FLOOR), notes)


def _above(correct: Mapping[str, Floats], shown: Floats, *, clusters: Sequence[int] | None) -> dict[str, str]:
    """What to say of the behaviour gap where a rung is surely above the oracle on the same cases: of a tuned one, else of
    another than `rag`, whose difference is a gap of its own."""
    rungs = [name for name in correct if rung_of(name) not in (CLOSED_BOOK, ORACLE, RAG)]
    above = _surely_above(correct, rungs, shown, clusters=clusters)
    if not above:
        return {}
    ranked = [(rung_of(name) in (TUNED, TUNED_WITH_DOCUMENTS), mean, name, by) for mean, name, by in above]
    is_tuned, _, name, by = max(ranked, key=lambda one: one[:2])
    return {"behaviour": gap_words.tuned_above(name, by) if is_tuned else gap_words.above_oracle(name, by)}


def _beside(correct: Mapping[str, Floats], held: Floats | None, *, clusters: Sequence[int] | None) -> str:
    """What to say of behaviour in the cases that the gap leaves out, since the oracle was shown no answer there: a rung that
    is surely above the closed book without any document shows that it was wanting; "" where none is."""
    import numpy as np

    if held is None or CLOSED_BOOK not in correct:
        return ""
    alone = np.where(held == 0, correct[CLOSED_BOOK], np.nan)
    rungs = [name for name in correct if rung_of(name) in WITHOUT_DOCUMENTS]
    above = [one for one in _surely_above(correct, rungs, alone, clusters=clusters) if one[2].n >= MIN_CASES]
    return gap_words.behaviour_elsewhere(*max(above)[1:]) if above else ""


def _surely_above(
    correct: Mapping[str, Floats], rungs: Sequence[str], other: Floats, *, clusters: Sequence[int] | None
) -> list[tuple[float, str, Estimate]]:
    """Of these rungs those that surely are better than an arm on the cases of both: by how much, its name, the estimate."""
    above: list[tuple[float, str, Estimate]] = []
    for name in rungs:
        compared = paired(correct[name], other, clusters=clusters)
        low, mean = compared.estimate.low, compared.estimate.mean
        if low is not None and mean is not None and low > 0 and compared.p * len(rungs) < ALPHA:
            above.append((mean, name, compared.estimate))
    return above


def floor_of(
    correct: Mapping[str, Floats], held: Floats | None, *, clusters: Sequence[int] | None = None
) -> Estimate | None:
    """The oracle's `correct` over the cases whose answer it surely was shown, where that is at the floor; else None.

    At the floor: a mean below `FLOOR`, and an interval that ends below `SURELY_BELOW`. Such a model does not read what it is
    shown, and its gaps tell nothing.
    """
    oracle = correct.get(ORACLE)
    return None if oracle is None or held is None else at_floor(oracle, held, clusters=clusters)


def at_floor(column: Floats, held: Floats, *, clusters: Sequence[int] | None = None) -> Estimate | None:
    """The mean of a rung's scores over these cases (`held` 1), where it is at the floor; else None."""
    import numpy as np

    score = estimate(np.where(held == 1, column, np.nan), clusters=clusters)
    if score.mean is None or score.high is None or score.mean >= FLOOR or score.high >= SURELY_BELOW:
        return None
    return score


def _blind(oracle: Floats, held: Floats | None) -> str | None:
    """Why no gap can be stated: in most cases the oracle was not shown what it should be."""
    import numpy as np

    if held is None:
        return None
    asked = held[~np.isnan(oracle) & ~np.isnan(held)]
    unshown = int((asked == 0).sum())
    return gap_words.oracle_not_shown(len(asked) - unshown, len(asked)) if unshown > (1 - MIN_SHOWN) * len(asked) else None


def _where_shown(oracle: Floats, held: Floats | None) -> Floats:
    import numpy as np

    return oracle if held is None else np.where(held == 0, np.nan, oracle)


def _of(compared: Paired | None) -> Estimate:
    return _NONE if compared is None else compared.estimate


def _surely_below(compared: Paired) -> bool:
    e = compared.estimate
    return e.mean is not None and e.mean < 0 and (compared.p < ALPHA or (e.high is not None and e.high < 0))


def _best_rag(correct: Mapping[str, Floats]) -> Floats | None:
    """The retrieval rung with the highest mean: "rag" or, where its settings were swept, one of "rag[…]"."""
    best = _best(correct, RAG)
    return correct[best] if best else None


def _best(correct: Mapping[str, Floats], rung: str) -> str:
    """The name of a rung's setting with the highest mean, of equal ones the first; "" where it has none."""
    means = [(estimate(column).mean or 0.0, name) for name, column in correct.items() if rung_of(name) == rung]
    return max(means, key=lambda one: one[0])[1] if means else ""
