"""The loop from what people said to cases: listed, drafted, reviewed, and judging from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.commands.feedback_drafts import DraftRequest, draft_from_feedback
from rung.commands.review import Waiting, decide, split, unnamed, waiting
from rung.config.project import load_project
from rung.dataset.load import load_dataset
from rung.dataset.proposals import Use
from rung.dataset.review_log import reviews
from rung.errors import UserError
from rung.records import Json
from rung.state.database import State
from rung.state.feedback import Rating, Remark, add_remark
from tests.cli.conftest import Run
from tests.cli.terminal import Terminal
from tests.labels_project import write_labels

QUESTION = "Do you repair shoes?"


def said(shop: Path, question: str, rating: Rating = "down", *, correction: str = "", answer: str = "No.") -> None:
    details = {"correction": correction} if correction else {}
    with State(shop / ".rung") as state:
        add_remark(state, Remark("a", "ada", rating, details, {"question": question, "answer": answer, "groups": []}))


def test_feedback_becomes_a_case_once_somebody_approved_it(rung: Run, shop: Path) -> None:
    said(shop, QUESTION, correction="Yes, within a week.")
    said(shop, "Who pays for express?", answer="I don't know.")
    listed = [json.loads(line) for line in rung("feedback", "list", shop, "--json").out.splitlines()]
    assert [(row["question"], row["rating"], row["expected"]) for row in listed] == [
        (QUESTION, "down", ["Yes, within a week."]),
        ("Who pays for express?", "down", None),
    ]
    drafted = json.loads(rung("feedback", "draft", shop, "--json").out)
    assert drafted["proposals"] == {"corrected": 1, "disputed": 0, "unanswered": 1, "wrong": 0}
    assert json.loads(rung("feedback", "draft", shop, "--json").out)["added"] == 0  # nothing twice
    first, second = json.loads(rung("review", shop, "--json").out)
    assert "--reason" in rung("review", shop, "--reject", second["id"], code=2).err
    assert "'answers' is empty" in rung("review", shop, "--approve", second["id"], "--by", "Grace", code=2).err
    assert "does not name feedback.drafts.jsonl" in rung("review", shop, "--approve", first["id"], "--by", "Grace").out
    rung("review", shop, "--reject", second["id"], "--by", "Grace", "--reason", "nobody asks that")
    assert json.loads(rung("review", shop, "--json").out) == []
    assert json.loads(rung("feedback", "draft", shop, "--json").out)["added"] == 0  # what was rejected does not come back
    (row,) = map(json.loads, (shop / "feedback.drafts.jsonl").read_text("utf-8").splitlines())
    assert (row["question"], row["answers"], row["approved_by"]) == (QUESTION, ["Yes, within a week."], "Grace")
    log = [json.loads(line) for line in (shop / "reviews.jsonl").read_text("utf-8").splitlines()]
    assert [(event["action"], event["by"], event["reason"]) for event in log] == [
        ("approve", "Grace", ""),
        ("reject", "Grace", "nobody asks that"),
    ]
    yaml = shop / "rung.yaml"
    yaml.write_text(
        yaml.read_text("utf-8").replace("cases: cases.jsonl", "cases: [cases.jsonl, feedback.drafts.jsonl]"), "utf-8"
    )
    assert "feedback.drafts.jsonl" not in rung("check", shop, code=None).out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--approve", "feedback-0"), "no draft 'feedback-0' waits"),
        ((), "stdin is no terminal"),
    ],
)
def test_mistakes_are_said(rung: Run, shop: Path, words: tuple[str, ...], why: str) -> None:
    said(shop, QUESTION)
    rung("feedback", "draft", shop)
    assert why in rung("review", shop, *words, code=2).err


def test_only_the_row_that_was_shown_is_approved_where_its_digest_is_given(rung: Run, shop: Path) -> None:
    said(shop, QUESTION, correction="Yes, within a week.")
    rung("feedback", "draft", shop)
    file = shop / "feedback.drafts.jsonl"
    (one,) = rung("review", shop, "--json").json
    assert one["shown"] in rung("review", shop, code=2).out
    text = file.read_text("utf-8")
    file.write_text(text.replace("within a week", "within a year"), "utf-8")
    assert "look at it again" in rung("review", shop, "--approve", one["shown"], "--by", "Ada", code=2).err
    file.write_text(text, "utf-8")
    rung("review", shop, "--approve", one["shown"], "--by", "Ada")
    assert waiting(load_project(shop)) == ()


def test_the_first_draft_of_a_file_that_begins_with_a_bom_waits_and_the_bom_is_kept(rung: Run, shop: Path) -> None:
    for question in (QUESTION, "Do you repair watches?"):
        said(shop, question, correction="Yes, within a week.")
    rung("feedback", "draft", shop)
    file, mark = shop / "feedback.drafts.jsonl", b"\xef\xbb\xbf"
    file.write_bytes(mark + file.read_bytes())
    first, second = rung("review", shop, "--json").json
    assert (first["question"], second["question"]) == (QUESTION, "Do you repair watches?")
    assert rung("feedback", "draft", shop, "--json").json["added"] == 0
    rung("review", shop, "--approve", first["id"], "--by", "Ada")
    rung("review", shop, "--reject", second["id"], "--by", "Ada", "--reason", "no")
    content = file.read_bytes()
    assert content.startswith(mark + b'{"id"')
    assert content.count(mark) == 1
    (row,) = map(json.loads, content.decode("utf-8-sig").splitlines())
    assert (row["question"], row["approved_by"]) == (QUESTION, "Ada")


def test_an_id_that_two_drafts_have_names_neither(rung: Run, shop: Path) -> None:
    said(shop, QUESTION, correction="Yes, within a week.")
    rung("feedback", "draft", shop)
    file = shop / "feedback.drafts.jsonl"
    text = file.read_text("utf-8")
    file.write_text(text + text.replace("within a week", "within a year"), "utf-8")
    one, other = rung("review", shop, "--json").json
    assert one["id"] == other["id"]
    refused = rung("review", shop, "--approve", one["id"], "--by", "Ada", code=2).err
    assert "feedback.drafts.jsonl:1" in refused
    assert "feedback.drafts.jsonl:2" in refused
    rung("review", shop, "--approve", other["shown"], "--by", "Ada")
    (left,) = rung("review", shop, "--json").json
    assert left["shown"] == one["shown"]


def test_two_reviewers_at_once_lose_nothing(rung: Run, shop: Path) -> None:
    for n in range(6):
        said(shop, f"Is colour number {n} of the catalogue in stock?", correction="Yes.")
    rung("feedback", "draft", shop)
    project = load_project(shop)
    one, other = waiting(project), waiting(project)  # both have read the same file
    for draft in one[::2]:
        decide(project, draft, "approve", by="Ada")
    for draft in other[1::2]:
        decide(project, draft, "reject", by="Grace", reason="no")
    with pytest.raises(UserError, match="decided on, meanwhile"):
        decide(project, other[0], "reject", by="Grace", reason="no")
    rows = [json.loads(line) for line in (shop / "feedback.drafts.jsonl").read_text("utf-8").splitlines()]
    assert [row["approved_by"] for row in rows] == ["Ada"] * 3
    assert len((shop / "reviews.jsonl").read_text("utf-8").splitlines()) == 6


@pytest.mark.slow
def test_a_person_at_a_terminal_mends_and_decides(rung: Run, shop: Path) -> None:
    said(shop, QUESTION)
    said(shop, "Who pays for express?", correction="You do.")
    said(shop, "Is the shop open today?", correction="Yes.")
    rung("feedback", "draft", shop)
    asks = "[q]uit: "
    with Terminal("-m", "rung", "review", shop, "--by", "Ada", columns=200, rows=200) as terminal:
        terminal.says(asks, 1)
        terminal.type("a\n")  # no answer yet
        terminal.says(asks, 2)
        terminal.type("e\n")
        terminal.says("question [", 1)
        terminal.type("\n")
        terminal.says("answer: ", 1)
        terminal.type("Yes, we do.\n")
        terminal.says("answer: ", 2)
        terminal.type("\n")
        terminal.says(asks, 3)
        terminal.type("a\n")
        terminal.says(asks, 4)
        terminal.type("r\n")
        terminal.says("why? ", 1)
        terminal.type("changes daily\n")
        terminal.says(asks, 5)
        terminal.type("q\n")
        assert terminal.ended() == 0
    assert "'answers' is empty" in terminal.text
    rows = [json.loads(line) for line in (shop / "feedback.drafts.jsonl").read_text("utf-8").splitlines()]
    assert [(row["question"], row["answers"], row["approved_by"]) for row in rows] == [
        (QUESTION, ["Yes, we do."], "Ada"),
        ("Is the shop open today?", ["Yes."], ""),
    ]


def test_a_draft_that_was_mended_by_hand_meanwhile_is_not_written_over(rung: Run, shop: Path) -> None:
    said(shop, QUESTION, correction="Yes.")
    rung("feedback", "draft", shop)
    project = load_project(shop)
    (draft,) = waiting(project)
    file = shop / "feedback.drafts.jsonl"
    file.write_text(file.read_text("utf-8").replace('"Yes."', '"Yes, in a week."'), "utf-8")
    with pytest.raises(UserError, match="was changed"):
        decide(project, draft, "approve", by="Ada")
    assert "Yes, in a week." in file.read_text("utf-8")


def test_drafts_stand_where_the_cases_are_and_judge_once_they_are_approved(rung: Run, shop: Path) -> None:
    (shop / "cases").mkdir()
    (shop / "cases.jsonl").rename(shop / "cases" / "cases.jsonl")
    yaml = shop / "rung.yaml"
    yaml.write_text(yaml.read_text("utf-8").replace("cases: cases.jsonl", "cases: cases/*.jsonl"), "utf-8")
    before = json.loads(rung("check", shop, "--json", code=None).out)["cases"]
    said(shop, QUESTION, correction="Yes.")
    rung("feedback", "draft", shop)
    (draft,) = json.loads(rung("review", shop, "--json").out)
    assert draft["file"] == str((shop / "cases" / "feedback.drafts.jsonl").resolve())
    approved = rung("review", shop, "--approve", draft["id"], "--by", "Ada").out
    assert "does not name" not in approved
    after = json.loads(rung("check", shop, "--json", code=None).out)["cases"]
    assert sum(after.values()) == sum(before.values()) + 1


def drafted(shop: Path, question: str = QUESTION, answer: str = "Yes, within a week.", *, judging: float = 0) -> Waiting:
    """The draft of a correction, and no other."""
    said(shop, question, correction=answer)
    project = load_project(shop)
    draft_from_feedback(project, DraftRequest(judging=judging))
    (draft,) = waiting(project)
    return draft


def test_a_draft_is_used_as_another_kind_of_row_and_moves_to_its_file(shop: Path) -> None:
    project, draft = load_project(shop), drafted(shop, judging=1)
    assert draft.use == "case"
    example = draft.used_as("example")
    decide(project, example, "approve", by="Ada")
    assert unnamed(project, [example]) == [("feedback.examples.drafts.jsonl", "example")]
    (row,) = map(json.loads, (shop / "feedback.examples.drafts.jsonl").read_text("utf-8").splitlines())
    assert [turn["content"] for turn in row["messages"]] == [QUESTION, "Yes, within a week."]
    assert (row["approved_by"], row["meta"]["kind"]) == ("Ada", "corrected")
    assert (shop / "feedback.drafts.jsonl").read_text("utf-8") == ""
    other = drafted(shop, "Is the shop open today?", judging=1)
    decide(project, other.used_as("example").used_as("train"), "approve", by="Ada")
    (kept,) = map(json.loads, (shop / "feedback.drafts.jsonl").read_text("utf-8").splitlines())
    assert (kept["split"], kept["approved_by"]) == ("train", "Ada")


def test_an_example_is_taught_from_once_it_is_approved(shop: Path) -> None:
    (shop / "examples").mkdir()
    turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Good morning."}]
    (shop / "examples" / "tone.jsonl").write_text(json.dumps({"messages": turns}) + "\n", "utf-8")
    cases, yaml = shop / "cases.jsonl", shop / "rung.yaml"
    cases.write_text("".join(line for line in cases.read_text("utf-8").splitlines(True) if "train" not in line), "utf-8")
    yaml.write_text(yaml.read_text("utf-8") + "behaviour: {examples: examples/*.jsonl}\n", "utf-8")
    project, draft = load_project(shop), drafted(shop)
    assert draft.path == (shop / "examples" / "feedback.examples.drafts.jsonl").resolve()
    assert len(load_dataset(project).examples) == 1  # it teaches nothing yet
    decide(project, draft, "approve", by="Grace")
    assert unnamed(project, [draft]) == []
    _, example = sorted(load_dataset(project).examples, key=lambda one: one.input != "Hello?")
    assert (example.output, example.approved_by, example.author) == ("Yes, within a week.", "Grace", "ada")
    assert (example.source, bool(example.approved_at)) == ("feedback", True)
    with pytest.raises(UserError, match="exactly one"):
        draft.mended(question=QUESTION, answers=["Yes.", "No."], answerable=True)


def test_what_judges_is_not_approved_to_teach_nor_the_other_way_round(shop: Path) -> None:
    """Also where it became so after it was drafted."""
    project, draft = load_project(shop), drafted(shop, judging=1)
    cases = shop / "cases.jsonl"
    before = cases.read_text("utf-8")
    for of, use in (("test", "train"), ("train", "case")):
        row = {"question": QUESTION, "answers": ["No."], "split": of}
        cases.write_text(before + json.dumps(row) + "\n", "utf-8")
        with pytest.raises(UserError, match="may not judge"):
            decide(project, draft.used_as(use), "approve", by="Ada")  # type: ignore[arg-type]
    assert not (shop / "reviews.jsonl").exists()


@pytest.mark.parametrize("use", ["train", "example"])
def test_a_decision_that_was_cut_off_after_the_log_is_finished_by_the_next(shop: Path, use: Use) -> None:
    draft = drafted(shop).used_as(use)
    before = draft.path.read_text("utf-8")
    decide(load_project(shop), draft, "approve", by="Ada")
    draft.path.write_text(before, "utf-8")  # as a kill would leave it
    again = waiting(load_project(shop))[0].used_as(use)
    assert decide(load_project(shop), again, "approve", by="Ada") == ("Ada",)
    assert waiting(load_project(shop)) == ()
    assert len(reviews(load_project(shop))) == 1
    texts = [path.read_text("utf-8") for path in shop.glob("feedback*.drafts.jsonl")]
    assert sum(text.count(QUESTION) for text in texts) == 1


def test_a_draft_is_divided_and_does_not_come_back(shop: Path) -> None:
    project, draft = load_project(shop), drafted(shop, "Do you repair shoes, and who pays for that?", "Yes. You do.")
    with pytest.raises(UserError, match="two questions at least"):
        split(project, draft, ["One?", " One? "], by="Ada")
    ids = split(project, draft, [QUESTION, "Who pays for repairs?"], by="Ada")
    assert [(one.id, one.question) for one in waiting(project)] == [(ids[0], QUESTION), (ids[1], "Who pays for repairs?")]
    assert draft_from_feedback(project).added == {}
    (event,) = reviews(project)
    assert (event["action"], event["before"]["id"], len(event["after"])) == ("split", draft.id, 2)  # type: ignore[index, call-overload, arg-type]


def test_what_was_approved_and_moved_to_the_cases_does_not_come_back(shop: Path) -> None:
    drafted(shop)
    file = shop / "feedback.drafts.jsonl"
    (row,) = map(json.loads, file.read_text("utf-8").splitlines())
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as cases:
        cases.write(json.dumps({**row, "approved_by": "Ada"}) + "\n")
    file.unlink()
    again = draft_from_feedback(load_project(shop), DraftRequest(judging=0))
    assert (again.added, again.there) == ({}, 1)


def test_what_somebody_with_groups_corrects_teaches_where_there_are_no_documents(tmp_path: Path) -> None:
    """Groups are of documents: a project of labels alone has none, so its corrections teach whoever asked."""
    write_labels(tmp_path, [{"question": "Say red?", "answers": ["red"], "split": "test"}], "rungs: [classifier]\n")
    (tmp_path / ".rung").mkdir()
    with State(tmp_path / ".rung") as state:
        entry: dict[str, Json] = {"question": QUESTION, "answer": "blue", "groups": ["customer"]}
        add_remark(state, Remark("a", "ada", "down", {"correction": "red"}, entry))
    (draft,) = draft_from_feedback(load_project(tmp_path), DraftRequest(judging=0)).proposals.proposals
    assert draft.use == "example"


def test_a_decision_is_one_persons(shop: Path) -> None:
    project, draft = load_project(shop), drafted(shop)
    for by, why in (("", "who reviews"), ("Ada, Grace", "one person")):
        with pytest.raises(UserError, match=why):
            decide(project, draft, "approve", by=by)


@pytest.mark.slow
def test_the_command_uses_and_divides(rung: Run, shop: Path) -> None:
    draft = drafted(shop, judging=1)
    words = ("--question", QUESTION, "--question", "Who pays for repairs?", "--by", "Ada")
    assert f"divided into {draft.id}-1, {draft.id}-2" in rung("review", shop, "--split", draft.id, *words).out
    out = rung("review", shop, "--approve", f"{draft.id}-1", "--as", "example", "--by", "Ada").out
    assert "'behaviour.examples:' in rung.yaml does not name feedback.examples.drafts.jsonl" in out
    assert "Ada: split draft" in rung("review", shop, "--log").out


def test_where_people_disagree_somebody_chooses(shop: Path) -> None:
    said(shop, QUESTION, correction="Yes, within a week.")
    said(shop, QUESTION, correction="No, never.")
    project = load_project(shop)
    with State(shop / ".rung"):
        draft_from_feedback(project, DraftRequest())
    (draft,) = waiting(project)
    assert (draft.meta("kind"), len(draft.answers)) == ("disputed", 2)
    with pytest.raises(UserError, match="people disagree about"):
        decide(project, draft, "approve", by="Grace")
    kept = draft.mended(question=draft.question, answers=draft.answers, answerable=True)
    with pytest.raises(UserError, match="people disagree about"):
        decide(project, kept, "approve", by="Grace")
    decide(project, draft.mended(question=draft.question, answers=["No, never."], answerable=True), "approve", by="Grace")
    (row,) = map(json.loads, (shop / "feedback.drafts.jsonl").read_text("utf-8").splitlines())
    assert (row["answers"], row["meta"]["kind"], row["approved_by"]) == (["No, never."], "chosen", "Grace")
