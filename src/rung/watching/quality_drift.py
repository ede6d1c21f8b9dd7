"""Quality drift, where nobody has a reference: ratings, whether citations bear answers out, and a judge that people correct.

Ratings and judgements are held against those before in the same stream, citations against the verdict's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.pipeline.grading import carried_by
from rung.pipeline.judge_labels import digests, read_labels
from rung.records import Case, Json
from rung.records.alerts import Reading
from rung.records.steps import Conversation, StepFailed
from rung.runtime.runner import StepRunner
from rung.scoring.answer_labels import heard
from rung.scoring.card import Judgement
from rung.scoring.judge import SILENT, graded
from rung.scoring.refusal import spoken
from rung.state.sessions import first_of_sessions
from rung.stats.drop import Change, drop
from rung.stats.prediction_powered import corrected, shift_of, shifted
from rung.text.support import claims
from rung.watching.drops import drop_reading, found_by
from rung.watching.surroundings import Surroundings
from rung.watching.traffic import LiveAnswer, Traffic, stream, traffic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.state.ratings import Rated

    Floats = NDArray[np.float64]

RISK = 0.01  # of a false alarm in a stream, for each reading
TOLERANCE = 0.05  # the drop that is none
MIN_RATINGS, MIN_ANSWERS = 20, 25
SUPPORT = "support_recall"  # of the verdict: the share of an answer's sentences that its citations bear out
MOST_GRADES = 20_000  # that a process remembers, the last ones asked for
_DENSE = 0.25  # of the answers that are judged are the first of a stream; later ones lie ever further apart
_LOOK_AT = "look at answers that were called bad ('rung feedback list'), compare again; 'rung rollback' if it is urgent"


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """Ratings, citations, and judgements where `watch.judged` asks for them."""
    yield ratings(surroundings)
    seen = traffic(surroundings)
    yield support(surroundings, seen)
    if surroundings.project.settings.watch.judged:
        yield judged(surroundings, seen)


def ratings(surroundings: Surroundings) -> Reading:
    """Whether a larger share of the ratings is "down" from some answer on. The first word on an answer counts."""
    import numpy as np

    from rung.state.ratings import ratings_of

    name = "ratings"
    if surroundings.deployment is None:
        return Reading(name, "unknown", "nothing was promoted, so there are no ratings of what is served")
    words = ratings_of(surroundings.state, surroundings.standing.current, since=surroundings.standing.since)
    began = _begin(surroundings)
    every = [one for one in words.rated if one.number >= began]
    rated = first_of_sessions(every)
    if len(rated) < MIN_RATINGS:
        why = f"{len(every)} answers were rated so far, in {len(rated)} sessions, and {MIN_RATINGS} sessions are needed"
        return Reading(name, "unknown", why)
    change = drop(np.array([float(one.is_good) for one in rated]), tolerance=TOLERANCE)
    down = _down(rated)
    again = f" ({words.again} rated again: the first word counts)" if words.again else ""
    says = f"{down:.0%} of {len(rated):,} rated answers were called bad, the first of each session of a rater{again}"
    return _reading(name, says, change, len(rated), what="ratings", evidence={"down": down, "again": words.again})


def _begin(surroundings: Surroundings) -> int:
    some = stream(surroundings.observed)
    return some[0].number if some else 0


def _down(rated: Sequence[Rated]) -> float:
    return sum(not one.is_good for one in rated) / len(rated)


def support(surroundings: Surroundings, seen: Traffic) -> Reading:
    """Whether citations bear fewer of the answers' sentences out than they did in the verdict."""
    import numpy as np

    name = "citations"
    evaluation = surroundings.evaluation
    measured = None if evaluation is None or SUPPORT not in evaluation.values else evaluation.values[SUPPORT]
    if measured is None or np.isnan(measured).all():
        nothing = "nothing was promoted" if surroundings.deployment is None else "what is served cites nothing"
        why = surroundings.unmeasured or f"{nothing}, so there are no citations to hold against a verdict's"
        return Reading(name, "unknown", why)
    if seen.untold:
        return Reading(name, "unknown", seen.untold)
    scores = np.array([score for one in seen.first if (score := _supported(one)) is not None])
    if len(scores) < MIN_ANSWERS:
        return Reading(name, "unknown", f"{len(scores)} whole answers from passages so far, and {MIN_ANSWERS} are needed")
    scored = measured[~np.isnan(measured)]
    change = drop(scores, tolerance=TOLERANCE, reference=(float(scored.sum()), float(len(scored) - scored.sum())))
    says = f"citations bear out {scores.mean():.0%} of the sentences of {len(scores):,} answers"
    says += f"; in the verdict {scored.mean():.0%}"
    evidence: dict[str, Json] = {"live": float(scores.mean()), "verdict": float(scored.mean()), "answers": len(scores)}
    return _reading(name, says, change, len(scores), what="answers", evidence=evidence)


def _supported(live: LiveAnswer) -> float | None:
    """The share of an answer's sentences that its citations bear out; None where it claims nothing."""
    if live.answer is None or live.refused:
        return None
    checked = claims(live.answer)
    return sum(claim.is_supported for claim in checked) / len(checked) if checked else None


def judged(surroundings: Surroundings, seen: Traffic) -> Reading:
    """Whether the judge grades answers lower from some one on. Their mean is shown on the scale of people's labels, where
    they labelled answers of the verdict: the judge, asked without a reference as here, is corrected by them."""
    import numpy as np

    name = "judged"
    if seen.untold:
        return Reading(name, "unknown", seen.untold)
    most = surroundings.project.settings.watch.judged
    some = [one for one in sampled(seen.first, most) if not one.refused and one.response.strip()]
    grades = _graded(surroundings, [(one.question, one.response) for one in some])
    graded_ones = np.array([grade for grade in grades if grade is not None])
    if len(graded_ones) < MIN_ANSWERS:
        return Reading(name, "unknown", f"the judge graded {len(graded_ones)} answers so far, and {MIN_ANSWERS} are needed")
    change = drop(graded_ones, tolerance=TOLERANCE)
    says, evidence = (
        f"the judge gives {graded_ones.mean():.2f} on average to {len(graded_ones):,} answers",
        dict[str, Json](),
    )
    evidence |= {"judge": float(graded_ones.mean()), "answers": len(graded_ones), "silent": len(grades) - len(graded_ones)}
    if (shift := _correction(surroundings, graded_ones)) is not None:
        mean, low, high, labels = shift
        says += f"; on the scale of people {mean:.2f} ({low:.2f} to {high:.2f}), by {labels} labels"
        evidence |= {"corrected": mean, "low": low, "high": high, "labels": labels}
    return _reading(name, says, change, len(graded_ones), what="judged answers", evidence=evidence)


def sampled(answers: Sequence[LiveAnswer], most: int) -> list[LiveAnswer]:
    """Those that are judged: the first of a stream all, then every second, fourth and so on, each time it has doubled.

    Which ones hangs on their place alone, and never on what came after. Of 4,000 about `most` are.
    """
    dense = max(1, round(most * _DENSE))
    return [one for index, one in enumerate(answers) if index < dense or index % 2 ** int(math.log2(2 * index / dense)) == 0]


def _graded(surroundings: Surroundings, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
    """Grades in [0, 1], None where the judge says none or failed; what it failed at it is asked again at the next look."""
    settings = surroundings.project.settings.judge
    memory = _grades(settings.model, settings.rubric)
    grades: dict[tuple[str, str], float | None] = {pair: memory.pop(pair) for pair in dict.fromkeys(pairs) if pair in memory}
    new = [pair for pair in dict.fromkeys(pairs) if pair not in grades]
    memory.update(grades)
    if new:
        run = carried_by(StepRunner(surroundings.engines))
        asked = [partial(_grade, question, answer, settings.rubric) for question, answer in new]
        for pair, judgement in zip(new, run(asked), strict=True):
            if not isinstance(judgement, str):  # else it failed, and is asked again at the next look
                grades[pair] = memory[pair] = judgement.get("grade")
    for pair in list(memory)[: max(0, len(memory) - MOST_GRADES)]:
        del memory[pair]
    return [grades.get(pair) for pair in pairs]


def _grade(question: str, answer: str, rubric: str) -> Conversation[Judgement]:
    """Without a grade where the reply names none."""
    try:
        return {"grade": (yield from graded(Case("watched", question), answer, rubric=rubric))}
    except StepFailed as failed:
        if failed.failure.step != SILENT:
            raise
        return {}


@lru_cache(maxsize=2)
def _grades(_model: str, _rubric: str) -> dict[tuple[str, str], float | None]:
    return {}


def _correction(surroundings: Surroundings, grades: Floats) -> tuple[float, float, float, int] | None:
    """(mean, ends of its 95 % interval, labels) of the grades on the scale of people's labels; None with too few labels.

    The labels are of the verdict's answers of what is served; the judge is asked about those anew, without a reference.
    """
    import numpy as np

    evaluation = surroundings.evaluation
    try:
        labels = read_labels(surroundings.project)
    except UserError:
        labels = []
    if evaluation is None or not labels:
        return None
    cases = evaluation.scorecard.cases
    human = heard(labels, evaluation.name, digests(evaluation.outcomes), cases).human
    questions = {case.id: case.question for case in surroundings.dataset.cases}
    answers = {one.case: spoken(one.answer) for one in evaluation.outcomes if one.answer and not one.answer.refused}
    rows = [n for n, case in enumerate(cases) if not np.isnan(human[n]) and case in questions and case in answers]
    asked = _graded(surroundings, [(questions[cases[n]], answers[cases[n]]) for n in rows])
    judged_of = np.array([math.nan if grade is None else grade for grade in asked])
    part = corrected(judged_of, human[rows])
    if part is None:
        return None
    whole = shifted(grades, shift_of([part])).estimate
    return whole.mean or 0.0, whole.low or 0.0, whole.high or 0.0, part.labels


def _reading(name: str, says: str, change: Change, count: int, *, what: str, evidence: dict[str, Json]) -> Reading:
    if found_by(change.evidence, RISK) == "drifted" and change.before is not None and change.after is not None:
        last = count - (change.since or 0)
        says += f"; {change.after:.0%} good in about the last {last:,} {what}, {change.before:.0%} before"
    return drop_reading(
        *(name, says, change), risk=RISK, what=f"a drop above {TOLERANCE:.0%}", do=_LOOK_AT, evidence=evidence
    )
