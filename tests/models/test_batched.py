"""Models asked through batch interfaces: handed over once, waited for, read, whatever becomes of a batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung.config.servers import ServerSettings
from rung.errors import ServerError
from rung.models.batch_notes import BatchNotes
from rung.models.batched import BatchedGenerator, StillRunning, wait_for
from rung.models.endpoint import Endpoint
from rung.models.http import HttpGenerator
from rung.models.wire.batch_apis import FileBatches
from rung.progress import Lines, reporting
from rung.records import Failure, Message
from rung.records.steps import Generate, GenerateResult, Request, Result, request_digest
from tests.models.batch_server import BatchServer, Fate
from tests.models.gemini_batch_server import GeminiBatchServer

HOSTS = ("openai", "anthropic", "gemini")
ANOTHERS = {"model": "small", "messages": [{"role": "user", "content": "?"}]}


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with GeminiBatchServer({f"number {n}?": f"value {n}" for n in range(40)}) as opened:
        yield opened


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _addresses(server: BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.host)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.host)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.host)
    for key in ("OPENAI_API_KEY", "GOOGLE_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(key, "k")


def opened(host: str, folder: Path, named: str = "small", **settings: Any) -> BatchedGenerator:
    """The model as a new process has it."""
    given = ServerSettings(batch=True, **{"retries": 2, **settings})
    model = HttpGenerator(Endpoint.named(f"{host}:{named}"), given, first_wait=0.01)
    return BatchedGenerator(model, f"{host}:{named}", BatchNotes(folder / "batches"))


def requests(count: int = 10, first: int = 0) -> list[Request]:
    return [Request(Generate((Message("user", f"What is number {n}?"),))) for n in range(first, first + count)]


def run(model: BatchedGenerator, asked: Sequence[Request]) -> tuple[dict[int, Result | Failure], list[str]]:
    """(results by index, what was said)."""
    said: list[str] = []
    with reporting(Lines(said.append, seconds=0)):
        return dict(model.run(asked)), said


def sent(host: str, folder: Path, first: int = 0) -> BatchedGenerator:
    """The model of a process that handed ten requests over, and ended before they were answered."""
    model = opened(host, folder)
    model.waits = False
    with pytest.raises(StillRunning):
        run(model, requests(first=first))
    return model


def texts(results: dict[int, Result | Failure]) -> list[str]:
    return [r.text if isinstance(r, GenerateResult) else "" for _, r in sorted(results.items())]


@pytest.mark.parametrize("host", [*HOSTS, "azure"])
def test_all_requests_go_in_one_batch_and_each_gets_its_own_answer(host: str, server: BatchServer, tmp_path: Path) -> None:
    model = opened(host, tmp_path)
    results, said = run(model, requests())
    assert texts(results) == [f"value {n}" for n in range(10)]
    assert len(server.batches) == 1
    assert not server.asked, "nothing was asked directly"
    assert server.looks <= 3
    assert any("10 requests are handed over as the batch batch_1" in line for line in said)
    assert not list(BatchNotes(tmp_path / "batches"))
    assert server.deleted == ([] if host == "anthropic" else [server.deleted[0]]), "the file that was handed over is deleted"
    (row, *_) = server.batches[0].rows
    assert row["custom_id"] == request_digest(requests()[0], model.identity)
    if host in ("openai", "azure"):
        assert row["url"] == ("/chat/completions" if host == "azure" else "/v1/chat/completions")
    directly = HttpGenerator(Endpoint.named(f"{host}:small"), ServerSettings(), first_wait=0.01)
    assert model.identity == directly.identity, "so that either finds what the other was answered"
    if host != "anthropic":  # whose live answers the server counts alike
        assert dict(directly.run(requests(1)))[0] == results[0]


def test_batches_are_as_few_as_the_hosts_limits_allow(server: BatchServer, tmp_path: Path) -> None:
    model = opened("openai", tmp_path)
    vendor = replace(model.model._endpoint.vendor, batches=FileBatches(max_requests=4))
    model.model._endpoint = replace(model.model._endpoint, vendor=vendor)
    assert texts(run(model, requests())[0]) == [f"value {n}" for n in range(10)]
    assert [len(batch.rows) for batch in server.batches] == [4, 4, 2]
    line = len(server.files["file-3"]) // 2
    vendor = replace(vendor, batches=FileBatches(max_bytes=3 * line + 9))
    model.model._endpoint = replace(model.model._endpoint, vendor=vendor)
    run(model, requests(first=20))
    assert [len(batch.rows) for batch in server.batches[3:]] == [3, 3, 3, 1]


def test_a_process_that_died_while_waiting_is_followed_by_one_that_sends_nothing(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate(looks=3)]
    sent(host, tmp_path)
    results, _ = run(opened(host, tmp_path), requests(12))  # the next process, of which two more are wanted
    assert texts(results) == [f"value {n}" for n in range(12)]
    assert [len(batch.rows) for batch in server.batches] == [10, 2]
    assert set(server.times.values()) == {1}


def test_one_that_died_while_sending_finds_its_batch_by_the_mark(host: str, server: BatchServer, tmp_path: Path) -> None:
    model = sent(host, tmp_path)
    (note,) = BatchNotes(tmp_path / "batches")
    model.notes.write(replace(note, name=""))  # as it stands before the host has answered
    assert texts(run(opened(host, tmp_path), requests())[0]) == [f"value {n}" for n in range(10)]
    assert set(server.times.values()) == {1}
    never = [request_digest(one, model.identity) for one in requests(3, 20)]
    lost = model.notes.add("x", model.identity, never, after=server.batches[-1].id)
    assert texts(run(opened(host, tmp_path), requests(3, 20))[0]) == ["value 20", "value 21", "value 22"]
    assert lost.mark not in {one.mark for one in model.notes}, "it never came there"


def test_of_two_batches_of_one_size_the_one_with_our_rows_is_taken(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate(looks=3)]
    model = sent(host, tmp_path)
    (note,) = BatchNotes(tmp_path / "batches")
    model.notes.write(replace(note, name=""))
    row = {"custom_id": "another's", "params": ANOTHERS}
    server.handed_over([row] * 10)  # by another project with the same key, since
    assert texts(run(opened(host, tmp_path), requests())[0]) == [f"value {n}" for n in range(10)]
    assert len(server.batches) == 2, "nothing is sent again"


@pytest.mark.parametrize("looks", [(3, 6), (6, 3)])
def test_of_two_batches_that_were_being_sent_each_is_found_whichever_ends_first(
    looks: tuple[int, int], server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate(looks=n) for n in looks]
    for first in (0, 10):
        model = sent("anthropic", tmp_path, first)
    for note in model.notes:
        model.notes.write(replace(note, name=""))
    assert texts(run(opened("anthropic", tmp_path), requests(20))[0]) == [f"value {n}" for n in range(20)]
    assert set(server.times.values()) == {1}, "nothing is sent, and paid, again"
    assert not list(model.notes)


def test_a_batch_of_another_model_is_not_waited_for(server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate(looks=1_000), Fate()]
    sent("anthropic", tmp_path)
    other = opened("anthropic", tmp_path, "large")
    other.notes.add(other.name, other.identity, [request_digest(one, other.identity) for one in requests()])
    other.waits = False
    with pytest.raises(StillRunning, match="1 batches of anthropic:large"):
        run(other, requests())
    assert [batch.rows[0]["params"]["model"] for batch in server.batches] == ["small", "large"], "it never came there"


def test_one_that_never_came_there_is_sent_once_the_only_one_of_its_size_shows_that_it_is_anothers(
    server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate(looks=3)]
    model = opened("anthropic", tmp_path)
    model.notes.add(model.name, model.identity, [request_digest(one, model.identity) for one in requests()])
    row = {"custom_id": "another's", "params": ANOTHERS}
    server.handed_over([row] * 10)
    assert texts(run(model, requests())[0]) == [f"value {n}" for n in range(10)]
    assert len(server.batches) == 2
    assert not list(BatchNotes(tmp_path / "batches"))


def test_what_two_processes_take_from_one_batch_is_taken_by_both(server: BatchServer, tmp_path: Path) -> None:
    sent("openai", tmp_path)
    notes = BatchNotes(tmp_path / "batches")
    (note,) = notes
    notes.take(note, note.holds[:4])
    notes.take(note, note.holds[4:8])  # by a process that had read it before
    (left,) = notes
    assert left.holds == note.holds[8:]
    notes.drop(left)
    notes.take(note, note.holds[:1])
    assert not list(notes), "what was given up stays given up"


def test_answers_that_the_host_keeps_no_longer_are_said_and_asked_again(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    sent(host, tmp_path)
    server.keeps = False
    with pytest.raises(ServerError, match="ended with 0 of 10 answered"):
        run(opened(host, tmp_path), requests())
    assert not list(BatchNotes(tmp_path / "batches"))
    server.keeps = True
    assert texts(run(opened(host, tmp_path), requests())[0]) == [f"value {n}" for n in range(10)]


def test_a_batch_is_found_behind_many_that_others_have_made_since(host: str, server: BatchServer, tmp_path: Path) -> None:
    model = sent(host, tmp_path)
    (note,) = BatchNotes(tmp_path / "batches")
    model.notes.write(replace(note, name=""))
    for _ in range(150):
        server.handed_over([{"custom_id": "another's"}])
    assert texts(run(opened(host, tmp_path), requests())[0]) == [f"value {n}" for n in range(10)]
    assert sum(len(batch.rows) == 10 for batch in server.batches) == 1


def test_an_answer_to_the_creation_that_breaks_off_makes_no_second_batch(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    server.creation = [503, "cut"]
    assert texts(run(opened(host, tmp_path), requests())[0]) == [f"value {n}" for n in range(10)]
    assert len(server.batches) == 1


def test_what_an_expired_batch_answered_is_kept_and_the_rest_is_sent_by_the_next_command(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate("expired", answered=0.4), Fate()]
    taken = set[int]()

    def take() -> None:
        for index, _ in opened(host, tmp_path).run(requests()):
            taken.add(index)

    hours = 48 if host == "gemini" else 24
    with pytest.raises(ServerError, match=rf"expired after its {hours} hours with 4 of 10 answered: these are kept"):
        take()
    assert len(taken) == 4
    left = [one for index, one in enumerate(requests()) if index not in taken]
    assert len(texts(run(opened(host, tmp_path), left)[0])) == 6
    assert set(server.times.values()) == {1, 2}, "the six that were never asked are sent again, and no other"
    assert sum(n == 2 for n in server.times.values()) == 6


def test_one_that_the_host_cancels_is_told(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate("cancelled", answered=0.0)]
    with pytest.raises(ServerError, match=r"batch_1 was cancelled with 0 of 10 answered.*the same command sends the rest"):
        run(opened(host, tmp_path), requests())
    assert not list(BatchNotes(tmp_path / "batches"))


def test_one_that_fails_validation_is_told_in_the_hosts_words(server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate("failed", why=("invalid_json_line", "This line is not parseable as valid JSON."))]
    with pytest.raises(ServerError, match=r"came to nothing \(request 1: This line is not parseable"):
        run(opened("openai", tmp_path), requests())


def test_a_queue_that_is_too_small_gets_less_at_a_time(server: BatchServer, tmp_path: Path) -> None:
    full = Fate("failed", why=("token_limit_exceeded", "Enqueued token limit reached for small."))
    server.fates = [full, full, Fate()]
    results, said = run(opened("openai", tmp_path), requests())
    assert texts(results) == [f"value {n}" for n in range(10)]
    assert [len(batch.rows) for batch in server.batches] == [10, 5, 3, 3, 3, 1]
    assert any("Enqueued token limit reached" in line for line in said)


def test_half_the_rows_failing_is_told_and_each_is_sent_once_more(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate(broken=0.5), Fate()]
    results, said = run(opened(host, tmp_path), requests())
    assert texts(results) == [f"value {n}" for n in range(10)]
    assert [len(batch.rows) for batch in server.batches] == [10, 5]
    assert any("5 of 10 rows of batch_1 failed, most often" in line and "5 are sent once more" in line for line in said)


def test_rows_that_go_on_failing_are_failures_and_are_not_sent_a_third_time(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate(broken=0.5), Fate(broken=1.0)]
    model = opened(host, tmp_path)
    results, _ = run(model, requests())
    failures = [r for r in results.values() if isinstance(r, Failure)]
    assert len(failures) == 5
    assert "The server had an error" in failures[0].error
    again, _ = run(model, [one for index, one in enumerate(requests()) if isinstance(results[index], Failure)])
    assert all(isinstance(r, Failure) for r in again.values())
    assert len(server.batches) == 2, "this command remembers what failed"
    assert max(server.times.values()) == 2


def test_a_row_that_is_refused_for_good_is_not_sent_again(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate(broken=0.2, status=400, words="prompt is too long: the maximum is 8 tokens")]
    results, said = run(opened(host, tmp_path), requests())
    failures = [r for r in results.values() if isinstance(r, Failure)]
    assert [f.excess for f in failures] == [-1, -1]
    assert len(server.batches) == 1
    assert any("2 count as misses, and the next command asks them again" in line for line in said)


def test_a_parameter_that_the_model_does_not_take_is_left_out_the_second_time(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate(broken=1.0, status=400, words="Unsupported parameter: 'temperature' is not supported"), Fate()]
    results, _ = run(opened(host, tmp_path), requests(3))
    assert texts(results) == ["value 0", "value 1", "value 2"]
    rows = [row for batch in server.batches for row in batch.rows]
    bodies = [row.get("body") or row.get("params") or row["request"]["generationConfig"] for row in rows]
    assert ["temperature" in body for body in bodies] == [True] * 3 + [False] * 3


def test_money_that_ends_in_the_middle_of_a_batch_loses_no_answer_and_stops_the_next_command_not(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [Fate(broken=0.5, status=402, words="You exceeded your current quota"), Fate()]
    model, answers = opened(host, tmp_path), dict[int, Result | Failure]()
    with pytest.raises(ServerError, match="no money or quota left"):
        answers.update((index, result) for index, result in model.run(requests()))
    assert not list(BatchNotes(tmp_path / "batches"))
    results, _ = run(opened(host, tmp_path), requests(5))
    assert texts(results) == [f"value {n}" for n in range(5)]
    assert [len(batch.rows) for batch in server.batches] == [10, 5]


def test_a_look_that_fails_after_a_creation_broke_off_leaves_the_batch_to_be_found(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    server.creation = ["cut"]
    server.lists = [429] * 9
    with pytest.raises(ServerError, match=r"whether the host took a batch is not known .*: the same command finds it out"):
        run(opened(host, tmp_path, retries=1), requests())
    server.lists = []
    assert texts(run(opened(host, tmp_path), requests())[0]) == [f"value {n}" for n in range(10)]
    assert len(server.batches) == 1


def test_rows_that_stand_in_no_file_are_sent_once_more(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate(odd=2), Fate()]
    results, said = run(opened(host, tmp_path), requests())
    assert texts(results) == [f"value {n}" for n in range(10)]
    assert any("batch_1 has no row for 2 requests" in line for line in said)


def test_too_many_batches_is_waited_for_and_then_told(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.creation = [429, 429]
    assert len(run(opened(host, tmp_path), requests())[0]) == 10
    server.creation = [429] * 9
    with pytest.raises(
        ServerError, match=r"takes no more batches now \(HTTP 429.*run the same command later; nothing is lost"
    ):
        run(opened(host, tmp_path), requests(first=20))
    assert not list(BatchNotes(tmp_path / "batches"))


def test_a_file_that_is_too_large_goes_in_parts(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.max_bytes = 1_500
    results, _ = run(opened(host, tmp_path), requests())
    assert texts(results) == [f"value {n}" for n in range(10)]
    assert len(server.batches) > 1
    assert set(server.times.values()) == {1}
    server.max_bytes = 10
    with pytest.raises(ServerError, match="takes no request of this size"):
        run(opened(host, tmp_path), requests(first=20))


def test_a_host_that_is_away_for_a_while_is_asked_again(host: str, server: BatchServer, tmp_path: Path) -> None:
    server.fates = [Fate(looks=2)]
    model = opened(host, tmp_path, retries=0)
    model.waits = False
    with pytest.raises(StillRunning) as running:
        run(model, requests())
    server.stop()
    model.model.close()
    threading.Timer(0.3, server.start).start()
    said: list[str] = []
    with reporting(Lines(said.append, seconds=0)):
        wait_for([running.value])
    assert any("cannot be asked after now" in line for line in said)
    assert texts(run(model, requests())[0]) == [f"value {n}" for n in range(10)]
    assert set(server.times.values()) == {1}


def test_a_batch_that_this_key_does_not_see_is_neither_forgotten_nor_paid_again(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    sent(host, tmp_path)
    at_the_host = [*server.batches]
    server.batches.clear()
    for _ in range(2):
        with pytest.raises(ServerError, match=r"for this key.*'rung batches cancel' gives it up"):
            run(opened(host, tmp_path), requests())
    server.batches.extend(at_the_host)
    assert len(run(opened(host, tmp_path), requests())[0]) == 10
    assert set(server.times.values()) == {1}


def test_answers_that_this_run_does_not_want_are_still_there_for_one_that_does(
    host: str, server: BatchServer, tmp_path: Path
) -> None:
    sent(host, tmp_path)
    run(opened(host, tmp_path), requests(4))
    (note,) = BatchNotes(tmp_path / "batches")
    assert len(note.holds) == 6
    assert len(run(opened(host, tmp_path), requests())[0]) == 10
    assert server.times.total() == 14, "the four that were taken are the cache's to remember"


def test_ctrl_c_leaves_the_batch_and_says_how_to_go_on(host: str, server: BatchServer, tmp_path: Path) -> None:
    from rung.progress import waiting_while

    server.fates = [Fate(looks=1_000)]

    def stop() -> None:
        raise KeyboardInterrupt

    said: list[str] = []
    model = opened(host, tmp_path)
    with reporting(Lines(said.append, seconds=0)), waiting_while(stop), pytest.raises(KeyboardInterrupt):
        list(model.run(requests()))
    assert any("batch_1: at the host work goes on; the same command takes up its answers" in line for line in said)
    assert [note.name for note in model.notes] == ["batch_1"]


def test_a_note_that_is_damaged_is_named(server: BatchServer, tmp_path: Path) -> None:
    from rung.errors import Damaged

    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Damaged, match=r"x\.json is damaged"):
        run(opened("openai", tmp_path), requests())
    notes = BatchNotes(tmp_path / "batches")
    note = notes.add("openai:small", "small", ["a", "b"])
    (notes.folder / f"{note.mark}.json").write_text("{}", encoding="utf-8")  # while its answers are read
    with pytest.raises(Damaged, match=rf"{note.mark}\.json is damaged"):
        notes.take(note, ["a"])
