"""`rung train generator --on NAME`: the real commands against a host that tunes, over HTTP."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rung.artifacts.store import artifact_folder, building_alone
from rung.builders.building import HostedRequest
from rung.builders.hosted_adapter import host_of
from rung.commands.hosted_jobs import cancel_jobs, hosted_model
from rung.commands.train import TrainRequest
from rung.config.project import load_project
from rung.errors import InputError, UserError
from rung.loop import train
from rung.pipeline.preflight import check_tuning
from rung.progress import Lines, reporting
from rung.training.hosted.job_note import JobNote, read_note
from tests.cli.conftest import Run
from tests.training.tuning_hosts import CLOSE, Answer, Call, OpenAIServer

TUNED = "ft:small-1:team:rung-"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with OpenAIServer(phases=("succeeded",)) as one:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{one.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        yield one


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    answer = {"role": "assistant", "content": "one two"}
    rows = [{"messages": [{"role": "user", "content": f"word {n}"}, answer]} for n in range(20)]
    write_rows(folder, rows)
    cases = [{"question": f"word {n} now", "answers": ["one two"], "split": "test"} for n in range(12)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in cases))
    settings = {
        "task": "Say the word.",
        "server": {"retries": 0},
        "models": {"own": {"use": "openai:small-1", "tuning": {"usd_per_million_tokens": 2.0}}},
        "embedder": "scripted",
        "behaviour": {"examples": ["examples.jsonl"]},
        "cases": ["cases.jsonl"],
        "rungs": [{"prompt": {"max_tokens": 8}}, {"tuned_model": {"max_tokens": 8}}],
        "bar": {"correct": 0.5},
    }
    (folder / "rung.yaml").write_text(yaml.safe_dump(settings))
    return folder


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def changed(folder: Path, **settings: Any) -> None:
    file = folder / "rung.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **settings}))


@pytest.mark.slow
def test_what_is_tuned_there_answers_in_comparisons_and_is_promoted(rung: Run, project: Path, host: OpenAIServer) -> None:
    before = rung("compare", project, "--json", code=None).json
    rows: dict[str, Any] = {row["name"]: row for row in before["rungs"]}
    assert rows["tuned_model"]["status"] == "not_applicable"
    assert "has not tuned it on these rows yet: 'rung train generator --on own' has it do so" in rows["tuned_model"]["why"]
    assert host.files == {}, "a comparison begins nothing that costs money"

    report = rung("train", "generator", project, "--on", "own", "--yes", "--json").json
    manifest = json.loads((Path(report["folder"]) / "manifest.json").read_text())
    hosted = manifest["hosted"]
    assert hosted["model"].startswith(TUNED)
    assert (hosted["host"], hosted["base"], hosted["job"]) == ("openai", "small-1", "ftjob-1")
    assert hosted["usd"] == pytest.approx(3.0)  # 1.5 million tokens that it says it learnt, at 2 dollars
    assert manifest["recipe"] == {"epochs": 3, "seed": 0}
    assert (manifest["rows"], manifest["rows_held_out"]) == (20, 1)
    assert any("ends is not known" in note for note in report["notes"])
    assert rung("train", "generator", project, "--on", "own", "--json").json["artifact"] == report["artifact"]
    assert host.started == 1, "what is there is not begun again"

    verdict = rung("compare", project, "--json").json
    rows = {row["name"]: row for row in verdict["rungs"]}
    assert verdict["winner"] == "tuned_model"
    assert rows["tuned_model"]["artifacts"]["adapter"] == report["artifact"]
    rung("promote", project)
    assert rung("artifacts", "list", project, "--json").out.count(report["artifact"]) == 1
    assert rung("ask", project, "word 3, please", "--rung", "tuned_model").out.startswith("one two")


@pytest.mark.slow
def test_nothing_is_sent_before_it_is_allowed(rung: Run, project: Path, host: OpenAIServer) -> None:
    refused = rung("train", "generator", project, "--on", "own", code=2)
    assert "openai would tune small-1 on 19 rows, 1 held out, in 3 passes: about" in refused.err
    assert re.search(r"about \$0\.00\d{2,} \(the price of 'tuning' in rung\.yaml\)", refused.err), (
        "what --max-cost is compared with"
    )
    assert "--yes begins it" in refused.err
    dry = rung("train", "generator", project, "--on", "own", "--dry-run", "--yes")
    assert dry.out.count("would leave this machine") == 1
    dear = rung("train", "generator", project, "--on", "own", "--max-cost", "0.0000001", code=2)
    assert "more than --max-cost 1e-07" in dear.err
    changed(project, models={"own": {"use": "openai:small-1", "tuning": {}}})
    unknown = rung("train", "generator", project, "--on", "own", "--max-cost", "5", code=2)
    assert "the price is unknown" in unknown.err
    assert "cannot be told" in unknown.err
    assert host.files == {}


def test_rows_with_personal_data_and_rows_that_nobody_approved_stay_here(
    rung: Run, project: Path, host: OpenAIServer
) -> None:
    rows = [json.loads(line) for line in (project / "examples.jsonl").read_text().splitlines()]
    rows[3]["messages"][0]["content"] = "word 3, says jane.doe@example.org, phone +49 170 1234567"
    write_rows(project, rows)
    for more, code in (["--dry-run"], 0), (["--dry-run", "--json"], 0), ([], 2), (["--yes"], 0):
        assert "! examples.jsonl:4: " in rung("train", "generator", project, "--on", "own", *more, code=code).err
    assert host.files
    assert not any(b"jane.doe" in content for content in host.files.values())
    assert sum(content.count(b"\n") for content in host.files.values()) == 19
    host.calls.clear()
    rows[5]["messages"][0]["content"] = "word five"
    write_rows(project, rows)
    changed(project, review="required")
    refused = rung("train", "generator", project, "--on", "own", "--yes", code=2)
    assert "nothing is trained" in refused.err
    assert host.calls == []


def test_a_row_that_the_host_does_not_take_is_named_with_its_line(rung: Run, project: Path, host: OpenAIServer) -> None:
    rows = [json.loads(line) for line in (project / "examples.jsonl").read_text().splitlines()]
    rows[6]["messages"][0]["content"] = "word " * 60_000
    write_rows(project, rows)
    refused = rung("train", "generator", project, "--on", "own", "--yes", code=2)
    assert refused.err.count("examples.jsonl:7: it has about") == 1
    assert host.files == {}


@pytest.mark.slow
def test_a_job_is_cancelled_and_gone_on_with(rung: Run, project: Path, host: OpenAIServer) -> None:
    assert "nothing runs" in rung("train", "generator", project, "--on", "own", "--cancel").out
    host.odd = {"GET /v1/fine_tuning/jobs/ftjob-1": (401, {"error": {"message": "key expired"}})}
    stopped = rung("train", "generator", project, "--on", "own", "--yes", code=2)
    assert "ftjob-1 goes on at openai: 'rung train generator --on own' looks at it again" in stopped.err
    assert "its job ftjob-1 runs at openai" in rung("compare", project, code=None).out
    host.phases = ("running",)
    assert "ftjob-1 is cancelled at openai" in rung("train", "generator", project, "--on", "own", "--cancel").out
    host.phases = ("succeeded",)
    rung("train", "generator", project, "--on", "own", "--yes")
    assert (host.started, host.jobs["ftjob-1"].cancelled) == (2, True)


def test_cancelling_beside_a_command_that_begins_or_waits_leaves_its_note_to_it(project: Path, host: OpenAIServer) -> None:
    host.phases = ("running",)
    loaded = load_project(project)
    own = loaded.on("openai:small-1")
    asked = host_of(own)
    assert asked is not None
    folder = artifact_folder(loaded.state, "adapter", "d1ce" * 16)
    note = JobNote(asked.name, asked.identity, "d1ce" * 16, asked=True).write(folder)
    held, looked = threading.Event(), threading.Event()

    def train() -> None:
        with building_alone(folder, waiting=lambda: None):
            held.set()
            looked.wait(0.3)
            replace(note, job=asked.start(note.submission)).write(folder)
            looked.wait(10)

    other = threading.Thread(target=train)
    other.start()
    held.wait()
    assert list(cancel_jobs(loaded, "own")) == ["ftjob-1 is cancelled at openai"], "no job was said not to have begun"
    assert host.jobs["ftjob-1"].cancelled
    kept = read_note(folder)
    assert kept is not None
    assert (kept.job, kept.attempt) == ("ftjob-1", 1), "the command that waits for it notes how it ended"
    looked.set()
    other.join()
    assert list(cancel_jobs(loaded, "own")) == ["ftjob-1 is cancelled at openai"]
    kept = read_note(folder)
    assert kept is not None
    assert (kept.job, kept.attempt) == ("", 2)


def test_a_job_that_another_command_is_about_to_begin_is_waited_for_and_ended(project: Path, host: OpenAIServer) -> None:
    uploading, goes_on = threading.Event(), threading.Event()
    takes = host.reply

    def slowly(call: Call) -> Answer:
        if call.path == "/v1/files":
            uploading.set()
            goes_on.wait(10)
        return takes(call)

    host.reply = slowly  # type: ignore[method-assign]
    host.phases = ("running",)
    ended: list[str] = []

    def begin() -> None:
        request = TrainRequest(on="own", hosted=HostedRequest(is_allowed=True, first_wait=0.01))
        try:
            train(load_project(project), "generator", request)
        except UserError as error:
            ended.append(str(error))

    other = threading.Thread(target=begin)
    other.start()
    assert uploading.wait(20)
    said: list[str] = []

    def heard(line: str) -> None:
        said.append(line)
        goes_on.set()

    with reporting(Lines(heard, seconds=0)):
        assert list(cancel_jobs(load_project(project), "own")) == ["ftjob-1 is cancelled at openai"]
    other.join()
    assert said == ["another command is about to begin a job; waiting for that"]
    assert "ftjob-1 was cancelled at openai" in ended[0]
    assert list(cancel_jobs(load_project(project), "own")) == ["nothing runs at the host of own"]


def test_a_job_that_is_gone_is_forgotten_once_nobody_waits_for_it(project: Path, host: OpenAIServer) -> None:
    loaded = load_project(project)
    asked = host_of(loaded.on("openai:small-1"))
    assert asked is not None
    folder = artifact_folder(loaded.state, "adapter", "d1ce" * 16)
    note = JobNote(asked.name, asked.identity, "d1ce" * 16, asked=True, job="ftjob-9").write(folder)
    with building_alone(folder, waiting=lambda: None):
        (line,) = cancel_jobs(loaded, "own")
    assert "knows no job ftjob-9, and another command waits for it: once that has ended" in line
    assert read_note(folder) == note
    assert list(cancel_jobs(loaded, "own")) == ["openai knows no job ftjob-9: it is forgotten here"]
    assert read_note(folder) == note.again()


@pytest.mark.slow
def test_a_price_that_is_said_later_is_kept_with_what_it_bought(rung: Run, project: Path, host: OpenAIServer) -> None:
    def hosted() -> dict[str, Any]:
        report = rung("train", "generator", project, "--on", "own", "--yes", "--json").json
        value: dict[str, Any] = json.loads((Path(report["folder"]) / "manifest.json").read_text())["hosted"]
        return value

    changed(project, models={"own": {"use": "openai:small-1", "tuning": {}}})
    assert hosted()["usd"] is None
    changed(project, models={"own": {"use": "openai:small-1", "tuning": {"usd_per_million_tokens": 2.0}}})
    assert hosted()["usd"] == pytest.approx(3.0)
    changed(project, models={"own": {"use": "openai:small-1", "tuning": {"usd_per_million_tokens": 9.0}}})
    assert hosted()["usd"] == pytest.approx(3.0), "what it cost then stays"
    assert host.started == 1


def test_a_connection_that_breaks_while_it_is_begun(rung: Run, project: Path, host: OpenAIServer) -> None:
    host.odd = {"POST /v1/fine_tuning/jobs$": CLOSE}
    rung("train", "generator", project, "--on", "own", "--yes")
    assert host.started == 1


def test_what_was_asked_for_and_came_to_nothing_is_begun_only_where_this_command_allows_it(
    rung: Run, project: Path, host: OpenAIServer
) -> None:
    host.odd = {"POST /v1/fine_tuning/jobs$": (429, {"error": {"message": "no money", "code": "insufficient_quota"}})}
    assert "no money or quota left" in rung("train", "generator", project, "--on", "own", "--yes", code=2).err
    calls = len(host.calls)
    assert "was asked for rung-" in rung("train", "generator", project, "--on", "own", "--yes", "--dry-run").out
    assert len(host.calls) == calls, "a dry run asks nobody"
    assert "--yes begins it" in rung("train", "generator", project, "--on", "own", code=2).err
    assert "more than --max-cost" in rung("train", "generator", project, "--on", "own", "--max-cost", "1e-7", code=2).err
    assert host.started == 0
    rung("train", "generator", project, "--on", "own", "--yes")
    assert host.started == 1


def test_a_limit_on_costs_is_of_all_jobs_and_each_is_foretold(rung: Run, project: Path, host: OpenAIServer) -> None:
    models = {"own": {"use": "openai:small-1", "tuning": {"usd_per_million_tokens": 1e6}}}
    changed(project, models=models, rungs=["prompt", {"tuned_model": {"max_tokens": 8, "epochs": [1, 2]}}])
    dry = rung("train", "generator", project, "--on", "own", "--dry-run").out
    assert (dry.count("in 1 pass:"), dry.count("in 2 passes:")) == (1, 1)
    once = float(dry.split("in 1 pass: about ")[1].split()[0].replace(",", ""))  # a dollar a token
    refused = rung("train", "generator", project, "--on", "own", "--max-cost", f"{2.5 * once:g}", code=2)
    assert f"with ${once:,.2f} of what this command has begun, more than --max-cost" in refused.err
    assert host.started == 1


@pytest.mark.parametrize("more", [["--dry-run"], ["--yes"], ["--max-cost", "1"]])
def test_ending_jobs_goes_with_nothing_else(more: list[str], rung: Run, project: Path, host: OpenAIServer) -> None:
    refused = rung("train", "generator", project, "--on", "own", "--cancel", *more, code=2)
    assert "leave --yes, --max-cost and --dry-run out" in refused.err
    assert host.calls == []


def test_a_check_says_who_tunes_and_foretells_no_training_here(rung: Run, project: Path, host: OpenAIServer) -> None:
    seen = rung("check", project).out
    assert "by its host ('rung train generator --on own')" in seen
    assert "training tuned_model" not in seen
    assert host.files == {}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"use": "anthropic:claude", "tuning": {}}, "nothing tuned at anthropic"),
        ({"use": "bedrock:nova", "tuning": {}}, "say 'tuning: {bucket: s3://"),
        ({"use": "openai:x", "tuning": {}, "weights": "hf:x"}, "leave one of them out"),
        ({"use": "openai:x", "tuning": {"bucket": "x"}}, "must be s3://BUCKET/PREFIX"),
        ({"use": "openai:x", "tuning": {"role": "me"}}, "must be the ARN of a role"),
        ({"use": "openai:x", "tuning": {"prize": 2}}, "unknown key 'prize'"),
    ],
)
def test_mistakes_in_the_file_are_said_with_their_line(
    entry: Any, why: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    changed(project, models={"own": entry})
    with pytest.raises(InputError, match=why) as caught:
        check_tuning(load_project(project))
    assert caught.value.line > 1


def test_a_model_without_tuning_is_not_tuned_at_its_host(project: Path) -> None:
    changed(project, models={"own": "openai:small-1"})
    with pytest.raises(UserError, match="'own' says nothing of tuning at its host"):
        hosted_model(load_project(project), "own")
    with pytest.raises(UserError, match="'other' is no model of this project"):
        hosted_model(load_project(project), "other")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["generator", "--yes"], "name the model with --on"),
        (["generator", "--on", "own", "--search"], "a host's job is one"),
        (["router", "--on", "own"], "--on is for generators"),
    ],
)
def test_options_that_have_no_meaning_together(words: list[str], why: str, rung: Run, project: Path) -> None:
    assert why in rung("train", words[0], project, *words[1:], code=2).err
