"""Data drift: whether what is asked is still what the verdict's cases ask, and how far these stand for it.

The tests are those of `stats.drift`. A stream ends and another begins at every block of answers (`traffic`), so that their
risk is one for each block. They look at the first question of each session, and at cases that are no follow-ups.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rung.records import Case, Estimate, Json
from rung.records.alerts import Found, Reading
from rung.state.sessions import first_of_sessions
from rung.stats.drift import AT_A_LOOK, FAR, LOOKS, RISK, SHOWN, Representation, drift, representation
from rung.stats.drop import drop
from rung.text.support import content
from rung.verdict.bar import MAIN
from rung.watching.drops import drop_reading, found_by
from rung.watching.new_topics import Topic, topics
from rung.watching.surroundings import Surroundings
from rung.watching.traffic import BLOCK, LiveAnswer, Traffic, stream, traffic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Embedder

    Floats = NDArray[np.float64]

MIN_CASES, MIN_QUESTIONS, MIN_DISTINCT = 20, 25, 10
RECENT = 500  # questions, the newest, that coverage and topics are told of
MIN_COVERAGE = 0.8  # of the traffic that the cases should stand for
FEWER_REFUSED = 0.03  # the rise in refusals that is none
_REMEMBERED = 20_000  # vectors
_MANY_FOREIGN = 0.5  # of a question's words that stand in no case and no document name


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """Refusals, questions against cases, and how far these stand for what comes."""
    yield refusals(surroundings)
    seen = traffic(surroundings)
    cases = judged_cases(surroundings)
    if why := _too_little(surroundings, seen, cases):
        for name in ("questions", "coverage"):
            yield Reading(name, "unknown", why)
        return
    questions = _Questions.of(surroundings, cases, seen.first)
    yield questions.reading(seen)
    yield questions.coverage_reading(surroundings)


def judged_cases(surroundings: Surroundings) -> tuple[Case, ...]:
    """The cases that the verdict judged by and the project still has, follow-ups left out, in the order of their ids."""
    asked = {} if surroundings.stored is None else surroundings.stored.asked
    judged = (case for case in surroundings.dataset.cases if case.id in asked and not case.messages)
    return tuple(sorted(judged, key=lambda case: case.id))


def _too_little(surroundings: Surroundings, seen: Traffic, cases: Sequence[Case]) -> str:
    """Why questions cannot be held against cases; "" where they can."""
    if surroundings.deployment is None:
        return "nothing was promoted, so nothing is known of what is asked: 'rung promote'"
    if why := surroundings.unmeasured:
        return why
    if not cases:
        return "no case of the verdict that measured what is served is in the project any more: compare and promote anew"
    if len(cases) < MIN_CASES:
        return f"the verdict has {len(cases)} cases that open a chat, and {MIN_CASES} are needed to tell what is unlike them"
    if seen.untold:
        return seen.untold
    if len(seen.first) < MIN_QUESTIONS:
        of = (
            f" ({len(seen.answers):,} questions, of each session the first counts)"
            if len(seen.answers) > len(seen.first)
            else ""
        )
        return (
            f"{len(seen.first)} sessions with the texts of their questions so far, and {MIN_QUESTIONS} are needed{of}; logs "
            "of other servers are not looked at"
        )
    if seen.distinct < MIN_DISTINCT:
        return f"only {seen.distinct} different questions among {len(seen.first):,}, and {MIN_DISTINCT} are needed"
    return ""


def refusals(surroundings: Surroundings) -> Reading:
    """Whether more questions are refused from some answer on; needs no texts."""
    import numpy as np

    every = [one for one in stream(surroundings.observed) if one.end == "answered"]
    answered, name = first_of_sessions(every), "refusals"
    if len(answered) < MIN_QUESTIONS:
        why = f"{len(every)} answers in {len(answered)} sessions so far, and {MIN_QUESTIONS} sessions are needed"
        return Reading(name, "unknown", why)
    not_refused = np.array([float(not one.refused) for one in answered])
    change = drop(not_refused, tolerance=FEWER_REFUSED)
    measured = _measured_refusals(surroundings)
    beside = "" if measured is None else f"; in the verdict {measured:.0%}"
    says = f"{1 - not_refused.mean():.0%} of {len(not_refused):,} answers refuse, the first of each session{beside}"
    if found_by(change.evidence, RISK) == "drifted" and change.before is not None and change.after is not None:
        says += f"; since about the last {len(not_refused) - (change.since or 0):,} of them {1 - change.after:.0%}, before"
        says += f" {1 - change.before:.0%}"
    return drop_reading(
        *(name, says, change),
        risk=RISK,
        what=f"a rise above {FEWER_REFUSED:.0%}",
        do="look at the refused questions ('rung trace'), add documents or cases for them, compare again",
        evidence={"refused": float(1 - not_refused.mean()), "verdict": measured},
    )


def _measured_refusals(surroundings: Surroundings) -> float | None:
    outcomes = surroundings.evaluation.outcomes if surroundings.evaluation else ()
    answers = [outcome.answer for outcome in outcomes if outcome.answer is not None]
    return sum(answer.refused for answer in answers) / len(answers) if answers else None


@dataclass(frozen=True)
class _Questions:
    """Cases and what came, with their vectors: rows of `case_vectors` [n, d] and `vectors` [m, d]."""

    cases: tuple[Case, ...]
    answers: tuple[LiveAnswer, ...]
    case_vectors: Floats
    vectors: Floats

    @classmethod
    def of(cls, surroundings: Surroundings, cases: tuple[Case, ...], answers: tuple[LiveAnswer, ...]) -> _Questions:
        embedder = surroundings.engines.embedder
        return cls(
            cases,
            answers,
            embedded(embedder, [c.question for c in cases]),
            embedded(embedder, [a.question for a in answers]),
        )

    def reading(self, seen: Traffic) -> Reading:
        """Whether what is asked is drawn as the cases are."""
        tested = drift(
            self.case_vectors,
            self.vectors,
            case_words=words_of([case.question for case in self.cases]),
            live_words=words_of([one.question for one in self.answers]),
        )
        least = min((p for _, p in tested.looks), default=1.0)
        chance = f"1 in {math.exp(min(max(tested.evidence, 0.0), 40)):,.0f}"
        alike = (
            "are not drawn as the verdict's cases are" if tested.found == "drifted" else "are drawn as the verdict's cases"
        )
        says = f"{len(self.answers):,} questions {alike}: so uneven by chance {chance} at most, p {least:.4f} at the looks"
        left = [f"{seen.without_text:,} without texts"] * bool(seen.without_text)
        left += [f"{seen.repeated:,} asked again by the same caller"] * bool(seen.repeated)
        later = len(seen.answers) - len(seen.first)
        left += [f"{later:,} asked later in a session"] * bool(later)
        says += f" ({', '.join(left)} left out)" if left else ""
        return Reading(
            "questions",
            tested.found,
            says,
            figure=tested.evidence,
            limit=SHOWN,
            test="conformal test martingales, and a two-sample test (MMD) of the first "
            f"{', '.join(map(str, LOOKS))} questions at {AT_A_LOOK:.3f} each",
            false_alarms=RISK,
            per=f"{BLOCK:,} answers",
            do="draft cases from what is asked ('rung feedback draft', the topics below), review them, compare again"
            if tested.found == "drifted"
            else "",
            fires_after=1,
            evidence={
                "looks": [list(look) for look in tested.looks],
                "mmd": tested.distance,
                "questions": len(self.answers),
            },
        )

    def coverage_reading(self, surroundings: Surroundings) -> Reading:
        """How far the cases stand for what comes, and what lies beyond them."""
        recent, vectors = self.answers[-RECENT:], self.vectors[-RECENT:]
        measured = representation(self.case_vectors, vectors, scores_of(surroundings, self.cases))
        share = measured.coverage.share
        beyond = measured.distances > measured.far
        far = [one for one, is_far in zip(recent, beyond, strict=True) if is_far]
        near = [one.question for one, is_far in zip(recent, beyond, strict=True) if not is_far]
        groups = topics([one.question for one in far], vectors[beyond], [*near, *(case.question for case in self.cases)])
        foreign = foreign_share([one.question for one in far], [case.question for case in self.cases])
        state: Found = "fine"
        if share.mean is not None and share.high is not None and share.mean < MIN_COVERAGE:
            state = "drifted" if share.high < MIN_COVERAGE else "between"
        return Reading(
            "coverage",
            state,
            _said(measured, groups, foreign, len(recent)),
            figure=share.mean,
            limit=MIN_COVERAGE,
            test=f"upper end of the 95 % interval below {MIN_COVERAGE:.0%}; {len(recent)} newest questions",
            false_alarms=0.025,
            per="look, where the share is at the limit",
            do="write cases for the topics that they do not stand for, compare again" if state == "drifted" else "",
            evidence=_evidence(measured, groups, foreign),
        )


def scores_of(surroundings: Surroundings, cases: Sequence[Case]) -> Floats:
    """`correct` of what is served on each case as the verdict has it, NaN where it has none."""
    import numpy as np

    evaluation = surroundings.evaluation
    if evaluation is None or MAIN not in evaluation.values:
        return np.full(len(cases), math.nan)
    of = dict(zip(evaluation.scorecard.cases, evaluation.values[MAIN], strict=True))
    return np.array([of.get(case.id, math.nan) for case in cases], dtype=np.float64)


def foreign_share(questions: Sequence[str], cases: Sequence[str]) -> float:
    """The share of questions most of whose words stand in no case: another language, or another world."""
    theirs = frozenset().union(*(content(text) for text in cases))
    asked = [words for text in questions if (words := content(text))]
    foreign = [words for words in asked if len(words - theirs) > _MANY_FOREIGN * len(words)]
    return len(foreign) / len(asked) if asked else 0.0


def embedded(embedder: Embedder, texts: Sequence[str]) -> Floats:
    """Vectors of questions, [len(texts), d]; those of before are remembered, as long as they are among the last 20,000."""
    import numpy as np

    memory = _vectors(embedder.identity)
    if new := [text for text in dict.fromkeys(texts) if text not in memory]:
        for text, vector in zip(new, embedder.embed(new, kind="query"), strict=True):
            memory[text] = vector
    vectors = np.stack([memory[text] for text in texts]).astype(np.float64)
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)
    return vectors


@lru_cache(maxsize=2)
def _vectors(_identity: str) -> OrderedDict[str, Floats]:
    return OrderedDict()


def words_of(texts: Sequence[str]) -> Floats:
    """Words of each text, as floats, [len(texts)]."""
    import numpy as np

    return np.array([float(len(text.split())) for text in texts])


def _said(measured: Representation, groups: Sequence[Topic], foreign: float, questions: int) -> str:
    share, beyond = measured.coverage.share, float((measured.distances > measured.far).mean())
    says = f"the verdict's cases stand for {_interval(share)} of the {questions:,} newest questions"
    if (on_traffic := measured.reweighted) is not None and measured.verdict is not None:
        says += f"; its score of {measured.verdict:.2f} would be {_points(on_traffic.estimate)} on those"
    if groups:
        says += f"; not near to any case: {'; '.join(map(str, groups[:3]))}"
    if beyond > 1 - FAR:
        says += f"; {beyond:.0%} lie further from every case than {FAR:.0%} of the cases from each other"
    return says + (f"; {foreign:.0%} of these share few words with any case: another language?" if foreign > 0.5 else "")


def _evidence(measured: Representation, groups: Sequence[Topic], foreign: float) -> Mapping[str, Json]:
    share, on_traffic = measured.coverage.share, measured.reweighted
    return {
        "share": share.mean,
        "low": share.low,
        "high": share.high,
        "reach": measured.coverage.reach,
        "beyond": float((measured.distances > measured.far).mean()),
        "verdict": measured.verdict,
        "reweighted": None
        if on_traffic is None
        else [on_traffic.estimate.mean, on_traffic.estimate.low, on_traffic.estimate.high],
        "effective_cases": None if on_traffic is None else on_traffic.effective,
        "topics": [topic.as_json() for topic in groups],
        "foreign_words": foreign,
    }


def _interval(share: Estimate) -> str:
    return f"{share.mean or 0:.0%} ({share.low or 0:.0%} to {share.high or 0:.0%})"


def _points(estimate: Estimate) -> str:
    return f"{estimate.mean or 0:.2f} ({estimate.low or 0:.2f} to {estimate.high or 0:.2f})"
