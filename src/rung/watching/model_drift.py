"""Whether models behind servers still answer as when what is served was measured, under the same names, and until when.

A server may change what stands behind a name without a word. Canaries are asked with nothing beside them, so that documents
and prompts have no part in it. A server need not say the same twice: each was asked several times for the baseline, and an
answer of now counts as far as it is odder among those than they are among each other (`stats.exchangeable`). Models that run
here are pinned by the digests of their weights, and are not asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from rung.errors import ServerError
from rung.models.endpoint import is_on_server
from rung.models.protocol import VersionedRemote
from rung.models.retirement import ending, sentence
from rung.records import Failure, Json, Message
from rung.records.alerts import Found, Reading
from rung.records.steps import Generate, GenerateResult, Request
from rung.text.matching import token_f1
from rung.watching.canaries import canaries
from rung.watching.surroundings import Surroundings

if TYPE_CHECKING:
    from rung.models.protocol import Generator

TIMES = 4  # that each canary is asked for the baseline
RISK = 1e-4  # of a look that finds other answers where nothing has changed
MAYBE = 0.01  # of a look that is not called fine
ROOM = 96  # tokens for an answer
FEWEST = 5  # answered canaries
SOON = 60  # days before a model's end at which that is told of
SHOWN = 5  # canaries in the evidence
_TASK = "Answer in one short sentence."
_AGAIN = (
    "measure it anew with 'rung compare', or pin a dated version of the model in rung.yaml; 'rung watch --baseline' takes it"
)
_FIELDS = {"model": "the name that it gives to what answers", "system_fingerprint": "the fingerprint of its system"}


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """Readings of each model on a server that what is served asks."""
    before = surroundings.baselines.get("model")
    for model in served_models(surroundings):
        generator = surroundings.engines.on(model).generator
        value: Any = before.value.get(model) if before else None
        yield from _versions(surroundings, model, generator, value)
        yield _answers(surroundings, model, generator, value)
        yield _end(surroundings, model, generator)


def baseline(surroundings: Surroundings) -> Mapping[str, Json]:
    """What each of those models answers to the canaries, several times, and what its server says of it; by model.

    Raises:
        ServerError: one cannot be asked, or answers too few of the canaries.
    """
    values: dict[str, Json] = {}
    count = surroundings.project.settings.watch.canaries
    questions = [case.question for case in canaries(surroundings.dataset, count)] if count else []
    for model in served_models(surroundings):
        generator = surroundings.engines.on(model).generator
        rounds = [_asked(generator, questions) for _ in range(TIMES if questions else 0)]
        rows = [[one[at] for one in rounds] for at in range(len(questions))]
        whole = [(question, row) for question, row in zip(questions, rows, strict=True) if None not in row]
        if len(whole) < min(FEWEST, len(questions)):
            few = f"{len(whole)} of {len(questions)} canaries {TIMES} times, and {min(FEWEST, len(questions))} are needed"
            raise ServerError(f"{model} answered {few}")
        versions = [generator.stated_version() for _ in range(TIMES)] if isinstance(generator, VersionedRemote) else []
        values[model] = {
            "canaries": [{"question": question, "answers": list[Json](row)} for question, row in whole],
            "versions": {name: list[Json](sorted({one[name] for one in versions if name in one})) for name in _FIELDS},
        }
    return values


def served_models(surroundings: Surroundings) -> tuple[str, ...]:
    """Names of the models on servers that what is served asks."""
    return tuple(name for name in (surroundings.spec.models if surroundings.spec else ()) if is_on_server(name))


def _asked(generator: Generator, questions: Sequence[str]) -> list[str | None]:
    """What it answers to each; None where it failed."""
    steps = [Generate((Message("user", f"{_TASK}\n\n{text}"),), max_tokens=ROOM) for text in questions]
    answers: list[str | None] = [None] * len(steps)
    for at, result in generator.run([Request(step) for step in steps]):
        answers[at] = None if isinstance(result, Failure) or not isinstance(result, GenerateResult) else result.text
    return answers


def _versions(surroundings: Surroundings, model: str, generator: Generator, before: Any) -> Iterator[Reading]:
    if not isinstance(generator, VersionedRemote):
        return
    now = generator.stated_version() if before else {}
    for field, what in _FIELDS.items():
        name = f"version: {field}"
        seen = (before or {}).get("versions", {}).get(field, [])
        if field not in now or not seen:
            why = f"its server does not say {what}" if before else f"no baseline was kept: {surroundings.keeps_baseline}"
            yield Reading(name, "unknown", f"{model}: {why}", subject=model)
            continue
        is_new = now[field] not in seen
        yield Reading(
            name,
            "drifted" if is_new else "fine",
            f"{model}: {what} is {now[field]}" + (f", and was {', '.join(seen)}" if is_new else ", as it was"),
            subject=model,
            figure=float(is_new),
            limit=1,
            test="against those that its server gave when the baseline was kept",
            do=_AGAIN if is_new else "",
            fires_after=1 if field == "model" else 3,  # one name may stand for several systems, whose turns come at random
            clears_after=2,
            evidence={"now": now[field], "before": list[Json](seen)},
        )


def _answers(surroundings: Surroundings, model: str, generator: Generator, before: Any) -> Reading:
    import numpy as np

    from rung.stats.exchangeable import log_p_of_first, oddness

    name, count = "answers to canaries", surroundings.project.settings.watch.canaries
    if not count:
        return Reading(
            name, "unknown", f"{model}: canaries are turned off ('watch.canaries: 0' in rung.yaml)", subject=model
        )
    rows = (before or {}).get("canaries", [])[:count]
    if not rows:
        why = f"no baseline of its answers was kept: {surroundings.keeps_baseline}, 'watch.canaries' says of how many"
        return Reading(name, "unknown", f"{model}: {why}", subject=model)
    answers = _asked(generator, [row["question"] for row in rows])
    pairs = [(row, answer) for row, answer in zip(rows, answers, strict=True) if answer is not None]
    if len(pairs) < min(FEWEST, len(rows)):
        why = f"it answered {len(pairs)} of {len(rows)} canaries, and {min(FEWEST, len(rows))} are needed"
        return Reading(name, "unknown", f"{model}: {why}", subject=model)
    texts = [[answer, *row["answers"]] for row, answer in pairs]
    unlike = np.array([[[_unlike(a, b) for b in row] for a in row] for row in texts])  # [canaries, draws, draws]
    odd = oddness(unlike)
    p = math.exp(log_p_of_first(odd))
    other = [at for at in range(len(pairs)) if odd[at, 0] > odd[at, 1:].max()]
    state: Found = "drifted" if p <= RISK else "between" if p <= MAYBE else "fine"
    return Reading(
        name,
        state,
        f"{model}: {len(other)} of {len(pairs)} canaries are answered otherwise than in any of {TIMES} times before",
        subject=model,
        figure=p,
        limit=RISK,
        test="permutations of now and then within each canary, of how unlike answers are (1 - F1 of their words): p below",
        false_alarms=RISK,
        do=_AGAIN if state == "drifted" else "",
        fires_after=1,
        evidence={
            "canaries": len(pairs),
            "unanswered": len(rows) - len(pairs),
            "otherwise": len(other),
            "examples": [
                {"question": pairs[at][0]["question"], "now": pairs[at][1], "before": pairs[at][0]["answers"][0]}
                for at in other[:SHOWN]
            ],
        },
    )


def _unlike(one: str, other: str) -> float:
    return 0.0 if one == other else 1.0 - token_f1(one, [other])


def _end(surroundings: Surroundings, model: str, generator: Generator) -> Reading:
    """How far the model's end is, by its server or by what its vendor announced."""
    name = "end of the model"
    try:
        report = generator.ending() if isinstance(generator, VersionedRemote) else {}
    except ServerError as error:
        return Reading(name, "unknown", f"{model}: {error}", subject=model)
    ends = ending(model, report)
    if ends is None:
        return Reading(name, "fine", f"{model}: nobody has announced when it ends", subject=model)
    if surroundings.clock.jumped:
        return Reading(name, "unknown", surroundings.clock.jumped, subject=model)
    today: date = surroundings.clock.now.date()
    days = (ends.day - today).days
    return Reading(
        name,
        "drifted" if days <= SOON else "fine",
        sentence(model, ends, today=today),
        subject=model,
        figure=days,
        limit=SOON,
        test=f"days left, of {SOON}",
        do="name another model in rung.yaml beside it, and 'rung compare' them while both answer" if days <= SOON else "",
        fires_after=1,
        evidence={"ends": ends.day.isoformat(), "instead": ends.instead, "source": ends.source},
    )
