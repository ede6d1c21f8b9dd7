"""`review: required`: is nothing trained and nothing deployed until as many different people approved as are asked for?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rung.commands.review import waiting
from rung.commands.stakes_review import decide_rows, waiting_rows
from rung.config.project import load_project
from rung.dataset.load import load_dataset
from rung.dataset.review_log import reviews
from rung.errors import InputError, UserError
from rung.state.database import State
from rung.state.feedback import Expectation, add_expectation
from tests.cli.conftest import Run

QUESTION = "Do you repair shoes?"
TWO = "review: {required: true, reviewers: 2}\n"


def with_line(shop: Path, text: str) -> Path:
    yaml = shop / "rung.yaml"
    yaml.write_text(yaml.read_text("utf-8") + text, "utf-8")
    return shop


def expected(shop: Path, question: str, answer: str) -> None:
    with State(shop / ".rung") as state:
        add_expectation(state, Expectation("Emmy", (answer,), entry={"question": question, "groups": []}))


def drafts(rung: Run, shop: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(rung("review", shop, "--json").out)
    return listed


def named(shop: Path) -> Path:
    """The shop, whose drafts stand where its cases are."""
    (shop / "cases").mkdir()
    (shop / "cases.jsonl").rename(shop / "cases" / "cases.jsonl")
    yaml = shop / "rung.yaml"
    yaml.write_text(yaml.read_text("utf-8").replace("cases: cases.jsonl", "cases: cases/*.jsonl"), "utf-8")
    return shop


@pytest.mark.parametrize("text", ["review: never\n", "review: {reviewers: 0}\n", "review: {people: 2}\n"])
def test_what_it_may_not_say(shop: Path, text: str) -> None:
    with pytest.raises(InputError, match="review"):
        load_project(with_line(shop, text))


def test_rows_wait_until_different_people_approved_them_and_a_new_one_waits_alone(shop: Path) -> None:
    project = load_project(with_line(shop, TWO))
    assert [one.id for one in waiting_rows(project)] == ["t1"]
    assert decide_rows(project, "approve", by="Ada") == 1
    with pytest.raises(UserError, match="Ada has approved them already"):
        decide_rows(project, "approve", by=" ada")
    assert [one.by for one in waiting_rows(project)] == [("Ada",)]
    decide_rows(project, "approve", by="Grace")
    assert waiting_rows(project) == ()
    cases = shop / "cases.jsonl"
    text = cases.read_text("utf-8")
    cases.write_text(text + json.dumps({"question": "Is it slow?", "answers": ["no"], "split": "train"}) + "\n", "utf-8")
    assert [one.shown for one in waiting_rows(project)] == ["Is it slow?"]
    cases.write_text(text.replace("one day", "two days"), "utf-8")  # what was approved is the row as it stood
    assert [one.id for one in waiting_rows(project)] == ["t1"]
    cases.write_text(text, "utf-8")
    with pytest.raises(UserError, match="no row that would teach waits"):
        decide_rows(project, "reject", by="Emmy", reason="no")
    assert len(reviews(project)) == 2


def test_a_rejection_takes_back_who_approved_before(shop: Path) -> None:
    project = load_project(with_line(shop, TWO))
    decide_rows(project, "approve", by="Ada")
    with pytest.raises(UserError, match="needs its reason"):
        decide_rows(project, "reject", by="Grace")
    decide_rows(project, "reject", by="Grace", reason="not ours")
    assert [one.by for one in waiting_rows(project)] == [()]


def test_the_names_in_a_row_count(shop: Path) -> None:
    cases = shop / "cases.jsonl"
    names = '"split": "train", "approved_by": "Ada, Grace"'
    cases.write_text(cases.read_text("utf-8").replace('"split": "train"', names), "utf-8")
    assert waiting_rows(load_project(with_line(shop, TWO))) == ()


def test_training_is_held_back_and_goes_on_when_it_is_approved(rung: Run, shop: Path) -> None:
    with_line(shop, "review: required\n")
    held = rung("train", "generator", shop, code=2).err
    assert "1 of the rows that would teach is not approved by a person" in held
    assert not list((shop / ".rung").glob("artifacts/adapter/*/manifest.json"))
    assert "nothing is trained" in rung("check", shop, code=None).out
    compared = rung("compare", shop, "--json", code=None).json
    (tuned,) = (one for one in compared["rungs"] if one["name"] == "tuned_model")
    assert tuned["status"] != "measured"
    assert "it is not trained: 1 of the rows" in json.dumps(tuned)
    assert "1 rows that would teach wait" in rung("review", shop).out
    assert "1 rows" in rung("review", shop, "--approve", "training", "--by", "Ada").out
    assert "Ada: approve training 1 rows" in rung("review", shop, "--log").out
    assert "no row that would teach" in rung("review", shop, "--approve", "training", "--by", "Ada", code=2).err


def test_a_draft_takes_two_people_and_then_teaches_without_more_and_retraining_is_due(rung: Run, shop: Path) -> None:
    named(with_line(shop, TWO + "retrain: {when: 1 new approved row}\n"))
    for by in ("Ada", "Grace"):
        rung("review", shop, "--approve", "training", "--by", by)
    expected(shop, QUESTION, "Yes, within a week.")
    rung("feedback", "draft", shop, "--judging", "0")
    (draft,) = drafts(rung, shop)
    assert draft["use"] == "train"
    first = rung("review", shop, "--approve", draft["id"], "--by", "Ada").out
    assert "waits on: approved by Ada, and 2 different people have to" in first
    assert "another person has to" in rung("review", shop, "--approve", draft["id"], "--by", "ada", code=2).err
    (waits,) = drafts(rung, shop)
    assert waits["approved"] == ["Ada"]
    assert QUESTION not in {case.question for case in load_dataset(load_project(shop)).cases}
    rung("review", shop, "--approve", draft["id"], "--by", "Grace")
    assert drafts(rung, shop) == []
    (row,) = map(json.loads, (shop / "cases/feedback.drafts.jsonl").read_text("utf-8").splitlines())
    assert row["approved_by"] == "Ada, Grace"
    assert QUESTION in {case.question for case in load_dataset(load_project(shop)).split("train")}
    due = rung("artifacts", "due", shop, "--json").json["due"]
    assert [(one["due"], one["new"]) for one in due] == [(True, 2)]


def test_who_mends_a_draft_starts_again(rung: Run, shop: Path) -> None:
    from rung.commands.review import decide

    project = load_project(named(with_line(shop, TWO)))
    expected(shop, QUESTION, "Yes.")
    rung("feedback", "draft", shop)
    (draft,) = waiting(project)
    assert decide(project, draft, "approve", by="Ada") == ("Ada",)
    (draft,) = waiting(project)
    mended = draft.mended(question=draft.question, answers=["Yes, in a week."], answerable=True)
    assert decide(project, mended, "approve", by="Grace") == ("Grace",)  # Ada has not seen that
    (draft,) = waiting(project)
    assert (draft.answers, draft.by) == (("Yes, in a week.",), ("Grace",))
    assert decide(project, draft, "approve", by="Ada") == ("Grace", "Ada")


@pytest.fixture
def required(compared_shop: Path, tmp_path: Path) -> Path:
    return with_line(Path(shutil.copytree(compared_shop, tmp_path / "shop")), TWO)


@pytest.fixture(scope="module")
def compared_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from rung.loop import compare
    from tests.cli.conftest import make_shop

    folder = make_shop(tmp_path_factory.mktemp("stakes") / "shop")
    yaml = folder / "rung.yaml"
    yaml.write_text(
        yaml.read_text("utf-8").replace(", few_shot, structured, long_context, rag, tuned_model", ", rag"), "utf-8"
    )
    compare(load_project(folder))
    return folder


def test_nothing_is_deployed_until_two_people_approved_it_and_nobody_passes_over_that(rung: Run, required: Path) -> None:
    assert "review: required" in rung("serve", required, "--open", "--port", "0", code=2).err
    for words in ((), ("--by", "ada", "--reason", "now")):
        shut = rung("promote", required, "rag", *words, "--json", code=1).json
        assert [check["name"] for check in shut["checks"] if not check["holds"]] == ["review"]
    (item,) = (one for one in drafts(rung, required) if "deployment" in one)
    assert (item["deployment"], item["id"], item["approved"]) == ("rag", shut["digest"], [])
    assert "ok  parity" in rung("review", required).out  # the figures are put before people
    rung("review", required, "--approve", item["id"][:12], "--by", "Ada")
    assert "approved by Ada, where 2 different people have to" in rung("promote", required, "rag", code=1).err
    assert "another person has to" in rung("review", required, "--approve", item["id"], "--by", "Ada", code=2).err
    rung("review", required, "--approve", item["id"], "--by", "Grace")
    done = rung("promote", required, "rag", "--json").json
    assert done["promoted"]
    assert done["checks"][-1]["says"].startswith("approved by Ada, Grace")
    assert "name a deployment" in rung("rollback", required, "--to", "winner", "--reason", "x", code=2).err
    assert [event["action"] for event in reviews(load_project(required))] == ["request", "approve", "approve"]


def test_a_deployment_that_was_rejected_is_asked_for_anew(rung: Run, required: Path) -> None:
    digest = rung("promote", required, "rag", "--json", code=1).json["digest"]
    rung("review", required, "--reject", digest, "--by", "Ada", "--reason", "too slow")
    assert [one for one in drafts(rung, required) if "deployment" in one] == []
    rung("promote", required, "rag", code=1)
    assert len([one for one in drafts(rung, required) if "deployment" in one]) == 1
