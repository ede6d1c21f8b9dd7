"""Promote a rung that was measured: a deployment and an event in the database, decided upon what stands there.

The gate is in `gate`; going back in `going_back`; how a deployment is tried and what ends it by itself, in `rollouts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version

from rung.builders.building import ArtifactBuilder
from rung.config.project import Project
from rung.dataset.high_stakes import DEPLOYMENT, in_words
from rung.dataset.review_log import add_review, approvers, deciding, decisions
from rung.errors import UserError
from rung.pipeline.evaluation_store import Stored, read_evaluations
from rung.pipeline.made_by import KNOWLEDGE, knowledge_digest
from rung.pipeline.pinned_strategy import measured_specs, strategy_as_measured
from rung.pipeline.pins import artifact_digests, index_kind, model_identities
from rung.pipeline.publishing import Published, latest
from rung.records import Json, plain
from rung.records.deployment import SHOWN, Check, DeploymentEvent, DeploymentRecord, Rollout, Standing
from rung.serving.deployments import WINNER, opened
from rung.serving.gate import EVALUATIONS, checks
from rung.state.database import State
from rung.state.deployments import add_event, deployment, standing_now

REVIEW = "review"  # the check that nobody passes over


@dataclass(frozen=True, slots=True)
class PromoteRequest:
    """What is to be promoted, how it comes in, and who wants it. `rung`: a label, "" is the last verdict's winner; `reason`:
    why, also where a check of the gate does not hold; `signed_in`: who does it, where `by` says nobody."""

    rung: str = ""
    rollout: Rollout = field(default_factory=Rollout)
    by: str = ""
    reason: str = ""
    signed_in: str = ""


class GateShut(UserError):
    """Checks of the gate do not hold, and nobody takes it upon themselves; or it waits for a review, which nobody can."""

    def __init__(self, record: DeploymentRecord) -> None:
        self.record = record
        wrong = "".join(f"\n  {check.name}: {check.says}" for check in record.passed_over)
        mend = "mend that, or pass over it with --by NAME --reason TEXT, which are kept with the deployment"
        if any(check.name == REVIEW for check in record.passed_over):
            mend = f"'rung review --approve {record.digest[:SHOWN]} --by NAME' approves it; then promote it again"
        super().__init__(f"{record.label} is not promoted:{wrong}\n{mend}")


def promote(builder: ArtifactBuilder, state: State, request: PromoteRequest) -> tuple[DeploymentRecord, DeploymentEvent]:
    """Make a deployment of what was measured, and have it served, or tried. Both are on the disk when this returns.

    Raises:
        GateShut: a check does not hold.
        UserError: no verdict, no such rung, nothing to try it beside, or another is tried already; something that it
            answers with is gone or changed.
        Overtaken: another deployment came meanwhile.
        Unavailable: the database is.
    """
    now = standing_now(state)
    verdict = latest(builder.project)
    label = request.rung or _winner(builder, verdict)
    specs = measured_specs(verdict.folder)
    if label not in specs:
        raise UserError(f"the last verdict measured no rung '{label}'; it measured: {', '.join(specs) or 'none'}")
    again = f"measure it anew with 'rung compare {builder.project.root}'"
    path = verdict.folder / EVALUATIONS
    stored = read_evaluations(path) if path.exists() else None
    _check_project(builder, stored, again)
    pinned = strategy_as_measured(builder, label, specs[label], who=f"{label}, as the last verdict measured it,", mend=again)
    spec = pinned.spec or specs[label]
    record = DeploymentRecord(
        label=label,
        spec=spec,
        verdict=verdict.folder.name,
        artifacts=artifact_digests(builder.project.state, spec),
        models=model_identities(builder, spec),
        index=index_kind(builder, spec),
        checks=(),
        rollout=request.rollout,
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        by=request.by or request.signed_in,
        reason=request.reason,
        rung=version("rung"),
    )
    _check_place(state, now, record)
    record = replace(record, checks=checks(builder, opened(builder, WINNER, pinned), verdict, stored))
    if record.passed_over and not (request.by.strip() and request.reason.strip()):
        raise GateShut(record)
    record = _reviewed(builder.project, record)
    what = "promoted" if request.rollout.kind == "full" else request.rollout.kind
    passed = ", ".join(check.name for check in record.passed_over)
    event = DeploymentEvent(0, record.id, what, record.by, _why(request.reason, passed))
    return record, add_event(state, event, expected=now.last, record=record)


def _reviewed(project: Project, record: DeploymentRecord) -> DeploymentRecord:
    """The record with the check of its review, where people have to approve it; what waits for them is put before them.

    Raises:
        GateShut: it waits.
    """
    if not project.settings.review.required:
        return record
    with deciding(project):
        events, needed = decisions(project), project.settings.review.reviewers
        names = approvers(events, DEPLOYMENT, record.digest)
        says = f"approved by {', '.join(names) or 'nobody'}, where {in_words(needed)} {'has' if needed == 1 else 'have'} to"
        check = Check(REVIEW, len(names) >= needed, float(len(names)), says)
        if check.holds:
            return replace(record, checks=(*record.checks, check))
        last = [event.get("action") for event in events if event.get("subject") == record.digest]
        if not last or last[-1] == "reject":
            event: dict[str, Json] = {
                "what": DEPLOYMENT,
                "action": "request",
                "subject": record.digest,
                "label": record.label,
            }
            event |= {"by": record.by, "reason": record.reason, "verdict": record.verdict}
            add_review(project, {**event, "checks": [plain(one) for one in record.checks]})
    raise GateShut(replace(record, checks=(*record.checks, check)))


def _why(reason: str, passed_over: str) -> str:
    return f"{reason} (passed over: {passed_over})" if passed_over else reason


def _winner(builder: ArtifactBuilder, verdict: Published) -> str:
    if verdict.winner is None:
        raise UserError(
            f"the last verdict of {builder.project.root} chose no rung, so there is nothing to promote: name a rung, or "
            f"measure again with 'rung compare {builder.project.root}'"
        )
    return verdict.winner


def _check_project(builder: ArtifactBuilder, stored: Stored | None, again: str) -> None:
    """Refuse a verdict of documents that were cut or embedded otherwise: what it measured would not be what is served."""
    then = stored.facts.made_by.get(KNOWLEDGE) if stored and builder.project.settings.knowledge.sources else None
    if then is not None and then != knowledge_digest(builder.project):
        raise UserError(
            f"the last verdict is of documents that were cut or embedded otherwise than rung.yaml says now: {again}"
        )


def _check_place(state: State, now: Standing, record: DeploymentRecord) -> None:
    """Refuse what has nothing to be tried beside, or comes while another is tried."""
    kind = record.rollout.kind
    if kind != "full" and not now.current:
        raise UserError(f"a {kind} is tried beside a deployment, and none is served yet: promote one without --{kind} first")
    if now.candidate:
        tried = deployment(state, now.candidate)
        # the same one may go on from the shadow to a share of the askers, and from there to all
        if tried.digest != record.digest:
            raise UserError(
                f"deployment {now.candidate} ({tried.label}) is tried as a {now.trying}: wait until that has ended, or "
                f"end it with 'rung rollback --reason TEXT'"
            )
    if kind != "full" and deployment(state, now.current).digest == record.digest:
        raise UserError(f"what is served, {now.current}, answers by the same digests: there is nothing to try")
