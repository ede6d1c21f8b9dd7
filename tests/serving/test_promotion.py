"""Is only what was measured promoted, with every figure of the gate, and never what would answer otherwise?"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.models.scripted import ScriptedGenerator
from rung.records import Failure
from rung.records.deployment import Rollout
from rung.records.steps import Generate, GenerateResult, Request, StepFailed
from rung.serving.going_back import rollback
from rung.serving.promotion import GateShut, PromoteRequest, promote
from rung.state.deployments import Overtaken, all_deployments, deployment, events, standing_now
from tests.cli.conftest import Run
from tests.serving.promoting import BY, promoted, promoting, said, verdict_file
from tests.serving.serving import SHIPPING, served

FEW_SHOT = "rungs: [few_shot: {shots: 1}]"


@pytest.fixture
def with_artifact(rung: Run, shop: Path) -> Path:
    """A shop whose winner answers with an artifact."""
    asked = ["How fast is express?", "How fast is express shipping?", "How fast is the express parcel?"]
    rows = [{"id": q, "question": q, "answers": ["one day"], "split": "test" if q != asked[0] else "train"} for q in asked]
    (shop / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    lines = (shop / "rung.yaml").read_text("utf-8").splitlines()
    text = "\n".join(line if not line.startswith("rungs") else FEW_SHOT for line in lines)
    (shop / "rung.yaml").write_text(text + "\n", "utf-8")
    rung("compare", shop)
    return shop


def test_the_winner_passes_the_gate_and_every_figure_is_kept(rung: Run, measured: Path) -> None:
    done = rung("promote", measured, "--json").json
    assert (done["promoted"], done["rung"]) == (True, "long_context")
    with promoting(measured) as (_, state):
        record = deployment(state, done["deployment"])
    checks = {check.name: check for check in record.checks}
    assert list(checks) == ["bar", "leaks", "forgetting", "parity"]
    assert all(check.holds for check in record.checks)
    winner = next(one for one in said(measured)["rungs"] if one["name"] == "long_context")
    assert checks["bar"].figure == winner["probability_of_bar"]
    assert checks["leaks"].figure == 0
    assert checks["parity"].figure == 1
    assert checks["parity"].says == "of 7 cases asked anew, 7 were answered word for word as scored"
    assert record.verdict == verdict_file(measured, "").name
    assert record.models == {"scripted": "scripted:extractive/1"}
    assert record.index["version"] == 1
    listed = rung("deployments", measured, "--json").json
    assert (listed["current"], listed["candidate"]) == (record.id, None)
    assert [one["state"] for one in listed["deployments"]] == ["served"]


@pytest.mark.slow
def test_a_gate_that_does_not_hold_is_passed_over_by_name_and_reason_only_and_that_is_kept(
    rung: Run, measured: Path
) -> None:
    refused = rung("promote", measured, "prompt", code=1)
    assert "prompt is not promoted:\n  bar: reaches 0.2 with probability" in refused.err
    assert "--by NAME --reason TEXT" in refused.err
    assert rung("promote", measured, "prompt", "--json", code=1).json["promoted"] is False
    rung("promote", measured, "prompt", "--by", "ada", code=1)
    rung("promote", measured, "prompt", "--reason", "a demo", code=1)
    rung("promote", measured, "prompt", "--by", " ", "--reason", "a demo", code=1)
    assert rung("deployments", measured, "--json").json["deployments"] == []
    shown = rung("promote", measured, "prompt", "--by", "ada", "--reason", "a demo").out
    assert "NOT bar: " in shown
    (one,) = rung("deployments", measured, "--json").json["deployments"]
    assert (one["by"], one["reason"], one["passed_over"]) == ("ada", "a demo", ["bar"])
    whole = rung("deployments", measured, one["id"][:5], "--json").json
    assert whole["events"][0]["why"] == "a demo (passed over: bar)"
    assert [check["holds"] for check in whole["checks"]] == [False, True, True, True]
    text = rung("deployments", measured, one["id"]).out
    assert "reason: a demo" in text
    assert "strategy " in text


def test_answers_that_are_not_as_scored_shut_the_gate(rung: Run, measured: Path) -> None:
    page = measured / "docs/shipping.md"
    page.write_text(page.read_text("utf-8").replace("nine euros", "twelve euros"), "utf-8")
    refused = rung("promote", measured, code=1)
    says = "parity: of 7 cases asked anew, 6 were answered word for word as scored, 1 otherwise: cases.jsonl:"
    assert says in refused.err
    assert "('What does express shipping cost?')" in refused.err


class Failing(ScriptedGenerator):
    """Fails to answer one question so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        if isinstance(request.step, Generate) and SHIPPING in request.step.messages[-1].content and self.times:
            self.times -= 1
            raise StepFailed(Failure("the server broke off its answer", step="generate"))
        yield from super().stream(request)


def test_answers_that_fail_are_asked_once_more_and_are_not_taken_for_other_answers(measured: Path) -> None:
    with promoting(measured) as (builder, state):
        builder.engines.generator = Failing(2)
        with pytest.raises(UserError) as shut:
            promote(builder, state, PromoteRequest())
        says = (
            "parity: of 7 cases asked anew, 6 were answered word for word as scored, 1 came to no answer, asked twice "
            "(all with: the server broke off its answer): cases.jsonl:"
        )
        assert says in str(shut.value)
        assert "otherwise" not in str(shut.value)
        builder.engines.generator = Failing(1)
        record, _ = promote(builder, state, PromoteRequest())
    (parity,) = (check for check in record.checks if check.name == "parity")
    assert parity.says == "of 7 cases asked anew, 7 were answered word for word as scored"


def test_a_bar_that_was_never_set_is_cleared_by_nothing(rung: Run, measured: Path) -> None:
    text = (measured / "rung.yaml").read_text("utf-8")
    (measured / "rung.yaml").write_text(text.replace("bar: {correct: 0.2, leaks: 0}\n", ""), "utf-8")
    assert "bar: rung.yaml sets no bar" in rung("promote", measured, code=1).err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("correct: 0.2", "correct: 0.1", "correct was 0.2 and is 0.1"),
        ("leaks: 0}", "leaks: 0.5}", "leaks was 0.0 and is 0.5"),
        ("leaks: 0}", "leaks: 0, metric: f1}", "metric was not set and is f1"),
        ("bar: {", "verdict: {risk: 0.1}\nbar: {", "risk was 0.2 and is 0.1"),
    ],
)
def test_a_verdict_by_another_bar_says_nothing_of_this_one(rung: Run, measured: Path, old: str, new: str, says: str) -> None:
    text = (measured / "rung.yaml").read_text("utf-8")
    assert old in text
    (measured / "rung.yaml").write_text(text.replace(old, new), "utf-8")
    refused = rung("promote", measured, code=1).err
    assert f"bar: the last verdict was judged otherwise than rung.yaml asks now ({says}): decide anew with" in refused
    rung("rescore", measured, code=None)
    assert "judged otherwise" not in rung("promote", measured, "--json", code=None).out


def test_answers_that_are_kept_no_more_shut_the_gate(measured: Path) -> None:
    verdict_file(measured, "evaluations.jsonl.gz").unlink()
    (verdict_file(measured, "sealed.json")).unlink()
    with promoting(measured) as (builder, state), pytest.raises(UserError, match="parity: the verdict keeps no answers"):
        promote(builder, state, PromoteRequest())


@pytest.mark.slow
def test_without_a_verdict_or_a_rung_of_this_name_nothing_is_promoted(rung: Run, shop: Path) -> None:
    assert "there is no verdict yet" in rung("promote", shop, code=2).err
    rung("compare", shop)
    wrong = rung("promote", shop, "ragg", code=2).err
    assert "the last verdict measured no rung 'ragg'; it measured: " in wrong
    assert "long_context" in wrong
    assert "measured no rung 'tuned_model'" in rung("promote", shop, "tuned_model", code=2).err
    assert "exclude each other" in rung("promote", shop, "--shadow", "--canary", "0.1", code=2).err
    for share in ("0", "1", "1.5", "-0.1", "nan"):
        assert rung("promote", shop, "--canary", share, code=2).err.strip()
    assert rung("deployments", shop).out == "nothing was promoted yet: 'rung promote' has the last verdict's winner served\n"


def test_a_verdict_that_chose_nothing_has_nothing_to_promote(rung: Run, measured: Path) -> None:
    folder = verdict_file(measured, "")
    line = {**said(measured), "winner": None}
    (folder / "verdict.json").write_text(json.dumps(line), "utf-8")
    (folder / "sealed.json").unlink()
    done = rung("promote", measured, code=2)
    assert "chose no rung, so there is nothing to promote" in done.err


def test_a_verdict_of_documents_cut_otherwise_is_refused(rung: Run, measured: Path) -> None:
    text = (measured / "rung.yaml").read_text("utf-8")
    (measured / "rung.yaml").write_text(text.replace('["docs/*.md"]}', '["docs/*.md"], chunk_tokens: 64}'), "utf-8")
    assert "cut or embedded otherwise than rung.yaml says now" in rung("promote", measured, code=2).err


def test_a_model_that_rung_yaml_names_no_more_is_refused(rung: Run, measured: Path) -> None:
    text = (measured / "rung.yaml").read_text("utf-8")
    (measured / "rung.yaml").write_text(text.replace("model: scripted", "model: scripted-terse"), "utf-8")
    done = rung("promote", measured, code=2)
    assert "answered with the model scripted, which rung.yaml does not name" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["gone", "changed", "sealed anew"])
def test_an_artifact_that_is_not_what_was_promoted_is_refused_at_start(rung: Run, with_artifact: Path, damage: str) -> None:
    record = promoted(with_artifact)
    assert len(record.artifacts) == 1
    with served(with_artifact):
        pass
    (named,) = record.artifacts
    folder = with_artifact / ".rung/artifacts/example-index" / named
    if damage == "gone":
        shutil.rmtree(folder)
    else:
        file = next(f for f in sorted(folder.iterdir()) if f.name not in ("manifest.json", "sealed.json"))
        file.write_bytes(file.read_bytes() + b"x")
    if damage == "sealed anew":  # whole by its own word, and another than what was promoted
        from rung.files.durable import files_in, seal, sha256

        seal(folder, {name: sha256(folder / name) for name in sorted(files_in(folder))})
    with pytest.raises(UserError) as refused, served(with_artifact):
        pass
    assert named[:12] in str(refused.value)
    if damage == "gone":
        assert f"artifact {named[:12]} is gone" in str(refused.value)
        assert f"artifact {named[:12]}, which is gone" in rung("promote", with_artifact, code=2).err
    if damage == "sealed anew":
        assert "since it would not answer as it was promoted" in str(refused.value)


def test_a_canary_needs_one_that_is_served_and_another_than_that(measured: Path) -> None:
    with pytest.raises(UserError, match="a canary is tried beside a deployment, and none is served yet"):
        promoted(measured, kind="canary")
    with pytest.raises(UserError, match="a shadow is tried beside"):
        promoted(measured, kind="shadow")
    promoted(measured)
    with pytest.raises(UserError, match="answers by the same digests: there is nothing to try"):
        promoted(measured, kind="canary")
    shadow = promoted(measured, "rag", kind="shadow")
    with pytest.raises(UserError, match=r"is tried as a shadow: wait until that has ended"):
        promoted(measured, "prompt", kind="canary")
    canary = promoted(measured, "rag", kind="canary", share=0.2)  # the same goes on from the shadow
    full = promoted(measured, "rag")
    assert shadow.digest == canary.digest == full.digest
    with promoting(measured) as (_, state):
        now = standing_now(state)
        assert (now.current, now.candidate) == (full.id, "")
        assert [event.what for event in events(state)] == ["promoted", "shadow", "canary", "promoted"]


def test_of_two_promotions_at_once_one_is_made_and_the_other_told(measured: Path) -> None:
    told: list[str] = []
    ready = threading.Barrier(2)

    def act(rung: str) -> None:
        with promoting(measured) as (builder, state):
            ready.wait()
            try:
                promote(builder, state, PromoteRequest(rung, Rollout(), **BY))
                told.append("promoted")
            except Overtaken as error:
                told.append(str(error))

    threads = [threading.Thread(target=act, args=(rung,)) for rung in ("rag", "long_context")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one == "promoted" for one in told) == [False, True], told
    assert any("was promoted meanwhile by ada: look at 'rung deployments' first" in one for one in told)
    with promoting(measured) as (_, state):
        assert len(all_deployments(state)) == len(events(state)) == 1


@pytest.mark.slow
def test_there_is_nothing_to_go_back_to_and_no_going_back_without_a_reason(rung: Run, measured: Path) -> None:
    assert (
        "no deployment is served, so there is nothing to go back from"
        in rung("rollback", measured, "--reason", "x", code=2).err
    )
    rung("promote", measured)
    assert "say why, with --reason TEXT" in rung("rollback", measured, code=2).err
    assert "nothing was served before" in rung("rollback", measured, "--reason", "it is rude", code=2).err
    assert "there is no deployment 'zzzzz'" in rung("rollback", measured, "--to", "zzzzz", "--reason", "x", code=2).err
    first = rung("deployments", measured, "--json").json["current"]
    second = promoted(measured, "rag").id
    assert rung("rollback", measured, "--reason", "it is rude").out == f"deployment {first} is served again\n"
    assert rung("rollback", measured, "--to", second, "--reason", "no", "--by", "eve", "--json").json["by"] == "eve"
    states = {one["id"]: one["state"] for one in rung("deployments", measured, "--json").json["deployments"]}
    assert states == {first: "taken back", second: "served"}


def test_the_database_away_is_a_sentence(rung: Run, measured: Path) -> None:
    away = [("RUNG_RECORDS", "postgresql://127.0.0.1:1/none")]
    for words in (("promote",), ("deployments",), ("rollback", "--reason", "x")):
        done = rung(words[0], measured, *words[1:], code=2, env=away)
        assert "cannot be used" in done.err, done.err


def test_what_shuts_the_gate_is_told_with_the_record(measured: Path) -> None:
    with promoting(measured) as (builder, state):
        with pytest.raises(GateShut) as shut:
            promote(builder, state, PromoteRequest("prompt"))
        assert [check.name for check in shut.value.record.passed_over] == ["bar"]
        with pytest.raises(UserError, match="nothing to go back from"):
            rollback(state, by="ada", reason="x")
