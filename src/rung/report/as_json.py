"""The verdict as one line of JSON, for programs: `rung compare --json`. Unknown is null, never NaN."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from rung.records import Bill, Coverage, Estimate, Json, JudgeCheck, Lost, Reason, RungResult, Timed, Verdict, kind_of, plain
from rung.verdict.remedies import remedy


def verdict_json(verdict: Verdict) -> str:
    """One line of ASCII, without the line break at its end.

    The keys are those of the README; reference arms are among the rungs, with `"reference": true`. Intervals are 95 %,
    latency is that of the live pass in milliseconds. A gap from which nothing follows says why.
    """
    return json.dumps(
        {
            "winner": verdict.winner,
            "clears_bar": verdict.clears_bar,
            "probability": verdict.probability,
            "risk": verdict.risk,
            "reason": verdict.reason,
            "reason_code": verdict.code,
            "gaps": {name: _gap(name, verdict) for name in verdict.gaps},
            "rungs": [_rung(result, verdict) for result in verdict.rungs],
            "steps": {"executed": verdict.executed, "replayed": verdict.replayed},
            "cases": verdict.cases,
            "knowledge_version": verdict.knowledge_version,
            "clusters": verdict.clusters,
            "few_documents": verdict.few_documents,
            "looks": verdict.looks,
            "front": list(verdict.front),
            "front_by": list(verdict.front_by),
            "flips": list(verdict.flips),
            "cases_named": [{"says": says, "cases": list(places)} for says, places in verdict.places.items()],
            "coverage": {**_coverage(verdict.coverage), "timed": _timed(verdict)},
            **({} if verdict.human is None else {"human": _human(verdict.human)}),
        },
        allow_nan=False,  # a NaN that got through is a bug, and better an error than a line that no parser takes
    )


def _coverage(coverage: Coverage) -> dict[str, Json]:
    """`rescored` is there only where the answers are another verdict's."""
    return {name: value for name, value in asdict(coverage).items() if value or name != "rescored"}


def _rung(result: RungResult, verdict: Verdict) -> dict[str, Json]:
    latency, why = result.latency, result.why or verdict.rejected.get(result.name)
    row: dict[str, Json] = {
        "name": result.name,
        "model": result.model or None,
        "settings": plain(result.settings),
        "status": result.status,
        **_reason("why", why),
        "scores": {name: _estimate(score) for name, score in result.scores.items()},
        "probability_of_bar": result.probability,
        "probability_alone": result.probability_alone,
        "keeps": dict(result.keeps),
        "usd_per_1k": _finite(result.usd_per_1k),
        "latency_ms": {
            "p50": None if latency is None else _finite(latency.p50),
            "p95": None if latency is None else _finite(latency.p95),
            **(asdict(result.unanswered) if result.unanswered else {}),
        },
        "build_seconds": _finite(result.build_seconds),
        "answer_seconds": _finite(result.answer_seconds),
        "bill": _bill(result.bill),
        "losses": [_lost(lost) for lost in result.losses],
        "partly": result.partly,
        "answered": result.answered,
        **_reason("stopped", result.stopped),
        "repeats": plain(result.repeats),
    }
    if result.estimated:
        row["tokens_estimated"] = result.estimated
    if result.fields:
        row["fields"] = {name: _estimate(share) for name, share in result.fields.items()}
    if result.artifacts:
        row["artifacts"] = plain(result.artifacts)
    return {**row, "reference": True} if result.reference else row


def _reason(name: str, reason: Reason | None) -> dict[str, Json]:
    """In words, and its kind."""
    return {name: str(reason or ""), f"{name}_kind": kind_of(reason)}


def _human(check: JudgeCheck) -> Json:
    return {
        "labels": check.labels,
        "agreement": check.agreement,
        "kappa": check.kappa,
        "rungs": [
            {"name": name, "judged": mean, "labels": check.by_rung.get(name, 0), "power": check.power.get(name)}
            for name, mean in check.judged.items()
        ],
    }


def _timed(verdict: Verdict) -> Json:
    """The live passes that the latencies are of: when and where, and which rungs were timed in each."""
    passes: dict[str, tuple[Timed, list[Json]]] = {}
    for rung in verdict.rungs:
        if rung.latency is not None and (timed := rung.latency.timed) is not None:
            passes.setdefault(timed.session, (timed, []))[1].append(rung.name)
    return [
        {"rungs": rungs, "at": timed.at, "host": timed.host, "cpus": timed.cpus, "load": timed.load}
        for timed, rungs in passes.values()
    ]


def _bill(bill: Bill | None) -> Json:
    """Unknown parts are null, and so is a sum that they go into."""
    if bill is None:
        return None
    parts: dict[str, Json] = {name: _finite(usd) for name, usd in {**bill.once, **bill.monthly}.items()}
    sums: dict[str, Json] = {"per_query": _finite(bill.per_query), "per_month": _finite(bill.per_month)}
    return {**parts, **sums, "per_1k": _finite(bill.per_1k), "per_passed": _finite(bill.per_passed)}


def _lost(lost: Lost) -> Json:
    return {
        "layer": lost.layer,
        "cases": lost.cases,
        "wins_back": _estimate(lost.wins_back),
        "at_most": lost.at_most,
        "remedy": remedy(lost),
    }


def _gap(name: str, verdict: Verdict) -> Json:
    comments = {"why": verdict.doubts.get(name), "note": verdict.gap_notes.get(name)}
    return {**_estimate(verdict.gaps[name]), **{key: text for key, text in comments.items() if text is not None}}


def _estimate(estimate: Estimate) -> dict[str, Json]:
    return {"mean": _finite(estimate.mean), "low": _finite(estimate.low), "high": _finite(estimate.high), "n": estimate.n}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
