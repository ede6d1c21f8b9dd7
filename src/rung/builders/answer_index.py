"""Builds a memory of answers: a rung answers questions that do not judge, and dev cases say how similar is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.artifacts.store import Built, Training, artifact_folder, building, seal
from rung.builders.building import ArtifactBuilder, tokens_of
from rung.builders.scored_answers import MAY_FAIL, content_of, correct_of, outcomes_of
from rung.errors import NotWorthwhile, UserError
from rung.progress import phase, say, working_time
from rung.records import Answer, Case, Json, Outcome, digest
from rung.stats.risk_control import CHANCE, RiskPoint, certified_over_all, curve
from rung.strategies.history import has_turns
from rung.strategies.protocol import AnswerIndex
from rung.strategies.semantic_cache import stored
from rung.verdict.failure_modes import LOST_BELOW

KIND = "answer-index"


@dataclass(frozen=True, slots=True)
class Entry:
    """A question, and the answer that is kept for it."""

    case: Case
    answer: Answer


@dataclass(frozen=True, slots=True)
class Answered:
    """What is kept, what came of each case by its id (dev cases that follow other turns are not asked), and what it took."""

    entries: Sequence[Entry]
    outcomes: Mapping[str, Outcome]
    manifest: Mapping[str, Json]


def build_answer_index(builder: ArtifactBuilder, need: AnswerIndex, title: str) -> Built:
    """The answers of a rung, and from which similarity on they are given; named by the rung, the questions, the documents,
    what judges and who embeds.

    Raises:
        NotWorthwhile: the rung answers none of the questions, no threshold can be shown to keep the limit, or whether
            answers are right cannot be told without a model that judges.
        UserError: more than a tenth of the answers failed; what came until then is kept, and the same command goes on.
    """
    from rung.knowledge import build_example_index

    settings, engines = builder.project.settings, builder.engines
    documents = engines.knowledge.identity if engines.knowledge else ""
    cases = [list(map(content_of, some)) for some in (need.cases, need.dev)]
    models = {name: engine.identity for name, engine in builder.on(need.member.spec.model).engines.by_step().items()}
    by = (need.member.spec, models, engines.embedder.identity, documents)
    judged_by = (settings.bar.metric, settings.bar.fields or {})
    named = digest(KIND, 2, by, cases, need.false_hits, need.threshold, judged_by, settings.seed)
    folder = artifact_folder(builder.project.state, KIND, named)
    if need.left_out:
        say(f"! {title}: {need.left_out} dev cases that repeat test cases are neither remembered nor learnt from")
    with building(folder, title) as missing:
        if missing:
            began = working_time()
            with builder.training(Training(KIND, len(need.cases) + len(need.dev))):
                answered = _answered(builder, need, title)
            manifest = _learnt(builder, need, answered)
            with phase(title) as tick:
                build_example_index(
                    [(one.case.question, stored(one.answer)) for one in answered.entries],
                    folder,
                    embedder=engines.embedder,
                    progress=lambda done, total: tick(done, total, ""),
                    groups=[one.case.asker.groups for one in answered.entries] if _has_rights(builder) else None,
                    documents=documents,
                )
            about: dict[str, Json] = {"kind": KIND, "rows": len(answered.entries), "rows_digest": digest(cases)}
            seal(folder, {**about, **answered.manifest, "seconds": working_time() - began, **manifest})
    return Built(named, folder)


def _answered(builder: ArtifactBuilder, need: AnswerIndex, title: str) -> Answered:
    """The answers, of which those are kept that are worth it: no refusal, and none that was cut off."""
    runner, member = builder.runner.on(need.member.spec.model), need.member
    asked = [*need.cases, *(case for case in need.dev if not has_turns(case.ask()))]
    ended = outcomes_of(runner, member.strategy, asked, title=f"{title}: {member.label} answers")
    failures = [one.failure for one in ended if one.failure is not None]
    if len(failures) > MAY_FAIL * len(asked):
        raise UserError(
            f"{len(failures)} of {len(asked)} answers of {member.label} failed, so that they are no memory; the same "
            f"command asks for these again: {failures[0].error}"
        )
    if failures:
        say(
            f"! {title}: {len(failures)} of {len(asked)} answers of {member.label} failed, and are not kept; such a dev "
            "case counts as one that it answers rightly"
        )
    outcomes = {one.case: one for one in ended}
    pairs = ((case, outcomes[case.id].answer) for case in need.cases)
    entries = [Entry(case, a) for case, a in pairs if a is not None and not (a.refused or a.truncated)]
    if not entries:
        raise NotWorthwhile(f"{member.label} answered none of {len(need.cases)} questions, so nothing can be kept")
    manifest: dict[str, Json] = {"tokens": tokens_of([one.usage for one in ended]), "failed": len(failures)}
    return Answered(entries, outcomes, manifest)


def _learnt(builder: ArtifactBuilder, need: AnswerIndex, answered: Answered) -> dict[str, Json]:
    """The threshold, and what it comes to on the dev cases.

    Raises:
        NotWorthwhile: no threshold keeps the limit.
    """
    if need.threshold >= 0:
        return {"threshold": need.threshold}
    similar, false = _borrowed(builder, need, answered)
    chosen: RiskPoint | None = certified_over_all(similar, false, need.false_hits)
    if chosen is None:
        raise NotWorthwhile(
            f"on {len(similar)} dev cases it cannot be shown that at most {need.false_hits:.0%} of the questions are false "
            f"hits, however similar they must be ({sum(false)} would be, were the nearest question's answer always given)"
        )
    return {
        "threshold": chosen.threshold,
        "metrics": {
            "false_hits_at_most": need.false_hits,
            "holds_with_probability": 1 - CHANCE,
            "dev_cases": len(similar),
            "hits": chosen.coverage,
            "false_hits": chosen.wrong,
            "curve": [[p.threshold, p.coverage, p.wrong * p.coverage] for p in curve(similar, false)],
        },
    }


def _borrowed(builder: ArtifactBuilder, need: AnswerIndex, answered: Answered) -> tuple[list[float | None], list[bool]]:
    """Of each dev case how similar the nearest question is that is remembered, of the same groups where there are rights
    (None: there is none), and whether that one's answer is wrong for it where its own is right, or did not come."""
    import numpy as np

    entries, has_rights, embedder = answered.entries, _has_rights(builder), builder.engines.embedder
    theirs = np.asarray(embedder.embed([one.case.question for one in entries], kind="query"), dtype=np.float64)
    vectors = np.asarray(embedder.embed([case.question for case in need.dev], kind="query"), dtype=np.float64)
    similar: list[float | None] = []
    borrowed: list[Answer | None] = []
    for case, vector in zip(need.dev, vectors, strict=True):
        readable = [n for n, one in enumerate(entries) if not has_rights or one.case.asker.groups == case.asker.groups]
        cosines = theirs[readable] @ vector
        nearest = readable[int(cosines.argmax())] if readable and not has_turns(case.ask()) else None
        similar.append(None if nearest is None else min(1.0, max(0.0, float(cosines.max()))))
        borrowed.append(None if nearest is None else entries[nearest].answer)
    refusal = Answer("", refused=True)
    own = [answered.outcomes.get(case.id, Outcome(case.id, refusal)) for case in need.dev]
    before = _right(builder, need, own)
    after = _right(builder, need, [Outcome(c.id, a or refusal) for c, a in zip(need.dev, borrowed, strict=True)])
    return similar, [
        score is not None and (one.failure is not None or right) and not still
        for score, one, right, still in zip(similar, own, before, after, strict=True)
    ]


def _right(builder: ArtifactBuilder, need: AnswerIndex, outcomes: Sequence[Outcome]) -> list[bool]:
    """Of each dev case whether what came of it is at least half right."""
    spec = need.member.spec
    correct = correct_of(builder.project, need.dev, outcomes, schema=spec.schema, labels=spec.labels)
    if any(map(math.isnan, correct)):
        raise NotWorthwhile("whether an answer is right for another question cannot be told without a model that judges")
    return [float(value) >= LOST_BELOW for value in correct]


def _has_rights(builder: ArtifactBuilder) -> bool:
    """Whether some documents are not for everybody, so that answers hang on who asks."""
    knowledge = builder.engines.knowledge
    return knowledge is not None and any(knowledge.document_groups().values())
