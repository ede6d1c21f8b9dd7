"""Whether what is served is what was scored: digests of the strategy, of its artifacts, and of the prompts that it writes.

A deployment is pinned, so that rung.yaml and artifacts that change do not change what is served: servers refuse to open what
is not as promoted. Then the verdict is not of what rung.yaml says any more, or nothing is left to open: both are told here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from rung.errors import UserError
from rung.pipeline.pinned_strategy import configured_spec
from rung.records import Json, Passage, Question, StrategySpec, digest, plain
from rung.records.alerts import Reading
from rung.records.deployment import SHOWN, DeploymentRecord, differences
from rung.records.steps import (
    CallToolResult,
    Classify,
    ClassifyResult,
    Conversation,
    Generate,
    GenerateResult,
    Rerank,
    Result,
    Search,
    SearchResult,
)
from rung.watching.surroundings import Surroundings

PROMPTS = "prompts"  # of the baseline
_STEPS = 30  # of a conversation, after which no more of it is looked at
_QUESTIONS = ("What does it cost?", "Who may do that, and until when?", "")  # any will do: only their wording around is told
_PASSAGES = tuple(
    Passage(f"p{n}.md#0-20", f"p{n}.md", 0, 20, f"Sentence {n} of a page.", title=f"Page {n}", source=f"p{n}.md")
    for n in range(3)
)
_COMPARED = "digests compared"
DOCUMENTS = "documents"  # an index of examples is an artifact, told by its digest
_AGAIN = "measure it anew with 'rung compare', and promote what wins"


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """Readings of the verdict of what is served, its strategy, its artifacts, its prompts, and what rung.yaml says now."""
    record = surroundings.deployment
    if record is None:
        why = "nothing was promoted: what 'rung serve' serves is the last verdict's winner as it was measured, or nothing"
        yield Reading("strategy served", "unknown", why)
        return
    yield _verdict(surroundings, record)
    yield _strategy(record, surroundings.measured_spec)
    yield _artifacts(surroundings, record)
    yield _prompts(surroundings, record.spec)
    yield _configured(surroundings, record)


def baseline(surroundings: Surroundings) -> Mapping[str, Json]:
    """Digest of the prompts that what is served writes."""
    return {} if surroundings.spec is None else {PROMPTS: prompts_digest(surroundings.spec)}


def _verdict(surroundings: Surroundings, record: DeploymentRecord) -> Reading:
    name = "verdict of it"
    if not (why := surroundings.unmeasured):
        return Reading(name, "fine", f"verdict {record.verdict[:SHOWN]} has its answers", test="files looked for")
    do = "'rung compare' and 'rung promote', or watch where the verdicts are: cost, questions, citations are unknown"
    return replace(_other(name, why, do=do), test="files looked for")


def _strategy(record: DeploymentRecord, measured: StrategySpec | None) -> Reading:
    name = "strategy served"
    if measured is None:
        why = f"the verdict {record.verdict[:SHOWN]} that measured {record.label} is gone: what it scored cannot be told"
        return Reading(name, "unknown", why)
    if measured.digest == record.spec.digest:
        return Reading(name, "fine", f"{record.label} is served as it was scored", test=_COMPARED)
    named = ", ".join(_fields(measured, record.spec)) or "what it is made of"
    says = f"{record.label} is served as {record.spec.digest[:SHOWN]} and was scored as {measured.digest[:SHOWN]}: {named}"
    return _other(name, says, do=f"{_AGAIN}, or 'rung rollback'")


def _artifacts(surroundings: Surroundings, record: DeploymentRecord) -> Reading:
    from rung.pipeline.pins import artifact_digests

    name = "artifacts served"
    try:
        actual = artifact_digests(surroundings.project.state, record.spec)
        wrong = differences({"artifacts": dict(record.artifacts)}, {"artifacts": {**actual}})
    except UserError as error:
        wrong = [str(error)]
    if not wrong:
        return Reading(name, "fine", f"its {len(record.artifacts)} artifacts are here, as promoted", test=_COMPARED)
    do = "a server that starts now refuses it: 'rung rollback', or 'rung train' and 'rung promote' anew"
    says = f"{record.label} cannot be opened as promoted: {'; '.join(wrong)}"
    return _other(name, says, do=do, figure=len(wrong), evidence={"differences": list[Json](wrong)})


def _prompts(surroundings: Surroundings, spec: StrategySpec) -> Reading:
    name = "prompts written"
    kept_of = surroundings.baselines.get("prompt")
    before = kept_of.value.get(PROMPTS) if kept_of else None
    if before is None:
        return Reading(name, "unknown", f"no baseline of its prompts was kept: {surroundings.keeps_baseline}")
    now = prompts_digest(spec)
    if now == before:
        return Reading(name, "fine", "the same words stand around a question as when it was promoted", test=_COMPARED)
    says = (
        f"other words stand around a question than when it was promoted ({now[:SHOWN]}, {str(before)[:SHOWN]} then): "
        "another version of Rung, or of a part of yours, writes them"
    )
    return _other(name, says, do=f"go back to the version that it was measured with, or {_AGAIN}")


def _configured(surroundings: Surroundings, record: DeploymentRecord) -> Reading:
    """What rung.yaml says of the rung that is served, against that."""
    name, label = "rung.yaml", record.label
    now = configured_spec(surroundings.project, label, record.spec)
    if now is not None and now.digest == record.spec.digest:
        return Reading(name, "fine", f"it says of {label} what is served", test=_COMPARED)
    named = [] if now is None else _fields(record.spec, now)
    what = f"names {record.spec.rung} no more" if now is None else f"has {', '.join(named)} of {label} otherwise"
    says, do = f"rung.yaml {what}; {label} is served as it was promoted", _AGAIN.replace("it", "what it says", 1)
    return _other(name, says, do=do, figure=len(named) or 1, fires_after=2, evidence={"fields": list[Json](named)})


def _other(
    name: str,
    says: str,
    *,
    do: str,
    figure: int = 1,
    fires_after: int = 1,
    evidence: Mapping[str, Json] = MappingProxyType({}),
) -> Reading:
    """A digest is another one. `figure`: how many are."""
    return Reading(
        *(name, "drifted", says),
        figure=figure,
        limit=1,
        test=_COMPARED,
        do=do,
        fires_after=fires_after,
        clears_after=1,
        evidence=evidence,
    )


def _fields(one: StrategySpec, other: StrategySpec) -> list[str]:
    return sorted(field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name))


def prompts_digest(spec: StrategySpec) -> str:
    """Of all that a strategy would ask models, for some questions, were the same three passages found for each."""
    from rung.strategies.registry import make_strategy

    strategy = make_strategy(spec)
    return digest([_asked(strategy.answer(Question("canary", text))) for text in _QUESTIONS])


def _asked(conversation: Conversation[Any]) -> list[Json]:
    """What is asked of models in a conversation whose every step comes back with the same."""
    asked = list[Json]()
    result: Result | None = None
    try:
        for _ in range(_STEPS):
            step = next(conversation) if result is None else conversation.send(result)
            if isinstance(step, Generate | Classify):
                asked.append([type(step).__name__, plain(step)])
            if isinstance(step, Search | Rerank):
                of_documents = isinstance(step, Rerank) or step.index == DOCUMENTS
                result = SearchResult(_PASSAGES if of_documents else ())
            elif isinstance(step, Classify):
                result = ClassifyResult(step.labels[0] if step.labels else "", 1.0)
            elif isinstance(step, Generate):
                result = GenerateResult("It costs nine euros [1].", 10, 5)
            else:
                result = CallToolResult("9")
    except StopIteration:
        return asked
    conversation.close()
    return asked
