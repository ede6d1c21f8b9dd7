"""Builds a memory of answers: a rung answers questions that do not judge, and dev cases say how similar is enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.artifacts.store import Built, Training, artifact_folder, building, seal
from rung.builders.building import ArtifactBuilder, tokens_of
from rung.errors import NotWorthwhile
from rung.progress import phase, working_time
from rung.records import Answer, Asker, Case, Json, Outcome, digest
from rung.records.steps import Conversation
from rung.scoring import score_run, scoring_context
from rung.scoring.registry import scorers
from rung.stats.risk_control import CHANCE, RiskPoint, certified_over_all, curve
from rung.strategies.protocol import AnswerIndex, Member
from rung.strategies.semantic_cache import stored

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

KIND = "answer-index"
RIGHT = 0.5  # of `correct`: an answer that is less right is wrong


@dataclass(frozen=True, slots=True)
class Entry:
    """A question, and the answer that is kept for it."""

    case: Case
    answer: Answer


def build_answer_index(builder: ArtifactBuilder, need: AnswerIndex, title: str) -> Built:
    """The answers of a rung, and from which similarity on they are given; named by the rung, the questions, the documents,
    what judges and who embeds.

    Raises:
        NotWorthwhile: the rung answers none of the questions, no threshold can be shown to keep the limit, or whether
            answers are right cannot be told without a model that judges.
    """
    from rung.knowledge import build_example_index

    settings, engines = builder.project.settings, builder.engines
    documents = engines.knowledge.identity if engines.knowledge else ""
    cases = [(c.id, c.question, c.answers, c.answerable, c.groups, c.messages) for c in (*need.cases, *need.dev)]
    models = {name: engine.identity for name, engine in builder.on(need.member.spec.model).engines.by_step().items()}
    by = (need.member.identity, models, engines.embedder.identity, documents)
    judged_by = (settings.bar.metric, settings.bar.fields or {})
    named = digest(KIND, 1, by, cases, need.false_hits, need.threshold, judged_by, settings.seed)
    folder = artifact_folder(builder.project.state, KIND, named)
    with building(folder, title) as missing:
        if missing:
            began = working_time()
            with builder.training(Training(KIND, len(need.cases))):
                entries, tokens = _answered(builder, need, title)
            manifest = _learnt(builder, need, entries)
            with phase(title) as tick:
                build_example_index(
                    [(one.case.question, stored(one.answer)) for one in entries],
                    folder,
                    embedder=engines.embedder,
                    progress=lambda done, total: tick(done, total, ""),
                    groups=[one.case.asker.groups for one in entries] if _has_rights(builder) else None,
                    documents=documents,
                )
            about: dict[str, Json] = {"kind": KIND, "rows": len(entries), "rows_digest": digest(cases), "tokens": tokens}
            seal(folder, {**about, "seconds": working_time() - began, **manifest})
    return Built(named, folder)


def _answered(builder: ArtifactBuilder, need: AnswerIndex, title: str) -> tuple[list[Entry], dict[str, Json]]:
    """The answers that are worth keeping (no refusal, no failure, none that was cut off), and the tokens that all took."""
    runner = builder.runner.on(need.member.spec.model)
    conversations = [_conversation(need.member, case) for case in need.cases]
    ended = runner.run(conversations, title=f"{title}: {need.member.label} answers")
    pairs = zip(need.cases, (one.value for one in ended), strict=True)
    entries = [Entry(case, a) for case, a in pairs if a is not None and not (a.refused or a.truncated)]
    if not entries:
        raise NotWorthwhile(f"{need.member.label} answered none of {len(need.cases)} questions, so nothing can be kept")
    return entries, tokens_of([one.usage for one in ended])


def _learnt(builder: ArtifactBuilder, need: AnswerIndex, entries: Sequence[Entry]) -> dict[str, Json]:
    """The threshold, and what it comes to on the dev cases.

    Raises:
        NotWorthwhile: no threshold keeps the limit.
    """
    if need.threshold >= 0:
        return {"threshold": need.threshold}
    similar, false = _borrowed(builder, need, entries)
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
            "hits": chosen.coverage,
            "false_hits": chosen.wrong,
            "curve": [[p.threshold, p.coverage, p.wrong * p.coverage] for p in curve(similar, false)],
        },
    }


def _borrowed(
    builder: ArtifactBuilder, need: AnswerIndex, entries: Sequence[Entry]
) -> tuple[list[float | None], list[bool]]:
    """Of each dev case how similar the nearest other question is, of the same groups where there are rights (None: there is
    none), and whether that one's answer is wrong for it where its own is right."""
    import numpy as np

    embedder, has_rights = builder.engines.embedder, _has_rights(builder)
    theirs: Vectors = embedder.embed([one.case.question for one in entries], kind="query")
    vectors: Vectors = embedder.embed([case.question for case in need.dev], kind="query")
    own = {one.case.id: one.answer for one in entries}
    similar: list[float | None] = []
    borrowed: list[Answer | None] = []
    for case, vector in zip(need.dev, vectors, strict=True):
        others = [
            n
            for n, one in enumerate(entries)
            if one.case.id != case.id and (not has_rights or one.case.asker.groups == case.asker.groups)
        ]
        nearest = None if case.messages or not others else max(others, key=lambda n: (float(theirs[n] @ vector), -n))
        similar.append(None if nearest is None else float(np.dot(theirs[nearest], vector)))
        borrowed.append(None if nearest is None else entries[nearest].answer)
    right = _right(builder, need, [own.get(case.id) for case in need.dev])
    still = _right(builder, need, borrowed)
    return similar, [before and not after for before, after in zip(right, still, strict=True)]


def _right(builder: ArtifactBuilder, need: AnswerIndex, answers: Sequence[Answer | None]) -> list[bool]:
    """Whether each of these answers is at least half right for its dev case; none at all counts as a refusal."""
    bar, spec = builder.project.settings.bar, need.member.spec
    refusal = Answer("", refused=True)
    outcomes = [Outcome(case.id, answer or refusal) for case, answer in zip(need.dev, answers, strict=True)]
    context = scoring_context(need.dev, schema=spec.schema, labels=spec.labels, metric=bar.metric or "", weights=bar.fields)
    card = score_run(need.dev, outcomes, scoring_context=context, scorers={"correctness": scorers()["correctness"]})
    correct = card.values.get("correct")
    if correct is None or any(math.isnan(float(value)) for value in correct):
        raise NotWorthwhile("whether an answer is right for another question cannot be told without a model that judges")
    return [float(value) >= RIGHT for value in correct]


def _has_rights(builder: ArtifactBuilder) -> bool:
    """Whether some documents are not for everybody, so that answers hang on who asks."""
    knowledge = builder.engines.knowledge
    return knowledge is not None and any(knowledge.document_groups().values())


def _conversation(member: Member, case: Case) -> tuple[Asker, Callable[[], Conversation[Answer]]]:
    return case.asker, lambda: member.strategy.answer(case.ask())
