"""`review: required`: is nothing trained and nothing deployed until as many different people approved as are asked for?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rung.commands.due import whats_due
from rung.commands.feedback_drafts import DraftRequest, draft_from_feedback
from rung.commands.review import decide, waiting
from rung.commands.stakes_review import decide_deployment, decide_rows, waiting_deployments, waiting_rows
from rung.commands.train import TrainRequest
from rung.config.project import load_project
from rung.dataset.load import load_dataset, training_hold
from rung.dataset.review_log import reviews
from rung.errors import InputError, UserError
from rung.loop import compare, train
from rung.records.deployment import DeploymentRecord
from rung.serving.going_back import withdraw
from rung.serving.promotion import GateShut, PromoteRequest, promote
from rung.state.database import State
from rung.state.feedback import Expectation, add_expectation
from tests.cli.conftest import Run, make_shop
from tests.labels_project import write_labels
from tests.serving.promoting import promoting

QUESTION = "Do you repair shoes?"
TWO = "review: {required: true, reviewers: 2}\n"


def with_line(shop: Path, text: str) -> Path:
    yaml = shop / "rung.yaml"
    yaml.write_text(yaml.read_text("utf-8") + text, "utf-8")
    return shop


def expected(shop: Path, question: str, answer: str) -> None:
    with State(shop / ".rung") as state:
        add_expectation(state, Expectation("Emmy", (answer,), entry={"question": question, "groups": []}))


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


@pytest.mark.parametrize("by", ["Ada", "label decay", "rules", "feedback", "traffic"])
def test_one_persons_rejection_loses_no_row_that_a_person_wrote(by: str, shop: Path) -> None:
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        row = {"id": "mine", "question": QUESTION, "answers": ["No."], "meta": {"of": "Ada"}, "drafted_by": by}
        file.write(json.dumps({**row, "split": "test"}) + "\n")
    project = load_project(with_line(shop, TWO))
    (draft,) = [one for one in waiting(project) if one.id == "mine"]
    decide(project, draft, "approve", by="Grace")
    (draft,) = [one for one in waiting(project) if one.id == "mine"]
    decide(project, draft, "reject", by="Emmy", reason="not ours")
    assert waiting(project) == (), "it asks nobody again"
    lines = (shop / "cases.jsonl").read_text("utf-8").splitlines()
    aside = [json.loads(line) for line in lines if '"mine"' in line]
    if by in ("rules", "feedback", "traffic"):
        assert aside == [], "the log has it"
        assert reviews(project)[-1]["after"] is None
        return
    (kept,) = aside
    assert {**kept, "meta": {"of": "Ada"}} == {**row, "split": "test", "approved_by": ""}
    assert (kept["meta"]["rejected"]["by"], kept["meta"]["rejected"]["reason"]) == ("Emmy", "not ours")
    problems = [str(one) for one in load_dataset(project).problems]
    assert any("was rejected by Emmy (not ours) and set aside" in one for one in problems)
    assert "mine" not in {case.id for case in load_dataset(project).cases}
    text = (shop / "cases.jsonl").read_text("utf-8").replace(json.dumps(kept, ensure_ascii=False), json.dumps(row))
    (shop / "cases.jsonl").write_text(text, "utf-8")
    assert [(one.id, one.by) for one in waiting(project)] == [("mine", ())], "whom it is shown to again"


PAIR = {"anchor": "How do I send it back?", "positive": "Returns take two weeks.", "negative": "We ship in May."}
CLICK = {"query": "send back", "document": "docs/returns.md#0-20", "clicked": True}


def test_pairs_and_clicks_wait_as_other_rows_that_teach_do(shop: Path) -> None:
    yaml = shop / "rung.yaml"
    yaml.write_text(
        yaml.read_text("utf-8").replace("knowledge:", "knowledge: {pairs: [pairs.jsonl], sources: [docs]}\nx:"), "utf-8"
    )
    lines = yaml.read_text("utf-8").split("\n")
    yaml.write_text("\n".join(line for line in lines if not line.startswith(("x:", "  sources"))), "utf-8")
    unclicked = {**CLICK, "clicked": False}
    (shop / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in (PAIR, CLICK, unclicked)), "utf-8")
    project = load_project(shop)
    assert waiting_rows(project) == (), "nothing is at stake"
    project = load_project(with_line(shop, "review: required\n"))
    decide_rows(load_project(shop), "approve", by="Ada")
    assert (waiting_rows(project), training_hold(project)) == ((), "")
    changed = {**PAIR, "positive": "Returns take three weeks."}
    other = {**CLICK, "document": "docs/returns.md#0-30"}
    with (shop / "pairs.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in (PAIR, changed, CLICK, other))
    assert [(one.place, one.by) for one in waiting_rows(project)] == [("pairs.jsonl:5", ()), ("pairs.jsonl:7", ())]
    assert "2 of the rows that would teach are not approved" in training_hold(project)
    with pytest.raises(UserError, match="nothing is trained"):
        train(project, "retriever", TrainRequest())
    decide_rows(project, "reject", by="Ada", reason="wrong")
    assert len(waiting_rows(project)) == 2
    decide_rows(project, "approve", by="Ada")
    assert training_hold(project) == ""


def test_rows_wait_until_different_people_approved_them_and_a_new_one_waits_alone(shop: Path) -> None:
    project = load_project(with_line(shop, TWO))
    assert [one.id for one in waiting_rows(project)] == ["t1"]
    assert decide_rows(project, "approve", by="Ada") == 1
    with pytest.raises(UserError, match="has approved them already"):
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


def test_names_in_a_file_count_for_nothing_as_anybody_may_write_them(shop: Path) -> None:
    """Neither two names, nor one that is written "Lee, Ann"; those who approve the row as it stands count, each once."""
    cases = shop / "cases.jsonl"
    names = '"split": "train", "approved_by": "Ada, Grace"'
    cases.write_text(cases.read_text("utf-8").replace('"split": "train"', names), "utf-8")
    project = load_project(with_line(shop, TWO))
    assert [(one.id, one.by) for one in waiting_rows(project)] == [("t1", ())]
    decide_rows(project, "approve", by="Ada")
    assert [one.by for one in waiting_rows(project)] == [("Ada",)]
    decide_rows(project, "approve", by="Grace")
    assert waiting_rows(project) == ()


@pytest.mark.parametrize("judging", [0, 1])
def test_a_draft_that_is_changed_once_it_is_approved_waits_again(shop: Path, judging: float) -> None:
    """Also where it was approved to judge, and somebody makes it teach."""
    project = load_project(named(with_line(shop, TWO)))
    for by in ("Ada", "Grace"):
        decide_rows(project, "approve", by=by)
    expected(shop, QUESTION, "Yes, within a week.")
    draft_from_feedback(project, DraftRequest(judging=judging))
    for by in ("Ada", "Grace"):
        decide(project, waiting(project)[0], "approve", by=by)
    assert waiting_rows(project) == ()
    file = shop / "cases/feedback.drafts.jsonl"
    row = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(row | ({"split": "train"} if judging else {"answers": ["No."]})) + "\n", "utf-8")
    assert [(one.shown, one.by) for one in waiting_rows(project)] == [(QUESTION, ())]


def test_an_example_that_was_approved_as_a_draft_does_not_wait_again(shop: Path) -> None:
    with_line(shop, "review: required\nbehaviour: {examples: [feedback.examples.drafts.jsonl]}\n")
    (shop / "feedback.examples.drafts.jsonl").write_text("", "utf-8")
    project = load_project(shop)
    decide_rows(project, "approve", by="Ada")
    expected(shop, QUESTION, "Yes, within a week.")
    draft_from_feedback(project, DraftRequest(judging=0))
    decide(project, waiting(project)[0].used_as("example"), "approve", by="Ada")
    assert len(load_dataset(project).examples) == 1
    assert waiting_rows(project) == ()


def labelled(folder: Path) -> Path:
    """Something that is trained in a moment: a classifier, by sixty examples."""
    write_labels(folder, [{"question": "Say red?", "answers": ["red"], "split": "test"}], "rungs: [classifier]\n")
    turns = [(f"{label} {n}?", label) for n in range(30) for label in ("red", "blue")]
    chats = [[{"role": "user", "content": said}, {"role": "assistant", "content": label}] for said, label in turns]
    (folder / "examples.jsonl").write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats), "utf-8")
    return with_line(folder, "review: required\n")


def test_training_is_due_by_what_the_log_says_was_approved(tmp_path: Path) -> None:
    """Whatever `approved_by` the rows have: none here."""
    project = load_project(with_line(labelled(tmp_path), "retrain: {when: 60 new approved rows}\n"))
    (before,) = whats_due(project)
    assert (before.due, before.new) == (False, 0)
    decide_rows(project, "approve", by="Ada")
    (after,) = whats_due(project)
    assert (after.due, after.new) == (True, 60)


def test_training_is_held_back_and_goes_on_when_it_is_approved(tmp_path: Path) -> None:
    """By `rung train`, and in a comparison, which goes on without the rung and says why."""
    project = load_project(labelled(tmp_path))
    with pytest.raises(UserError, match="60 of the rows that would teach are not approved by a person"):
        train(project, "classifier", TrainRequest())
    (held,) = (one for one in compare(project).verdict.rungs if one.name == "classifier")
    assert held.status != "measured"
    assert "it is not trained: 60 of the rows" in str(held.why)
    assert not list(tmp_path.glob(".rung/artifacts/classifier/*/manifest.json"))
    assert any("nothing is trained" in str(problem) for problem in load_dataset(project).problems)
    decide_rows(project, "approve", by="Ada")
    (report,) = train(project, "classifier", TrainRequest())
    assert report.rows == 60
    (event,) = reviews(project)
    assert (event["what"], event["by"], len(event["rows"])) == ("training", "Ada", 60)  # type: ignore[arg-type]


def test_a_draft_takes_two_people_and_then_teaches_without_more_and_retraining_is_due(shop: Path) -> None:
    project = load_project(named(with_line(shop, TWO + "retrain: {when: 1 new approved row}\n")))
    for by in ("Ada", "Grace"):
        decide_rows(project, "approve", by=by)
    expected(shop, QUESTION, "Yes, within a week.")
    draft_from_feedback(project, DraftRequest(judging=0))
    (draft,) = waiting(project)
    assert draft.use == "train"
    assert decide(project, draft, "approve", by="Ada") == ("Ada",)
    with pytest.raises(UserError, match="another person has to look at it"):
        decide(project, draft, "approve", by="ada")
    (draft,) = waiting(project)
    assert draft.by == ("Ada",)
    assert QUESTION not in {case.question for case in load_dataset(project).cases}
    assert [one.new for one in whats_due(project)] == [1]
    assert decide(project, draft, "approve", by="Grace") == ("Ada", "Grace")
    assert (waiting(project), waiting_rows(project)) == ((), ())
    (row,) = map(json.loads, (shop / "cases/feedback.drafts.jsonl").read_text("utf-8").splitlines())
    assert row["approved_by"] == "Ada, Grace"
    assert QUESTION in {case.question for case in load_dataset(project).split("train")}
    assert [(one.due, one.new) for one in whats_due(project)] == [(True, 2)]


def test_rows_that_wait_are_not_counted_as_approved(shop: Path) -> None:
    """Nor the other way round: an approval is of the row as it is written, wherever its evidence is found to stand."""
    project = load_project(with_line(shop, TWO + "retrain: {when: 2 new approved rows}\n"))
    evidence = [{"document": "docs/returns.md", "quote": "thirty days"}]
    row = {"question": "How long?", "answers": ["thirty days"], "split": "train", "evidence": evidence}
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    (due,) = whats_due(project)
    assert (due.due, due.new) == (False, 0)
    assert "2 more wait for an approval" in due.why
    for by in ("Ada", "Grace"):
        decide_rows(project, "approve", by=by)
    assert [(one.due, one.new) for one in whats_due(project)] == [(True, 2)]


def test_who_mends_a_draft_starts_again(shop: Path) -> None:
    project = load_project(named(with_line(shop, TWO)))
    expected(shop, QUESTION, "Yes.")
    draft_from_feedback(project)
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
    folder = make_shop(tmp_path_factory.mktemp("stakes") / "shop")
    yaml = folder / "rung.yaml"
    yaml.write_text(
        yaml.read_text("utf-8").replace(", few_shot, structured, long_context, rag, tuned_model", ", rag"), "utf-8"
    )
    compare(load_project(folder))
    return folder


@contextmanager
def gate(shop: Path) -> Iterator[Callable[..., DeploymentRecord]]:
    """Promotes `rag`, or raises `GateShut`."""
    with promoting(shop) as (builder, state):
        yield lambda **given: promote(builder, state, PromoteRequest("rag", **given))[0]


def test_nothing_is_deployed_until_two_people_approved_it_and_nobody_passes_over_that(required: Path) -> None:
    project = load_project(required)
    with gate(required) as promoted:
        for given in ({}, {"by": "ada", "reason": "now"}):
            with pytest.raises(GateShut, match="approves it; then promote it again") as shut:
                promoted(**given)
            record = shut.value.record
            assert [check.name for check in record.passed_over] == ["review"]
        (item,) = waiting_deployments(project)
        assert (item.label, item.digest, item.by) == ("rag", record.digest, ())
        assert (True, "parity") in {(holds, name) for holds, name, _ in item.checks}  # the figures are put before people
        decide_deployment(project, item.digest[:12], "approve", by="Ada")
        with pytest.raises(GateShut, match="approved by Ada, where 2 different people have to"):
            promoted()
        with pytest.raises(UserError, match="another person has to"):
            decide_deployment(project, item.digest, "approve", by="ADA")
        assert decide_deployment(project, item.digest, "approve", by="Grace") == ("Ada", "Grace")
        assert promoted().checks[-1].says.startswith("approved by Ada, Grace")
        assert waiting_deployments(project) == ()
    with State(required / ".rung") as state, pytest.raises(UserError, match="name a deployment"):
        withdraw(project, state, by="ada", reason="a test")
    assert [event["action"] for event in reviews(project)] == ["request", "approve", "approve"]


def test_a_deployment_that_was_rejected_is_asked_for_anew(required: Path) -> None:
    project = load_project(required)
    with gate(required) as promoted:
        with pytest.raises(GateShut) as shut:
            promoted()
        decide_deployment(project, shut.value.record.digest, "reject", by="Ada", reason="too slow")
        assert waiting_deployments(project) == ()
        with pytest.raises(GateShut):
            promoted()
        assert len(waiting_deployments(project)) == 1


@pytest.mark.slow
def test_the_commands(rung: Run, required: Path) -> None:
    assert "review: required" in rung("serve", required, "--open", "--port", "0", code=2).err
    digest = rung("promote", required, "rag", "--json", code=1).json["digest"]
    shown = rung("review", required).out
    assert "1 rows that would teach wait" in shown
    assert f"deployment {digest[:12]} of rag, asked for by" in shown
    assert "  ok  parity" in shown
    said = rung("review", required, "--approve", digest[:12], "--approve", "training", "--by", "Ada").out
    assert "training: 1 rows" in said
    assert "waits on: approved by Ada, and 2 different people have to" in said
    items = rung("review", required, "--json").json
    assert [(one["id"], one["approved"]) for one in items if one["id"] == digest] == [(digest, ["Ada"])]
    assert "Ada: approve training 1 rows" in rung("review", required, "--log").out
