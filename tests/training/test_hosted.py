"""Jobs at hosts that tune, each by its own API over HTTP: begun once whatever breaks, looked at to their end, cancelled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung.config.tuning import TuningSettings
from rung.errors import ModelError, NotAllowed, ServerError, UserError
from rung.models.catalog import PatientServer
from rung.models.http_calls import Outgoing
from rung.models.http_retries import RequestFailed
from rung.progress import Lines, reporting
from rung.records import Example, Message
from rung.training.batches import split
from rung.training.hosted.forecast import closing, forecast
from rung.training.hosted.job_note import NOTE, JobNote, read_note
from rung.training.hosted.protocol import JobState, Submission, TuningHost
from rung.training.hosted.registry import tuning_host
from rung.training.hosted.rows import TuningRows, row_of, tokens_in, tuning_rows
from rung.training.hosted.run_job import Run
from tests.training.tuning_hosts import (
    CLOSE,
    BedrockServer,
    FireworksServer,
    OpenAIServer,
    TogetherServer,
    TuningServer,
    VertexServer,
)

SERVERS: dict[str, type[TuningServer]] = {
    "openai": OpenAIServer,
    "together": TogetherServer,
    "fireworks": FireworksServer,
    "vertex": VertexServer,
    "bedrock": BedrockServer,
}
ADDRESS = {
    "openai": "OPENAI_BASE_URL",
    "together": "TOGETHER_BASE_URL",
    "fireworks": "FIREWORKS_BASE_URL",
    "vertex": "GOOGLE_VERTEX_BASE_URL",
    "bedrock": "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
}
START = {  # the request that starts a job
    "openai": "POST /v1/fine_tuning/jobs$",
    "together": "POST /v1/fine-tunes$",
    "fireworks": "POST /v1/accounts/me/supervisedFineTuningJobs$",
    "vertex": "POST /v1/projects/p/locations/l/tuningJobs$",
    "bedrock": "POST /model-customization-jobs$",
}
UPLOAD = {"openai": "/files", "together": "/put/", "fireworks": ":upload", "vertex": "/upload/", "bedrock": "PUT /bucket"}
BUCKETS = {"vertex": "gs://bucket/tuning", "bedrock": "s3://bucket/tuning"}
QUICK = PatientServer(timeout_seconds=5, retries=1)
ENVIRONMENT = {
    "OPENAI_API_KEY": "secret",
    "TOGETHER_API_KEY": "secret",
    "FIREWORKS_API_KEY": "secret",
    "FIREWORKS_ACCOUNT_ID": "me",
    "GOOGLE_OAUTH_ACCESS_TOKEN": "secret",
    "GOOGLE_CLOUD_PROJECT": "p",
    "GOOGLE_CLOUD_LOCATION": "l",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-central-1",
}
Begin = Callable[..., tuple[Any, TuningHost]]


def example(question: str, answer: str, *more: Message, line: int = 1) -> Example:
    turns = (Message("system", "Say the word."), *more, Message("user", question), Message("assistant", answer))
    return Example(question, turns, place=f"examples.jsonl:{line}")


ROWS = [example(f"What is {n}?", f"word {n}", line=n + 1) for n in range(30)]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """A host's server, and what asks it."""
    running: list[TuningServer] = []

    def opened(name: str, **settings: Any) -> tuple[TuningServer, TuningHost]:
        server = SERVERS[name](**settings)
        running.append(server.__enter__())
        for variable, value in ENVIRONMENT.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
        monkeypatch.setenv(ADDRESS[name], f"{server.url}/v1" if name == "openai" else server.url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        role = "arn:aws:iam::123456789012:role/tuner"
        tuning = TuningSettings(bucket=BUCKETS.get(name, ""), role=role if name == "bedrock" else "")
        host = tuning_host(f"{name}:small-1", tuning, QUICK)
        host.check()
        return server, host

    yield opened
    for server in running:
        server.__exit__()


def note_of(host: TuningHost, **settings: Any) -> JobNote:
    return JobNote(host.name, host.identity, "d1ce" * 16, settings={"epochs": 2, **settings})


def files_of(host: TuningHost) -> TuningRows:
    return tuning_rows(ROWS, host, share=0.1, seed=0, stem="rung-rows")


def carried_out(host: TuningHost, folder: Path, note: JobNote | None = None) -> tuple[JobNote, JobState]:
    run = Run(host, files_of(host), folder, "own", lambda _usd: None, 0.01)
    return run.carry_out(note or read_note(folder) or note_of(host), lambda _done, _all, _note: None)


@pytest.mark.parametrize("name", SERVERS)
def test_a_job_is_begun_looked_at_and_ends_with_a_name(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name)
    note, state = carried_out(host, tmp_path)
    assert (state.phase, server.started) == ("succeeded", 1)
    assert state.model
    (job,) = server.jobs.values()
    assert "rung-d1ced1ced1-1" in json.dumps(job.asked) or job.id == "rung-d1ced1ced1-1"
    learnt = server.learnt_by(note.train.rpartition("/")[2] if name == "fireworks" else note.train)
    held = 0 if name == "bedrock" else 3
    assert len(learnt) == 30 - held
    assert bool(note.validation) == bool(held)
    assert read_note(tmp_path) == note


def test_what_each_host_is_told(begin: Begin, tmp_path: Path) -> None:
    asked = {}
    for name in SERVERS:
        server, host = begin(name)
        given = {"epochs": 2, "rank": 8, "learning_rate": 1e-5, "batch_rows": 4, "seed": 7}
        settings = {key: value for key, value in given.items() if key in host.takes}
        carried_out(host, tmp_path / name, note_of(host, **settings))
        (job,) = server.jobs.values()
        asked[name] = job.asked
    assert asked["openai"]["hyperparameters"] == {"n_epochs": 2, "batch_size": 4}  # a host of its shape, by its URL
    assert asked["openai"]["seed"] == 7
    lora = {"type": "Lora", "lora_r": 8, "lora_alpha": 16, "lora_trainable_modules": "all-linear"}
    assert asked["together"]["training_type"] == lora
    assert asked["together"]["training_method"] == {"method": "sft", "train_on_inputs": False}
    assert asked["fireworks"]["loraRank"] == 8
    assert asked["fireworks"]["outputModel"] == "accounts/me/models/rung-d1ced1ced1-1"
    spec = asked["vertex"]["supervisedTuningSpec"]
    assert spec["hyperParameters"] == {"epochCount": "2", "adapterSize": "ADAPTER_SIZE_EIGHT"}
    assert spec["trainingDatasetUri"] == "gs://bucket/tuning/rung-rows-train.jsonl"
    assert asked["bedrock"]["hyperParameters"] == {"epochCount": "2", "learningRate": "1e-05"}
    assert asked["bedrock"]["trainingDataConfig"] == {"s3Uri": "s3://bucket/tuning/rung-rows-train.jsonl"}


@pytest.mark.parametrize("name", SERVERS)
def test_a_start_that_nobody_answers_is_found_again_and_not_repeated(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name, odd={START[name]: CLOSE})
    _, state = carried_out(host, tmp_path)
    assert (state.phase, server.started) == ("succeeded", 1)


@pytest.mark.parametrize("name", SERVERS)
def test_a_command_that_was_killed_before_it_knew_the_job_goes_on(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name)
    run = Run(host, files_of(host), tmp_path, "own", lambda _usd: None, 0.01)
    note = run._uploaded(note_of(host))
    note = replace(note, asked=True).write(tmp_path)
    host.start(note.submission)  # and here the power went
    sent = len(server.files)
    _, state = carried_out(host, tmp_path)
    assert (state.phase, server.started, len(server.files)) == ("succeeded", 1, sent)


@pytest.mark.parametrize("name", SERVERS)
def test_a_failure_is_passed_on_and_the_next_job_is_another(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name, phases=("running", "failed"))
    with pytest.raises(UserError, match=r"failed at .*: .*has a row that cannot be learnt; the same command begins another"):
        carried_out(host, tmp_path)
    server.phases = ("succeeded",)
    note, state = carried_out(host, tmp_path)
    assert (state.phase, server.started, note.attempt) == ("succeeded", 2, 2)


@pytest.mark.parametrize("name", SERVERS)
def test_ctrl_c_leaves_it_running(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name, phases=("running", "running", "succeeded"))

    def stop(_done: int, _all: int, _note: str) -> None:
        raise KeyboardInterrupt

    run = Run(host, files_of(host), tmp_path, "own", lambda _usd: None, 0.01)
    lines: list[str] = []
    with pytest.raises(KeyboardInterrupt), reporting(Lines(lines.append)):
        run.carry_out(note_of(host), stop)
    assert "looks at it again, 'rung train generator --on own --cancel' ends it" in lines[-1]
    kept = read_note(tmp_path)
    assert kept is not None
    assert kept.job in server.jobs
    assert carried_out(host, tmp_path)[1].phase == "succeeded"
    assert server.started == 1


@pytest.mark.parametrize("name", SERVERS)
def test_a_job_is_cancelled(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name, phases=("running",))
    id = host.start(replace(note_of(host), train=host.upload(files_of(host).train)).submission)
    host.cancel(id)
    assert server.jobs[id].cancelled
    assert host.state(id).phase == "cancelled"


@pytest.mark.parametrize("name", SERVERS)
def test_no_money_left_stops_at_once_and_begins_nothing(name: str, begin: Begin, tmp_path: Path) -> None:
    spent = (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
    server, host = begin(name, odd={START[name]: spent})
    with pytest.raises(ServerError, match="has no money or quota left"):
        carried_out(host, tmp_path)
    assert server.started == 0
    assert carried_out(host, tmp_path)[1].phase == "succeeded"
    assert server.started == 1


@pytest.mark.parametrize("name", SERVERS)
def test_a_key_that_expires_meanwhile_leaves_the_job_to_be_gone_on_with(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name)
    real, server.key = host.state, "secret"

    def expired(id: str) -> JobState:
        server.key = "another"
        return real(id)

    host.state = expired  # type: ignore[method-assign]
    with pytest.raises(ServerError, match=r"expired.* goes on at .*'rung train generator --on own' looks at it again"):
        carried_out(host, tmp_path)
    host.state, server.key = real, "secret"  # type: ignore[method-assign]
    assert carried_out(host, tmp_path)[1].phase == "succeeded"
    assert server.started == 1


@pytest.mark.parametrize("name", SERVERS)
def test_a_file_that_is_refused_begins_nothing(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name, odd={UPLOAD[name]: (400, {"error": {"message": "Line 3 is no JSON"}})})
    with pytest.raises(UserError, match="does not take the file: HTTP 400: Line 3 is no JSON"):
        carried_out(host, tmp_path)
    assert server.started == 0


@pytest.mark.parametrize("name", SERVERS)
def test_a_job_that_is_refused_begins_nothing(name: str, begin: Begin, tmp_path: Path) -> None:
    refused = (400, {"error": {"message": "This model takes no tuning"}})
    server, host = begin(name, odd={START[name]: refused})
    with pytest.raises(UserError, match="refuses the job: HTTP 400: This model takes no tuning"):
        carried_out(host, tmp_path)
    assert server.started == 0
    kept = read_note(tmp_path)
    assert kept is not None
    assert not kept.asked


@pytest.mark.parametrize("name", SERVERS)
def test_a_job_that_is_gone_is_said(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name, phases=("running",))
    with pytest.raises(KeyboardInterrupt):
        Run(host, files_of(host), tmp_path, "own", lambda _usd: None, 0.01).carry_out(note_of(host), _interrupt)
    server.jobs.clear()
    with pytest.raises(UserError, match=r"knows no job .*: it was deleted, or the key is another account's"):
        carried_out(host, tmp_path)


def _interrupt(_done: int, _all: int, _note: str) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("is_openai", [True, False])
def test_a_job_of_the_same_file_is_not_taken_for_the_next_attempt(
    is_openai: bool, begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, host = begin("openai", names_by_content=True, phases=("failed",))
    if not is_openai:  # a host of that shape that shows no mark
        monkeypatch.setenv("RUNG_API_KEY", "secret")
        host = tuning_host(f"{server.url}/v1#small-1", TuningSettings(), QUICK)
    with pytest.raises(UserError, match="the same command begins another"):
        carried_out(host, tmp_path)
    server.phases = ("succeeded",)
    note = read_note(tmp_path)
    assert note is not None
    assert (note.attempt, note.former) == (2, ("ftjob-1",))
    replace(note, train=host.upload(files_of(host).train), asked=True).write(tmp_path)  # killed as it was asked for
    ended, state = carried_out(host, tmp_path)
    assert (ended.job, state.phase, server.started) == ("ftjob-2", "succeeded", 2)


def test_a_look_that_fails_is_taken_again(begin: Begin, tmp_path: Path) -> None:
    broken = (500, {"error": {"message": "sorry"}})
    _, host = begin("openai", odd={"/jobs/ftjob-1": broken})
    assert carried_out(host, tmp_path)[1].phase == "succeeded"


def test_a_busy_host_is_asked_again_to_begin(begin: Begin, tmp_path: Path) -> None:
    server, host = begin("openai", odd={START["openai"]: (503, {"error": {"message": "overloaded"}})})
    assert carried_out(host, tmp_path)[1].phase == "succeeded"
    assert server.started == 1


@pytest.mark.parametrize("name", ["openai", "together", "vertex"])
def test_a_job_that_the_host_lists_only_later_is_begun_once(name: str, begin: Begin, tmp_path: Path) -> None:
    server, host = begin(name, odd={START[name]: CLOSE})
    real, since = host.find, time.monotonic()

    def late(job: Submission) -> str:
        return real(job) if time.monotonic() - since > 0.3 else ""

    host.find = late  # type: ignore[method-assign]
    run = Run(host, files_of(host), tmp_path, "own", lambda _usd: None, 0.4)
    run.carry_out(note_of(host), lambda _done, _all, _note: None)
    assert server.started == 1


def test_a_host_that_does_not_say_whether_it_has_begun_is_asked_later(begin: Begin, tmp_path: Path) -> None:
    server, host = begin("openai")
    server.odd = {START["openai"]: CLOSE, "GET /v1/fine_tuning/jobs$": (418, {"error": {"message": "sorry"}})}
    with pytest.raises(ServerError, match=r"does not say whether it has begun rung-.* run the command again later"):
        carried_out(host, tmp_path)
    assert carried_out(host, tmp_path)[1].phase == "succeeded"
    assert server.started == 1


def test_what_the_host_foretold_is_noted(begin: Begin, tmp_path: Path) -> None:
    server, host = begin("together")
    server.estimate = 12.5
    assert carried_out(host, tmp_path)[0].usd == 12.5


def test_together_says_itself_what_it_costs_before_it_begins(begin: Begin, tmp_path: Path) -> None:
    server, host = begin("together")
    server.estimate = 12.5
    quoted: list[float | None] = []

    def refuse(usd: float | None) -> None:
        quoted.append(usd)
        raise NotAllowed("too dear")

    with pytest.raises(NotAllowed):
        Run(host, files_of(host), tmp_path, "own", refuse, 0.01).carry_out(note_of(host), _interrupt)
    assert (quoted, server.started) == ([12.5], 0)


def test_an_address_that_is_not_there_is_said_without_its_signature(begin: Begin) -> None:
    server, host = begin("together", odd={"/put/": (404, {"error": {"message": "gone"}})})
    with pytest.raises(RequestFailed, match=r"HTTP 404 at .*/put/x: ") as caught:
        host.api.client.call(Outgoing("PUT", f"{server.url}/put/x?X-Amz-Signature=c0de"))  # type: ignore[attr-defined]
    assert "c0de" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "where"),
    [
        ({"Location": "https://elsewhere.example/x?X-Amz-Signature=c0de"}, "to https://elsewhere.example/x, "),
        ({}, "without"),
    ],
)
def test_a_host_that_sends_on_unasked_is_said_without_its_signature(
    headers: dict[str, str], where: str, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, host = begin("openai")
    monkeypatch.setattr(server, "reply", lambda _call: (302, {}, headers))
    with pytest.raises(RequestFailed, match=f"HTTP 302: the server sends on {where}") as caught:
        host.find(Submission("rung-1", "file-1", ""))
    assert "c0de" not in str(caught.value)
    assert "None" not in str(caught.value)


def test_a_file_that_together_has_already_is_taken_as_it_is(begin: Begin) -> None:
    server, host = begin("together", odd={"POST /v1/files": (409, {"error": {"message": "exists"}})})
    server.odd["GET /v1/files"] = (200, {"data": [{"id": "file-9", "filename": "rung-rows-train.jsonl"}]})
    assert host.upload(files_of(host).train) == "file-9"


@pytest.mark.parametrize(
    ("name", "row", "why"),
    [
        ("openai", example("q", "a", Message("tool", "42"), line=7), "it holds the result of a tool"),
        ("openai", example("q", "", line=7), "it must end with what the assistant says"),
        ("openai", example("q" * 300_000, "a", line=7), "about 75,00. tokens, and a row may have 65,536"),
        ("together", example("q", "a", Message("system", "more"), line=7), "a system turn is taken at the beginning alone"),
        ("fireworks", example("q", "a", Message("assistant", "hello"), line=7), "the user must speak first"),
        ("vertex", example("q" * 600_000, "a", line=7), "a row may have 131,072"),
        ("bedrock", example("User: q", "a", line=7), "'User:' may not stand in a prompt there"),
    ],
)
def test_a_row_that_a_host_does_not_take_is_named_before_anything_is_sent(
    name: str, row: Example, why: str, begin: Begin
) -> None:
    server, host = begin(name)
    with pytest.raises(UserError, match=rf"nothing was sent:\n  examples.jsonl:7: .*{why}"):
        tuning_rows([*ROWS, row], host, share=0.1, seed=0, stem="x")
    assert server.calls == []


def test_too_few_rows_are_said(begin: Begin) -> None:
    _, host = begin("openai")
    with pytest.raises(UserError, match="there are 9 rows to learn from, and it takes 10 at least"):
        tuning_rows(ROWS[:9], host, share=0.1, seed=0, stem="x")


def test_a_file_that_is_too_large_is_said(begin: Begin) -> None:
    _, host = begin("fireworks")
    assert host.rules.max_file_bytes == 157_286_400
    host.rules = replace(host.rules, max_file_bytes=999)  # type: ignore[misc]
    with pytest.raises(UserError, match="bytes, and may have 999"):
        tuning_rows(ROWS, host, share=0.0, seed=0, stem="x")


def test_earlier_turns_are_not_learnt_where_the_host_can_be_told(begin: Begin) -> None:
    row = example("And 2?", "two", Message("user", "What is 1?"), Message("assistant", "one"))
    _, host = begin("openai")
    assert [turn.get("weight") for turn in row_of(row, host.wire, host.rules)["messages"]] == [None, None, 0, None, None]  # type: ignore[union-attr]
    _, vertex = begin("vertex")
    rows = tuning_rows([row, *ROWS], vertex, share=0.0, seed=0, stem="x")
    assert rows.notes == ("vertex learns every turn of the assistant, also in the 1 rows that have several",)


def test_rows_are_in_the_form_in_which_the_tuned_model_is_asked(begin: Begin) -> None:
    row = ROWS[0]
    forms = {name: row_of(row, host.wire, host.rules) for name in SERVERS for _, host in [begin(name)]}
    assert forms["openai"] == forms["together"] == forms["fireworks"]
    assert forms["openai"]["messages"] == [
        {"role": "system", "content": "Say the word."},
        {"role": "user", "content": "What is 0?"},
        {"role": "assistant", "content": "word 0"},
    ]
    assert forms["vertex"] == {
        "systemInstruction": {"parts": [{"text": "Say the word."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "What is 0?"}]},
            {"role": "model", "parts": [{"text": "word 0"}]},
        ],
    }
    assert forms["bedrock"] == {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "Say the word."}],
        "messages": [
            {"role": "user", "content": [{"text": "What is 0?"}]},
            {"role": "assistant", "content": [{"text": "word 0"}]},
        ],
    }


def test_what_it_may_cost(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    host = tuning_host("openai:gpt-4o-mini-2024-07-18", TuningSettings(), QUICK)
    rows = files_of(host)
    assert rows.tokens == sum(map(tokens_in, split(ROWS, share=0.1, seed=0)[0]))
    assert tokens_in(ROWS[0]) == 4 + 3 + 2  # "Say the word.", "What is 0?", "word 0" by four bytes, each rounded up
    how = {"passes": 3, "url": "https://x", "is_vendors": True}
    by_table = forecast(host, rows, usd_per_million=None, **how)  # type: ignore[arg-type]
    assert by_table.usd == pytest.approx(rows.tokens * 3 / 1e6 * 3.0)
    assert "read 2026-11-30" in by_table.source
    assert "openai takes no new jobs from 2027-01-06" in str(by_table) or "no new jobs since" in str(by_table)
    by_project = forecast(host, rows, usd_per_million=10.0, **how)  # type: ignore[arg-type]
    assert by_project.usd == pytest.approx(rows.tokens * 3 / 1e6 * 10)
    elsewhere = forecast(host, rows, usd_per_million=None, passes=3, url="http://gpu/v1", is_vendors=False)
    assert elsewhere.usd is None
    assert "the price is unknown" in str(elsewhere)


def test_when_openai_closes() -> None:
    from datetime import date

    assert closing("openai", today=date(2026, 11, 30)).startswith("openai takes no new jobs from 2027-01-06 (http")
    assert closing("openai", today=date(2027, 2, 1)).startswith("openai has taken no new jobs since 2027-01-06")
    assert closing("together") == ""


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("anthropic:claude-haiku-4-5", "Rung has nothing tuned at anthropic"),
        ("gemini:gemini-3.5-flash", "name it as vertex:<name>"),
        ("ollama:qwen3:8b", "nothing tuned at ollama"),
        ("smollm2-135m-instruct", "is no model of a host"),
    ],
)
def test_hosts_that_tune_nothing_are_refused_by_name(model: str, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        tuning_host(model, TuningSettings(), QUICK)


@pytest.mark.parametrize(
    ("name", "without", "why"),
    [
        ("fireworks", "FIREWORKS_ACCOUNT_ID", "set FIREWORKS_ACCOUNT_ID"),
        ("vertex", "GOOGLE_CLOUD_PROJECT", "set GOOGLE_CLOUD_PROJECT"),
    ],
)
def test_what_a_host_needs_is_asked_for(
    name: str, without: str, why: str, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, host = begin(name)
    monkeypatch.delenv(without)
    with pytest.raises(UserError, match=why):
        host.check()


@pytest.mark.parametrize(("model", "why"), [("vertex:g", "say 'tuning: {bucket: gs://"), ("bedrock:n", "bucket: s3://")])
def test_a_bucket_is_asked_for(model: str, why: str, begin: Begin) -> None:
    begin(model.partition(":")[0])
    with pytest.raises(UserError, match=why):
        tuning_host(model, TuningSettings(), QUICK).check()


def test_a_note_that_cannot_be_read_is_no_absent_one(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text('{"host": "openai"')
    with pytest.raises(UserError, match=r"cannot be read .*look there whether it runs"):
        read_note(tmp_path)
