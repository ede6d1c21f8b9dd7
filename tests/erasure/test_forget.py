"""What is forgotten is in no file of the state any more; what is the user's own, or was trained, is named."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rung.artifacts.store import remember_rows, seal
from rung.commands.forget import forget, look
from rung.config.project import load_project
from rung.erasure.documents import Documents
from rung.erasure.ledger import Ledger
from rung.erasure.results import Results
from rung.erasure.running import serving
from rung.erasure.served import Served
from rung.erasure.target import folded
from rung.errors import UserError
from rung.records.deployment import DeploymentEvent
from rung.runtime.engines import index_of
from rung.state.database import open_state
from rung.state.deployments import add_event
from rung.state.tables import differences, feedback, observations, traces
from rung.tracing.store import row_of
from rung.training.registry import LearntRow
from tests.cli.conftest import Run
from tests.erasure.conftest import ANN, ASKED, OF_ANN, OF_BOB, of_ann
from tests.erasure.grepping import holding
from tests.killing import killed
from tests.records.test_deployment import RECORD
from tests.serving.serving import served

pytestmark = pytest.mark.slow


def erased(shop: Path, name: str = ANN) -> Any:
    return forget(load_project(shop), name, by="dpo", reason="asked for")


def rows(shop: Path, table: sa.Table) -> list[Any]:
    with open_state(load_project(shop)) as state, state.reading() as connection:
        return list(connection.execute(sa.select(table)))


def without_ann(shop: Path) -> None:
    """The user's own files, as the user would change them."""
    (shop / "docs" / "ann.md").unlink()
    (shop / "report.html").unlink(missing_ok=True)
    for name in ("cases.jsonl", "examples.jsonl", "feedback.drafts.jsonl"):
        lines = (shop / name).read_text(encoding="utf-8").splitlines()
        (shop / name).write_text("".join(f"{line}\n" for line in lines if ANN not in line), encoding="utf-8")


def test_a_text_is_in_no_file_afterwards_and_what_is_not_hers_stays(shop: Path) -> None:
    before = holding(shop / ".rung", ANN)
    places = ("rung.db", "state.db", "index", "verdicts", "running.json", "damaged", "feedback.taken", "artifacts")
    assert [one for one in places if not any(one in name for name in before)] == [], "the check of the check"
    report = erased(shop)
    assert holding(shop / ".rung", ANN) == []
    assert (report.remaining, report.servers) == ((), 0)
    assert ANN not in (shop / "reviews.jsonl").read_text(encoding="utf-8")
    assert '"by": "cy"' in (shop / "reviews.jsonl").read_text(encoding="utf-8")
    assert [row.id for row in rows(shop, traces)] == [OF_BOB]
    assert [row.answer for row in rows(shop, differences)] == [OF_BOB]
    assert [(row.rating, row.caller) for row in rows(shop, feedback)] == [("down", "ann"), ("up", "bob")]
    assert len(rows(shop, observations)) == 2
    (verdict,) = [path for path in (shop / ".rung" / "verdicts").iterdir() if path.is_dir()]
    assert {"verdict.json", "record.json", "verdict.txt"} <= {path.name for path in verdict.iterdir()}


def test_files_of_the_user_are_named_with_their_lines_and_untouched(shop: Path) -> None:
    own = {name: (shop / name).read_bytes() for name in ("docs/ann.md", "cases.jsonl", "examples.jsonl")}
    report = erased(shop)
    named = {(one.path, one.line) for one in report.left}
    assert {("docs/ann.md", 3), ("cases.jsonl", 9), ("examples.jsonl", 2)} <= named
    assert "feedback.drafts.jsonl" in {path for path, _ in named}, "it was approved"
    assert not report.is_whole
    assert own == {name: (shop / name).read_bytes() for name in own}
    drafts = (shop / "feedback.drafts.jsonl").read_text(encoding="utf-8")
    assert ('"d1"' in drafts, '"d2"' in drafts) == (False, True)


def test_versions_of_the_index_stay_where_none_holds_it(shop: Path, rung: Run) -> None:
    (shop / "docs" / "more.md").write_text("# More\n\nWe open at nine.\n", encoding="utf-8")
    rung("sync", shop)
    (shop / "notes.txt").write_text("Bertha Borg called\n", encoding="utf-8")
    assert erased(shop, "Bertha Borg").left[0].path == "notes.txt"
    assert len(index_of(load_project(shop)).versions()) == 2


def test_what_is_shown_first_changes_nothing_and_the_command_says_what_it_did(shop: Path, rung: Run) -> None:
    before = holding(shop / ".rung", ANN)
    shown = rung("forget", shop, ANN)
    assert "nothing was erased: --yes erases it" in shown.out
    assert "docs/ann.md:3: it is yours" in shown.out
    assert holding(shop / ".rung", ANN) == before
    assert not (shop / ".rung" / "erasures.jsonl").exists()
    said = rung("forget", shop, ANN, "--yes", "--by", "dpo", code=1)
    assert "left to you" in said.out
    assert "backups" in said.out
    without_ann(shop)
    again = erased(shop)
    assert (again.findings, again.left, again.again.what, again.erased, again.is_whole) == ((), (), "done", False, True)


def test_the_record_has_a_keyed_digest_and_no_word(shop: Path) -> None:
    erased(shop)
    log = (shop / ".rung" / "erasures.jsonl").read_text(encoding="utf-8")
    begun, done = map(json.loads, log.splitlines())
    assert ([begun["what"], done["what"]], done["by"], done["reason"]) == (["begun", "done"], "dpo", "asked for")
    assert done["erased"]["state.db: traces"] == 1
    assert ANN.split()[1] not in log
    assert Ledger(shop / ".rung").last(f"  {ANN.upper()} ") is not None
    key = shop / ".rung" / "erasures.key"
    assert key.stat().st_mode & 0o077 == 0
    key.write_text("00" * 32)
    assert Ledger(shop / ".rung").last(ANN) is None, "the digest is keyed"


def test_a_document_goes_with_what_quotes_it(shop: Path) -> None:
    report = erased(shop, "docs/ann.md")
    assert report.target.kind == "document"
    assert holding(shop / ".rung", "blue kettle on the third of May") == []
    assert "docs/ann.md" in {one.path for one in report.left}
    assert [row.id for row in rows(shop, traces)] == [OF_ANN, OF_BOB], "neither found the document"
    assert [row.answer for row in rows(shop, differences)] == [OF_BOB]
    entry = rows(shop, feedback)[0].entry
    assert (entry["question"], entry["answer"], entry["documents"]) == (ASKED, "[forgotten]", ["[forgotten]"])


def test_an_answer_goes_by_its_id_with_what_its_caller_wrote(shop: Path) -> None:
    report = erased(shop, f"chatcmpl-{OF_ANN}")
    assert (report.target.kind, report.target.callers) == ("answer", {"ann", "key:1", "key:0a1b2c3d4e5f"})
    assert holding(shop / ".rung", ASKED) == []
    assert holding(shop / ".rung", "third of May") != [], "the document is not hers"
    assert next(iter(rows(shop, feedback))).entry is None
    assert ASKED not in (shop / "reviews.jsonl").read_text(encoding="utf-8")


def test_drafts_of_an_answers_feedback_go_by_its_number_whatever_their_words(shop: Path) -> None:
    numbers = [row.number for row in rows(shop, feedback)]
    of_both = [{"id": f"feedback-{n}", "question": "Kettle?", "answers": [], "meta": {"feedback": [n]}} for n in numbers]
    with (shop / "feedback.drafts.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({**row, "drafted_by": "feedback", "approved_by": ""}) + "\n" for row in of_both)
    report = erased(shop, f"chatcmpl-{OF_ANN}")
    assert report.target.rows == {f"feedback-{numbers[0]}"}
    assert report.remaining == ()
    drafts = (shop / "feedback.drafts.jsonl").read_text(encoding="utf-8")
    assert (f"feedback-{numbers[0]}" in drafts, f"feedback-{numbers[1]}" in drafts) == (False, True)


def test_that_the_watch_will_have_nothing_to_compare_with_is_said_beforehand(shop: Path, rung: Run) -> None:
    assert "watched no more" not in rung("forget", shop, ANN).out, "nothing is served yet"
    (verdict,) = [path.name for path in (shop / ".rung" / "verdicts").iterdir() if path.is_dir()]
    with open_state(load_project(shop)) as state:
        record = replace(RECORD, verdict=verdict)
        add_event(state, DeploymentEvent(0, record.id, "promoted", "bob"), expected=0, record=record)
    shown = rung("forget", shop, ANN).out
    assert f"deployment {record.id} ({record.label}) was measured by verdict {verdict}, whose stored answers" in shown
    assert "could be watched no more" in shown
    assert json.loads(rung("forget", shop, ANN, "--json").out)["blinded"] != []
    (shop / "notes.txt").write_text("Bertha Borg called\n", encoding="utf-8")
    assert look(load_project(shop), "Bertha Borg").blinded == (), "no answer of the verdict holds it"
    assert erased(shop).blinded != ()
    assert look(load_project(shop), ANN).blinded == (), "they are gone"


def test_a_case_goes_by_its_id_and_what_it_taught_is_named(shop: Path) -> None:
    folder = shop / ".rung" / "artifacts" / "adapter" / ("c" * 64)
    folder.mkdir(parents=True)
    remember_rows(folder, [LearntRow("1" * 64, "e2", "examples.jsonl:2"), LearntRow("2" * 64, "e1", "examples.jsonl:1")])
    seal(folder, {"kind": "adapter", "rows": 2})
    by_text, by_id = look(load_project(shop), ANN), look(load_project(shop), "e2")
    for report in (by_text, by_id):
        assert [(one.digest, one.rows) for one in report.trained] == [("c" * 64, 1)]
        assert report.trained[0].advice == f"'rung artifacts retire {'c' * 12}', and train again without these rows"
    assert by_id.target.kind == "row"
    assert look(load_project(shop), "e1").trained[0].rows == 1
    erased(shop, "a1")
    assert holding(shop / ".rung" / "verdicts", f"When did {ANN}") == []


def test_of_a_row_no_refusal_and_no_words_of_other_rows_are_taken_along(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\ncases: [c.jsonl]\nbehaviour: {examples: [e.jsonl]}\n", encoding="utf-8")
    said = "I do not know that from our documents."
    shared = "We ship to Norway within three days."
    rows = {"e1": f"{shared} Ask for Ann Lindqvist at the desk.", "e2": shared, "e3": said}
    turns = {id: [{"role": "user", "content": f"Hello {id}"}, {"role": "assistant", "content": a}] for id, a in rows.items()}
    lines = [json.dumps({"id": id, "messages": messages}) for id, messages in turns.items()]
    (tmp_path / "e.jsonl").write_text("\n".join(lines), encoding="utf-8")
    case = {"id": "c1", "question": "Where may Bertha Borg collect it?", "answers": [shared]}
    (tmp_path / "c.jsonl").write_text(json.dumps(case), encoding="utf-8")
    texts = {id: look(load_project(tmp_path), id).target.texts for id in ("e1", "e2", "e3", "c1")}
    whole = folded(rows["e1"])
    assert texts == {
        "e1": ("ask for ann lindqvist at the desk.", whole),
        "e2": (),
        "e3": (),
        "c1": ("where may bertha borg collect it?",),
    }


def test_a_row_whose_words_most_traces_hold_is_refused(shop: Path) -> None:
    with open_state(load_project(shop)) as state, state.writing() as connection:
        asked = [row_of(of_ann(f"{number:032x}")) for number in range(30)]
        connection.execute(traces.insert(), asked)
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "often", "question": ASKED, "answers": ["May"], "split": "test"}) + "\n")
    with pytest.raises(UserError, match=r"what is said in 'often' stands in 31 of 32 traces"):
        erased(shop, "often")


def test_a_deployment_that_shows_the_example_is_said_to_stop(shop: Path) -> None:
    folder = shop / ".rung" / "artifacts" / "example-index" / ("e" * 64)
    folder.mkdir(parents=True)
    (folder / "texts.json").write_text(json.dumps([ANN]), encoding="utf-8")
    seal(folder, {"kind": "example-index", "rows": 1})
    shown, other = (replace(RECORD, artifacts={digest * 64: "x"}) for digest in "ef")
    with open_state(load_project(shop)) as state:
        add_event(state, DeploymentEvent(0, shown.id, "promoted", "bob"), expected=0, record=shown)
    why = [one.why for one in look(load_project(shop), ANN).left if "stops" in one.why]
    assert why == [f"deployment {shown.id} stops, it shows an example that goes: compare and promote anew"]
    with open_state(load_project(shop)) as state:
        add_event(state, DeploymentEvent(0, other.id, "promoted", "bob"), expected=1, record=other)
    assert not [one for one in look(load_project(shop), ANN).left if "stops" in one.why]


def test_others_who_asked_the_same_keep_their_verdicts_and_cases(shop: Path) -> None:
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "same", "question": ASKED, "answers": ["May"], "split": "test"}) + "\n")
    report = look(load_project(shop), f"chatcmpl-{OF_ANN}")
    assert "cases.jsonl" not in {one.path for one in report.left}


@pytest.mark.parametrize(
    ("name", "why"),
    [("nobody at all", "is found nowhere"), ("ann", "too short"), ("f" * 32, "is found nowhere"), ("the customer", "")],
)
def test_what_is_nowhere_or_too_short_is_refused(name: str, why: str, shop: Path) -> None:
    if not why:
        assert look(load_project(shop), name).findings
        return
    with pytest.raises(UserError, match=why):
        erased(shop, name)
    assert not (shop / ".rung" / "erasures.jsonl").exists()


def test_half_the_project_is_never_erased(shop: Path, rung: Run) -> None:
    for name in ("returns", "shipping"):
        with (shop / "docs" / f"{name}.md").open("a", encoding="utf-8") as file:
            file.write("\nThe warehouse is in Oslo.\n")
    with (shop / "docs" / "staff.md").open("a", encoding="utf-8") as file:
        file.write("\nThe warehouse is in Oslo.\n")
    rung("sync", shop)
    with pytest.raises(UserError, match=r"3 of 4 documents.*write more characters"):
        erased(shop, "The warehouse")


def test_a_comparison_under_way_is_not_met(shop: Path) -> None:
    with (shop / ".rung" / "running.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="a comparison is running"):
            erased(shop)
    assert erased(shop).erased


def test_a_server_that_runs_brings_nothing_back_with_a_later_rating(shop: Path) -> None:
    without_ann(shop)
    with served(shop) as client, serving(shop / ".rung"):
        asked = client.chat(ASKED).json()["id"]
        assert client.post("/v1/feedback", {"id": asked, "rating": "down"}).status_code == 200
        assert holding(shop / ".rung", ASKED) != []
        report = erased(shop)
        assert (report.servers, report.remaining, report.is_whole) == (1, (), True)
        assert client.post("/v1/feedback", {"id": asked, "rating": "up"}).status_code == 200
    assert holding(shop / ".rung", ANN) == []


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN; SELECT count(*) FROM traces"])
@pytest.mark.usefixtures("quick")
def test_a_database_in_use_is_said_and_the_next_try_goes_on(lock: str, shop: Path) -> None:
    with closing(sqlite3.connect(shop / ".rung" / "state.db", isolation_level=None)) as other:
        for statement in lock.split("; "):
            other.execute(statement).fetchall()
        with pytest.raises(UserError, match=r"cannot be used|could not be rewritten"):
            erased(shop)
    assert erased(shop).erased
    assert holding(shop / ".rung", ANN) == []


def test_an_erasure_that_broke_off_is_gone_on_with(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Documents, _target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Documents, "erase", broken)
        with pytest.raises(KeyboardInterrupt):
            erased(shop)
    assert holding(shop / ".rung", ANN) != []
    report = erased(shop)
    assert report.again.what == "begun"
    assert holding(shop / ".rung", ANN) == []
    assert [one.what for one in Ledger(shop / ".rung").entries()] == ["begun", "begun", "done"]


@pytest.mark.parametrize("place", [Served, Results, Documents])
def test_an_erasure_of_a_document_that_broke_off_stays_one_of_a_document(
    place: type[Any], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = place.erase

    def broken(self: Any, target: object) -> None:
        real(self, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, "erase", broken)
        with pytest.raises(KeyboardInterrupt):
            erased(shop, "docs/ann.md")
    report = erased(shop, "docs/ann.md")
    assert (report.target.kind, report.remaining) == ("document", ())
    assert holding(shop / ".rung", "blue kettle on the third of May") == []
    assert look(load_project(shop), "docs/ann.md").target.kind == "document", "the record says so"


def test_a_document_that_traces_alone_name_is_no_text(shop: Path) -> None:
    target = look(load_project(shop), "docs/a.md").target
    assert target.kind == "document"
    assert target.documents == {"docs/a.md"}
    (shop / "notes.txt").write_text("docs/unknown.md\n", encoding="utf-8")
    assert look(load_project(shop), "docs/unknown.md").target.kind == "text"


def test_a_kill_in_the_middle_leaves_what_the_same_command_ends(shop: Path) -> None:
    command = [sys.executable, "-m", "rung", "forget", "-C", str(shop), ANN, "--yes"]
    assert killed(command, shop / ".rung" / "erasures.jsonl", 0.1, env=dict(os.environ))
    erased(shop)
    assert holding(shop / ".rung", ANN) == []


def test_neither_the_record_nor_an_error_repeats_the_text(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text(f"{ANN} wrote\n", encoding="utf-8")
    for words in ({"by": "dpo", "reason": f"as {ANN.upper()} asked"}, {"by": ANN}):
        with pytest.raises(UserError, match="write them without it"):
            forget(load_project(tmp_path), ANN, **words)
    assert not (tmp_path / ".rung" / "erasures.jsonl").exists()
    command = [sys.executable, "-m", "rung", "forget", "-C", str(tmp_path), "-"]
    said = subprocess.run(command, input="Bertha Borg", capture_output=True, text=True, check=False)
    assert "the text is found nowhere" in said.stderr
    assert "Bertha" not in said.stdout + said.stderr


def test_a_project_without_state_has_nothing_to_forget(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    with pytest.raises(UserError, match="is found nowhere"):
        erased(tmp_path)
    (tmp_path / "notes.txt").write_text(f"{ANN} wrote\n", encoding="utf-8")
    report = look(load_project(tmp_path), ANN)
    assert (report.findings, [(one.path, one.line) for one in report.left]) == ((), [("notes.txt", 1)])
