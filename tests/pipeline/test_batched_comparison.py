"""A comparison that asks its models through batch interfaces: how many batches, nothing twice, what is said of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rung.commands.batches import StoppedBatch, cancel_batches, drop_batch, open_batches
from rung.commands.repair import damages
from rung.commands.survey import survey
from rung.config.project import load_project
from rung.errors import InputError, Interrupted, ServerError, UserError
from rung.loop import compare
from rung.models.batch_notes import BatchNotes
from rung.pipeline.budget import CompareRequest
from rung.progress import Lines, reporting
from rung.records import Verdict
from tests.models.batch_server import BatchServer, Fate

CASES = 12


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    with BatchServer({f"number {n}?": f"value{n}" for n in range(CASES)}) as opened:
        monkeypatch.setenv("OPENAI_BASE_URL", opened.url)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", opened.host)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
        yield opened


PRICES = "prices: {prompt_usd_per_million: 1000, completion_usd_per_million: 1000}\n"
TWO = "models:\n  a: {use: 'openai:small', server: {batch: true}}\n  b: {use: 'anthropic:small', server: {batch: true}}\n"


def project(
    folder: Path, models: str = "model: openai:small\nserver: {batch: true}\n", rest: str = "rungs: [prompt]\n"
) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [
        {"id": f"c{n}", "question": f"What is number {n}?", "answers": [f"value{n}"], "split": "test"} for n in range(CASES)
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "doc.md").write_text("\n\n".join(f"Number {n} is value{n}." for n in range(CASES)), encoding="utf-8")
    (folder / "rung.yaml").write_text(f"task: Answer.\ncases: cases.jsonl\n{rest}{models}{PRICES}", encoding="utf-8")
    return folder


def judged(folder: Path, request: CompareRequest | None = None) -> tuple[Verdict, list[str]]:
    said: list[str] = []
    verdict = compare(load_project(folder), allowed=request, reporter=Lines(said.append, seconds=0)).verdict
    return verdict, said


def questions(server: BatchServer) -> int:
    """Requests that were asked directly, the first small one aside."""
    return sum("number" in asked.text for asked in server.asked)


@pytest.mark.slow
def test_all_rungs_go_in_one_batch_and_a_later_run_without_asks_nothing(server: BatchServer, tmp_path: Path) -> None:
    rest = "knowledge: {sources: [doc.md]}\nembedder: scripted\nrungs: [prompt, few_shot, {rag: {passages: [1, 2]}}]\n"
    folder = project(tmp_path / "p", rest=rest)
    verdict, _ = judged(folder)
    rungs = [rung.name for rung in verdict.rungs if rung.status == "measured"]
    assert {"prompt", "rag[passages=1]", "rag[passages=2]", "closed_book"} <= set(rungs)
    assert len(server.batches) == 1, "one round of all rungs and arms"
    assert set(server.times.values()) == {1}
    assert verdict.rungs[0].scores["correct"].mean == 1.0
    live = questions(server)
    timed = [rung.latency.n for rung in verdict.rungs if rung.latency is not None]
    assert sum(timed) <= live < 2 * sum(timed), "the live pass, and nothing else, asks directly"
    assert any("How long a batch takes is no latency" in line for line in verdict.warnings)
    project(folder, models="model: openai:small\n", rest=rest)
    again, _ = judged(folder)
    assert (again.executed, questions(server), len(server.batches)) == (0, live, 1)
    assert [r.usd_per_1k for r in again.rungs] == [r.usd_per_1k for r in verdict.rungs], "prices of serving, either way"


@pytest.mark.slow
def test_each_round_of_rungs_with_several_is_a_batch_of_all_that_go_on(server: BatchServer, tmp_path: Path) -> None:
    rest = "knowledge: {sources: [doc.md]}\nembedder: scripted\nrungs: [prompt, {multi_hop: {method: decompose}}]\n"
    folder = project(tmp_path / "p", rest=rest)
    plan = survey(load_project(folder), allowed=CompareRequest())
    (forecast,) = plan.outlook.batches
    assert forecast.rounds > 1
    assert f"openai:small: at most {forecast.batches} batches, in {forecast.rounds} rounds" in "\n".join(plan.plan_lines())
    verdict, _ = judged(folder)
    assert verdict.rungs[0].name == "prompt"
    assert 1 < len(server.batches) <= forecast.batches
    assert len(server.batches[0].rows) > len(server.batches[1].rows)
    assert set(server.times.values()) == {1}


@pytest.mark.slow
def test_models_of_two_hosts_answer_at_the_same_time(server: BatchServer, tmp_path: Path) -> None:
    folder = project(tmp_path / "p", models=TWO, rest="rungs: [{prompt: {model: [a, b]}}]\n")
    server.fates = [Fate(looks=2)]
    verdict, said = judged(folder)
    assert [len(batch.rows) for batch in server.batches] == [CASES, CASES], "the closed book asks what 'prompt' asks"
    assert {rung.scores["correct"].mean for rung in verdict.rungs if rung.scores} == {1.0}
    handed, waited = (
        [n for n, line in enumerate(said) if what in line] for what in ("are handed over", "wait for 2 batches")
    )
    assert max(handed) < min(waited)


def test_the_dry_run_counts_batches_and_their_half_price(server: BatchServer, tmp_path: Path) -> None:
    batched = survey(load_project(project(tmp_path / "p")), allowed=CompareRequest())
    directly = survey(load_project(project(tmp_path / "q", models="model: openai:small\n")), allowed=CompareRequest())
    assert [str(one) for one in batched.outlook.batches] == [
        "openai:small: at most 1 batch, each of which may take up to 24 hours"
    ]
    assert not directly.outlook.batches
    half, whole = (sum(f.usd or 0.0 for f in one.answers) for one in (batched, directly))
    assert half == pytest.approx(whole / 2)
    text = (tmp_path / "p" / "rung.yaml").read_text(encoding="utf-8")
    stated = "batch_prompt_usd_per_million: 100, batch_completion_usd_per_million: 100}"
    (tmp_path / "p" / "rung.yaml").write_text(text.replace("million: 1000}", f"million: 1000, {stated}"), encoding="utf-8")
    tenth = survey(load_project(tmp_path / "p"), allowed=CompareRequest())
    assert sum(f.usd or 0.0 for f in tenth.answers) == pytest.approx(whole / 10)
    assert not server.asked


def test_a_budget_in_dollars_holds_before_anything_is_handed_over(server: BatchServer, tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    (one,) = [f for f in survey(load_project(folder), allowed=CompareRequest()).answers if f.calls][:1]
    each = (one.usd or 0.0) / CASES
    nothing, _ = judged(folder, CompareRequest(usd=0.5 * each))
    assert nothing.coverage.partial
    assert not server.batches
    verdict, _ = judged(folder, CompareRequest(usd=5.5 * each))
    assert len(server.batches[0].rows) == 5, "more would not surely fit"
    assert verdict.rungs[0].scores["correct"].n > 5, "what was not spent after all goes into a further one"
    assert set(server.times.values()) == {1}


@pytest.mark.slow
def test_all_that_batches_were_paid_for_is_judged_and_no_handful_is_waited_for(server: BatchServer, tmp_path: Path) -> None:
    rungs = "rungs: [prompt, {rag: {passages: 2}}, {multi_hop: {method: decompose}}]\n"
    folder = project(tmp_path / "p", rest=f"knowledge: {{sources: [doc.md]}}\nembedder: scripted\n{rungs}")
    bound = sum(f.usd or 0.0 for f in survey(load_project(folder), allowed=CompareRequest()).answers if f.calls)
    verdict, _ = judged(folder, CompareRequest(usd=0.06 * bound))
    assert verdict.coverage.partial
    answered = {rung.name: rung.answered for rung in verdict.rungs}
    paid = sum(len(batch.rows) for batch in server.batches)
    assert CASES < paid == answered["prompt"] + answered["rag"], (
        "what is paid is judged; the closed book asks what 'prompt' asks"
    )
    assert all(len(batch.rows) > 1 for batch in server.batches)
    assert set(server.times.values()) == {1}


@pytest.mark.slow
def test_with_a_budget_in_dollars_a_second_host_is_asked_when_it_is_known_what_the_first_has_cost(
    server: BatchServer, tmp_path: Path
) -> None:
    folder = project(tmp_path / "p", models=TWO, rest="rungs: [{prompt: {model: [a, b]}}]\n")
    bound = next(f.usd or 0.0 for f in survey(load_project(folder), allowed=CompareRequest()).answers if f.calls)
    server.fates = [Fate(looks=2)]
    _, said = judged(folder, CompareRequest(usd=1.2 * bound))  # of both together it is twice the bound
    handed = [n for n, line in enumerate(said) if "are handed over" in line]
    waited = next(n for n, line in enumerate(said) if "wait for 1 batch" in line)
    assert len(server.batches[0].rows) == CASES
    assert handed[0] < waited < handed[1]


@pytest.mark.parametrize(
    ("models", "line", "words"),
    [
        ("model: ollama:small\nserver: {batch: true}\n", 5, "ollama:small has no batch interface"),
        ("model: http://127.0.0.1:9/v1#small\nserver:\n  batch: true\n", 6, "OPENAI_BASE_URL"),
        (
            "models:\n  a: {use: 'openai:small'}\n  b:\n    use: ollama:small\n    server:\n      batch: true\n",
            9,
            "ollama:small",
        ),
    ],
)
def test_a_host_without_a_batch_interface_refuses_at_its_line(
    models: str, line: int, words: str, server: BatchServer, tmp_path: Path
) -> None:
    rest = "rungs: [{prompt: {model: [a, b]}}]\n" if "models" in models else "rungs: [prompt]\n"
    folder = project(tmp_path / "p", models=models, rest=rest)
    with pytest.raises(InputError, match=words) as error:
        survey(load_project(folder))
    assert error.value.line == line
    with pytest.raises(InputError, match=words):
        compare(load_project(folder))


@pytest.mark.slow
def test_an_expired_batch_ends_the_comparison_and_the_same_command_goes_on(server: BatchServer, tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    server.fates = [Fate("expired", answered=0.5), Fate()]
    with pytest.raises((ServerError, InputError), match=r"rung\.yaml:4: openai:small: the batch batch_1 expired .* 6 of 12"):
        judged(folder)
    verdict, _ = judged(folder)
    assert [len(batch.rows) for batch in server.batches] == [12, 6]
    assert verdict.rungs[0].scores["correct"].mean == 1.0


def test_half_the_rows_failing_for_good_are_misses_that_this_command_does_not_send_again(
    server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate(broken=0.5, status=400, words="The image is too odd.")]
    verdict, said = judged(project(tmp_path / "p"))
    assert verdict.rungs[0].scores["correct"].mean == 0.5
    assert len(server.batches) == 1
    assert any("6 of 12 rows of batch_1 failed, most often: HTTP 400: The image is too odd." in line for line in said)


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_waits_is_followed_by_one_that_sends_nothing(
    server: BatchServer, tmp_path: Path
) -> None:
    folder = project(tmp_path / "p")
    server.fates = [Fate(looks=10_000)]
    source = str(Path(__file__).parents[2] / "src")
    command = [sys.executable, "-m", "rung", "compare", "-C", str(folder)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": source}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (server.batches and server.looks > 1) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert len(server.batches) == 1
    server.batches[0].looks = 20_000  # it has ended meanwhile
    verdict, _ = judged(folder)
    assert verdict.rungs[0].scores["correct"].mean == 1.0
    assert len(server.batches) == 1
    assert set(server.times.values()) == {1}
    assert not list((folder / ".rung" / "batches").glob("*.json"))


@pytest.mark.parametrize("where", ["rest", "BatchedGenerator.state"])  # while it is waited for, and before
def test_ctrl_c_says_how_to_go_on(where: str, server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    folder = project(tmp_path / "p")
    server.fates = [Fate(looks=10_000)]
    monkeypatch.setattr(f"rung.models.batched.{where}", stopped)
    said: list[str] = []
    with pytest.raises(Interrupted, match="the same command goes on from there"):
        compare(load_project(folder), reporter=Lines(said.append, seconds=0))
    assert sum("batch_1: at the host work goes on" in line for line in said) == 1


@pytest.mark.slow
def test_what_is_at_a_host_is_listed_and_stopped(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_seconds: float) -> None:
        raise KeyboardInterrupt

    folder = project(tmp_path / "p")
    server.fates = [Fate("cancelled", answered=0.5, looks=10_000), Fate()]
    with monkeypatch.context() as patch:
        patch.setattr("rung.models.batched.rest", stopped)
        with pytest.raises(Interrupted):
            judged(folder)
    loaded = load_project(folder)
    (one,) = open_batches(loaded)
    assert str(one).startswith("batch_1: 12 requests to openai:small since ")
    assert (one.as_json()["phase"], one.as_json()["requests"]) == ("running", CASES)
    (line,) = cancel_batches(loaded)
    assert "batch_1 of openai:small is told to stop" in str(line)
    assert (line.as_json()["name"], line.outcome) == ("batch_1", "cancelled")
    assert not list(cancel_batches(loaded))
    with pytest.raises(InputError, match="batch_1 was cancelled with 6 of 12 answered: these are kept"):
        judged(folder)
    verdict, _ = judged(folder)
    assert [len(batch.rows) for batch in server.batches] == [12, 6]
    assert verdict.rungs[0].scores["correct"].mean == 1.0
    assert not list(open_batches(loaded))


def test_a_host_that_cannot_be_asked_keeps_no_other_batch_from_being_stopped(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_project(project(tmp_path / "p", models="model: openai:small\nserver: {batch: true, retries: 0}\n"))
    notes = BatchNotes(loaded.state / "batches")
    server.fates = [Fate(looks=10_000)]
    for model in ("anthropic:other", "openai:small", "openai:other"):
        note = notes.add(model, model, ["a" * 64])
        if model != "openai:other":
            notes.write(replace(note, name=server.handed_over([]).id))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    lines = list[StoppedBatch]()
    with pytest.raises(ServerError, match=r"^anthropic:other: batch_1 cannot be cancelled .*: run the same command again$"):
        lines.extend(cancel_batches(loaded))
    assert [str(line).partition(" of ")[0] for line in lines] == ["batch_2", "whether a batch"]
    assert server.batches[1].cancelled


def test_a_batch_that_its_host_does_not_know_is_given_up_by_name_only(server: BatchServer, tmp_path: Path) -> None:
    loaded = load_project(project(tmp_path / "p"))
    notes = BatchNotes(loaded.state / "batches")
    notes.write(replace(notes.add("openai:small", "small", ["a" * 64]), name="batch_9"))
    (one,) = open_batches(loaded)
    assert "absent" in str(one)
    assert not server.batches
    assert [str(line).partition(": ")[2] for line in cancel_batches(loaded)] == ["it is given up; 'rung compare' asks again"]
    assert not list(open_batches(loaded))


@pytest.mark.parametrize("is_noted", [True, False])
def test_what_is_handed_over_meanwhile_is_waited_for_and_stopped(
    is_noted: bool, server: BatchServer, tmp_path: Path
) -> None:
    loaded = load_project(project(tmp_path / "p"))
    notes = BatchNotes(loaded.state / "batches")
    server.fates = [Fate(looks=10_000)]
    noted = [notes.add("openai:small", "small", ["a" * 64])] if is_noted else []
    held, handed = threading.Event(), threading.Event()

    def hand_over() -> None:
        with notes.alone():
            held.set()
            handed.wait(0.3)
            (note,) = noted or [notes.add("openai:small", "small", ["a" * 64])]
            notes.write(replace(note, name=server.handed_over([]).id))

    other = threading.Thread(target=hand_over)
    other.start()
    held.wait()
    said: list[str] = []
    with reporting(Lines(said.append, seconds=0)):
        (stopped,) = cancel_batches(loaded)
    other.join()
    assert (stopped.note.name, stopped.outcome) == ("batch_1", "cancelled")
    assert said == ["another process is handing over to a host; waiting for that"]


def test_a_batch_that_nobody_wants_is_said_and_dropped_by_its_name(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_project(project(tmp_path / "p"))
    notes = BatchNotes(loaded.state / "batches")
    server.fates = [Fate(looks=1)]
    note = notes.add("openai:small", "as it was asked once", ["a" * 64, "b" * 64])
    notes.write(replace(note, name=server.handed_over([{"custom_id": "a" * 64}]).id))
    with pytest.raises(UserError, match="batch_1 still runs: 'rung batches cancel' stops it"):
        drop_batch(loaded, "batch_1")
    (one,) = open_batches(loaded)
    assert "2 not taken up: no comparison asks it now, 'rung batches drop batch_1' gives them up" in str(one)
    assert (one.as_json()["not_taken"], one.as_json()["is_wanted"]) == (2, False)
    with pytest.raises(UserError, match="no batch is called 'batch_9'"):
        drop_batch(loaded, "batch_9")
    assert drop_batch(loaded, "batch_1").name == "batch_1"
    gone = replace(notes.add("openai:small", "small", ["a" * 64]), name="batch_7")
    notes.write(gone)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert drop_batch(loaded, "batch_7") == gone, "who cannot be asked keeps nobody from giving up"
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    unnamed = notes.add("openai:small", "small", ["a" * 64])
    (one,) = open_batches(loaded)
    assert f"{unnamed.shown} (was being sent): 1 request to openai:small since " in str(one)
    assert str(one).endswith("; whether it came there, the next 'rung compare' finds out")
    for word in ("", unnamed.mark[0], unnamed.shown[:-1]):
        with pytest.raises(UserError, match=f"no batch is called '{word}'"):
            drop_batch(loaded, word)
    assert drop_batch(loaded, unnamed.shown) == unnamed
    assert not list(open_batches(loaded))
    notes.write(gone)
    with pytest.raises(UserError, match="no batch is called"):
        drop_batch(loaded, gone.mark)  # nobody was shown it: it has a name


def test_a_rung_that_is_wrong_now_keeps_nobody_from_listing_what_is_paid(server: BatchServer, tmp_path: Path) -> None:
    folder = project(tmp_path / "p", rest="rungs: [{prompt: {max_tokens: none}}]\n")
    loaded = load_project(folder)
    notes = BatchNotes(loaded.state / "batches")
    note = notes.add("openai:small", "small", ["a" * 64])
    notes.write(replace(note, name=server.handed_over([{"custom_id": "a" * 64}]).id))
    notes.add("ollama:small", "small", ["a" * 64])  # whose host cannot be asked after it
    server.batches[0].looks = 1_000
    one, other = open_batches(loaded)
    assert "; 1 not taken up: 'rung batches drop batch_1' gives them up" in str(one)
    assert (one.as_json()["phase"], one.as_json()["is_wanted"], other.as_json()["is_wanted"]) == ("ended", None, None)


def test_a_damaged_note_is_set_aside_by_the_repair(tmp_path: Path) -> None:
    loaded = load_project(project(tmp_path / "p"))
    note = loaded.state / "batches" / "x.json"
    note.parent.mkdir(parents=True)
    note.write_text("[]", encoding="utf-8")
    (damage,) = damages(loaded)
    assert damage.path == note
    assert "asked again" in damage.mend()
    assert not note.exists()
    assert not list(damages(loaded))
