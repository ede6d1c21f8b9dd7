"""Is what was acknowledged kept, whole, in either database, whatever stands beside it?"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from rung.errors import UserError
from rung.state.addresses import database_secrets, without_secrets
from rung.state.buffered import BufferedWriter
from rung.state.database import State, Unavailable, form_of
from rung.state.feedback import Remark, add_remark, complete, remarks, who_answered
from rung.state.presence import FILE
from rung.state.tables import METADATA, about, answers
from tests.state.databases import database


def remark(question: str = "one") -> Remark:
    return Remark("a1", "ada", "down", {"comment": "no"}, {"question": question})


def questions(state: State) -> list[object]:
    return [one.entry["question"] for one in remarks(state) if one.entry]


def test_migrations_make_the_tables_that_are_declared(state: State) -> None:
    with state.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    assert form_of(state)


def test_what_one_process_wrote_another_reads(state: State, records: str, tmp_path: Path) -> None:
    for text in ("one", "two\nlines", "nul \0 and lone \ud800 half"):
        add_remark(state, remark(text))
    with State(tmp_path, records) as other:
        assert questions(other) == ["one", "two\nlines", "nul \0 and lone \ud800 half"]
        assert [one.number for one in remarks(other, after=2)] == [3]


def test_a_block_that_fails_leaves_nothing(state: State) -> None:
    def half() -> None:
        with state.writing() as connection:
            connection.execute(about.insert().values(name="half", value="1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with state.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(about).where(about.c.name == "half")) == 0


def test_writers_follow_one_another(state: State) -> None:
    """Each adds one to a number: none is lost, also where all read before they write."""
    with state.writing() as connection:
        connection.execute(about.insert().values(name="count", value="0"))

    def add() -> None:
        for _ in range(10):
            with state.alone("count") as connection:
                count = int(connection.scalar(sa.select(about.c.value).where(about.c.name == "count")) or "")
                connection.execute(about.update().where(about.c.name == "count").values(value=str(count + 1)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with state.reading() as connection:
        assert connection.scalar(sa.select(about.c.value).where(about.c.name == "count")) == "40"


def test_opened_by_many_at_once_it_is_made_once(records: str, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def opened() -> None:
        try:
            State(tmp_path, records).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=opened) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_newer_form_is_refused(state: State, records: str, tmp_path: Path) -> None:
    with state.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'z99'"))
    with pytest.raises(UserError, match=r"newer Rung.*update Rung"):
        State(tmp_path, records)


def test_who_answered_tells_another_process(state: State) -> None:
    row = {"id": "a1", "at": 1, "caller": "ada", "model": "rag", "digest": "d", "process": "p"}
    with state.writing() as connection:
        connection.execute(answers.insert().values(row))
    known = who_answered(state, "a1")
    assert known is not None
    assert (known.caller, known.process) == ("ada", "p")
    assert who_answered(state, "a2") is None


def test_the_process_that_answered_adds_what_was_asked(state: State) -> None:
    add_remark(state, Remark("a1", "ada", "up", {}, {"model": "rag"}), process="p")
    add_remark(state, Remark("a2", "ada", "up", {}, {"model": "rag"}), process="p")
    known = {"a1": {"model": "rag", "question": "one"}}
    assert complete(state, "other", known.get) == 0
    assert complete(state, "p", known.get) == 2
    assert [one.entry for one in remarks(state)] == [{"model": "rag", "question": "one"}, {"model": "rag"}]
    assert complete(state, "p", known.get) == 0


# --- the folder's own file ------------------------------------------------------------------------------------------------


def test_what_an_earlier_rung_kept_is_taken_over_once(tmp_path: Path) -> None:
    row = {"id": "a1", "caller": "ada", "rating": "down", "comment": "no", "question": "one"}
    whole = json.dumps({**row, "at": "2026-11-01T10:00:00+00:00"})
    (tmp_path / "feedback.jsonl").write_text(f'{whole}\n{{"cut by a cra', "utf-8")
    with State(tmp_path) as state:
        for _ in range(2):
            (one,) = remarks(state)
            assert (one.answer, one.details, one.entry) == ("a1", {"comment": "no"}, {"question": "one"})
            assert one.at == 1793527200000
        taken = tmp_path / "feedback.taken-over.jsonl"
        taken.replace(tmp_path / "feedback.jsonl")  # as if killed before it was renamed
        assert len(list(remarks(state))) == 1


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    State(tmp_path).close()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    with pytest.raises(Unavailable, match="not a database"):
        State(tmp_path)


def test_a_full_disk_is_said_and_nothing_half_is_kept(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        add_remark(state, remark())
    pid = os.fork()
    if pid == 0:  # a limit on the size of files stands for a full disk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = (tmp_path / FILE).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            with State(tmp_path) as state:
                add_remark(state, remark("x" * 1_000_000))
        except Unavailable:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    with State(tmp_path) as state:
        add_remark(state, remark("two"))
        assert questions(state) == ["one", "two"]


@pytest.mark.slow
def test_what_a_killed_process_was_told_is_kept_is_kept(tmp_path: Path) -> None:
    run = (
        "import sys; from pathlib import Path; from rung.state.database import State\n"
        "from rung.state.feedback import Remark, add_remark\n"
        "state = State(Path(sys.argv[1]))\n"
        "for n in range(int(sys.argv[2]), 10**9):\n"
        "    add_remark(state, Remark('', '', 'up', {}, {'question': n})); print(n, flush=True)\n"
    )
    told = 0
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", run, str(tmp_path), str(told)], stdout=subprocess.PIPE, text=True
        ) as one:
            assert one.stdout is not None
            for _ in range(20):
                told = int(one.stdout.readline()) + 1
            one.kill()
            rest = one.stdout.read().split("\n")[:-1]
            told = int(rest[-1]) + 1 if rest else told
        with State(tmp_path) as state:
            kept = questions(state)
            assert kept[:told] == list(range(told))
            assert len(kept) <= told + 1
            told = len(kept)


# --- PostgreSQL -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_shared_database_is_one_project_s(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as address:
        State(tmp_path, address, project="shop").close()
        State(tmp_path, address, project="shop").close()
        with pytest.raises(UserError, match="of 'shop', not of 'bank'"):
            State(tmp_path, address, project="bank")


@pytest.mark.slow
def test_what_a_server_refuses_for_now_is_unavailable_not_a_defect(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as address:
        State(tmp_path, address).close()
        mark = "&" if "?" in address else "?"
        with State(tmp_path, f"{address}{mark}options=-c%20default_transaction_read_only%3Don") as state:
            with pytest.raises(Unavailable, match="read-only transaction"):
                add_remark(state, remark())
            writer = BufferedWriter(state, seconds=3600)
            writer.add(answers, {"id": "a", "at": 1, "caller": "", "model": "", "digest": "", "process": ""})
            with pytest.raises(Unavailable):
                writer.flush()
            assert writer.dropped == 0
            writer.close()
        with State(tmp_path, address) as state:
            with state.writing() as connection:
                connection.execute(sa.text(f"CREATE ROLE reader_{os.getpid()}"))

            def read() -> None:
                with state.writing() as connection:
                    connection.execute(sa.text(f"SET LOCAL ROLE reader_{os.getpid()}"))
                    connection.execute(sa.select(answers))

            with pytest.raises(Unavailable, match="permission denied"):
                read()
            with state.writing() as connection:
                connection.execute(sa.text(f"DROP ROLE reader_{os.getpid()}"))


@pytest.mark.slow
def test_nobody_waits_for_a_lock_or_a_statement_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.state.database._PATIENCE", 1)
    with database("postgresql", tmp_path) as address, State(tmp_path, address) as one, State(tmp_path, address) as other:
        with one.reading() as connection:
            shown = [connection.scalar(sa.text(f"SHOW {name}")) for name in ("lock_timeout", "statement_timeout")]
        assert shown == ["1s", "30s"]
        with (
            one.alone("deployments"),
            pytest.raises(Unavailable, match="lock timeout"),
            other.alone("deployments"),
        ):
            pass


@pytest.mark.slow
def test_a_host_that_says_nothing_counts_as_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.state.database._CONNECTING", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="timeout"):
            State(tmp_path, f"postgresql://127.0.0.1:{silent.getsockname()[1]}/rung?gssencmode=disable")
        assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:secret@127.0.0.1:1/rung",
        "postgresql://127.0.0.1:1/rung?password=secret",
        "postgresql://127.0.0.1:1/rung?pass%77ord=secret",
        "postgresql://ada:pa/secret@127.0.0.1:1/rung",
        "postgresql://ada:p secret@127.0.0.1:1/rung",
        "postgresql://ada:p@secret@127.0.0.1:1/rung",
        "postgresql://ada:p%40secret@127.0.0.1:1/rung",
        "postgresql://ada:p@secret:x@127.0.0.1:port/rung",
        "mysql://ada:pa/secret@127.0.0.1/rung",
    ],
)
def test_a_database_that_is_away_is_said_without_its_password(tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError) as caught:
        State(tmp_path, address)
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_short_password_is_taken_out_of_sentences_as_a_word() -> None:
    secrets = database_secrets("postgresql://ada:pw@db/rung")
    assert without_secrets('no such host "pw@db", not of spwn', secrets) == 'no such host "***@db", not of spwn'


def test_an_address_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no address of PostgreSQL: write postgresql://HOST/DATABASE"):
        State(tmp_path, "mysql://ada:secret@db/rung")


@pytest.mark.parametrize("name", ["plain", "what is 100%? #1 of ünïcode"])
def test_a_file_that_is_gone_is_away_and_not_begun_anew(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    with State(folder) as state:
        add_remark(state, remark())
        state.engine.dispose()
        parts = [part.rename(tmp_path / part.name) for part in folder.glob(f"{FILE}*") if not part.name.endswith(".lock")]
        with pytest.raises(Unavailable, match="unable to open database file"):
            add_remark(state, remark("two"))
        assert not (folder / FILE).exists()
        for part in parts:
            part.rename(folder / part.name)
        assert questions(state) == ["one"]
