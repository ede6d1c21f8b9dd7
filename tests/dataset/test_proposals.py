"""Do people's words become the right proposals, each once, and none that would let a case be taught?"""

from __future__ import annotations

import itertools

import pytest

from rung.dataset.case_rows import case_of
from rung.dataset.formats import example_of
from rung.dataset.proposals import Borne, Comment, Kind, Proposal, Rows, Sought, propose
from rung.records import Case, Example, Message

RETURNS = "How long may I return an item?"
REFUSED = "I don't know."


def bad(question: str = RETURNS, answer: str = "Ten days.", **more: object) -> Comment:
    return Comment(question, answer, is_good=False, **more)  # type: ignore[arg-type]


def good(question: str = RETURNS, answer: str = "Ten days.", **more: object) -> Comment:
    return Comment(question, answer, is_good=True, **more)  # type: ignore[arg-type]


def said(question: str = RETURNS, **more: object) -> Comment:
    """An expert's word, which rates nothing."""
    return Comment(question, "", is_good=None, **more)  # type: ignore[arg-type]


def only(*comments: Comment) -> Proposal | None:
    proposals = propose(comments).proposals
    assert len(proposals) < 2
    return proposals[0] if proposals else None


@pytest.mark.parametrize(
    ("comments", "kind", "answers"),
    [
        ([bad(expected=("Thirty days.",))], "corrected", ("Thirty days.",)),
        ([bad(expected=("Thirty days.",)), bad(expected=("thirty days",))], "corrected", ("Thirty days.",)),
        ([bad(expected=("Thirty days.",)), good(answer="Thirty days.")], "corrected", ("Thirty days.",)),
        ([bad(expected=("Thirty days.",)), bad(expected=("Sixty days.",))], "disputed", ("Thirty days.", "Sixty days.")),
        ([bad(expected=("Thirty days.",)), good()], "disputed", ("Thirty days.",)),
        ([bad(), good()], "disputed", ()),
        ([bad(answer=REFUSED)], "unanswered", ()),
        ([bad()], "wrong", ()),
        ([bad(answer=REFUSED), bad()], "wrong", ()),
        ([good()], None, ()),
        ([said(expected=("Thirty days.",))], "corrected", ("Thirty days.",)),
        ([said(expected=("Thirty days.", "A month."))], "corrected", ("Thirty days.", "A month.")),
        (
            [said(expected=("Thirty days.", "A month.")), bad(expected=("a month",))],
            "corrected",
            ("Thirty days.", "A month."),
        ),
        ([said(expected=()), bad(answer=REFUSED)], "corrected", ()),
        ([said(expected=()), good(answer=REFUSED)], "corrected", ()),
        ([said(expected=()), good()], "disputed", ()),
        ([said(expected=()), bad(expected=("Thirty days.",))], "disputed", ("Thirty days.",)),
        ([], None, ()),
        ([bad(" ")], None, ()),
    ],
)
def test_what_is_proposed(comments: list[Comment], kind: Kind | None, answers: tuple[str, ...]) -> None:
    """In whatever order the words came; of corrections the first one's wording is taken."""
    for order in itertools.permutations(comments):
        proposal = only(*order)
        assert (proposal.kind if proposal else None) == kind
        assert {a.casefold().rstrip(".") for a in (proposal.answers if proposal else ())} == {
            a.casefold().rstrip(".") for a in answers
        }


def test_nearly_the_same_question_is_asked_once_and_another_one_is_another() -> None:
    done = propose(
        [bad("How do I reset my password?"), bad("How can I reset my password, please?"), bad("How do I reset my PIN?")]
    )
    assert [len(one.comments) for one in done.proposals] == [2, 1]


def test_what_was_said_before_makes_it_another_question() -> None:
    before = (Message("user", "I bought shoes."), Message("assistant", "Yes?"))
    done = propose([bad("And for shoes?"), bad("And for shoes?", messages=before)])
    assert len({one.id for one in done.proposals}) == 2
    assert done.proposals[1].row()["messages"] == [{"role": m.role, "content": m.content} for m in before]


def test_a_case_is_not_proposed_again_and_what_teaches_does_not_judge() -> None:
    case = Case(id="c1", question="How long can I return an item?", answers=("x",))
    example = Example(
        id="e", messages=(Message("user", "Who pays for shipping?"), Message("assistant", "We do.")), place="e.jsonl:3"
    )
    done = propose([bad(), bad("Who pays for the shipping?")], Rows([case], [example]))
    assert done.proposals == ()
    assert [why for _, why in done.left_out] == [
        "case c1 asks it already",
        "an example teaches it (e.jsonl:3), and what teaches may not judge",
    ]


def test_a_row_is_a_draft_until_somebody_approves_it() -> None:
    proposal = only(bad(expected=("Thirty days.",), asker=("staff",), number=7, caller="ada"))
    assert proposal is not None
    row = proposal.row()
    with pytest.raises(ValueError, match="is a draft by feedback"):
        case_of(row, "here")
    case, _ = case_of({**row, "approved_by": "Ada"}, "here")
    assert (case.question, case.answers, case.groups) == (RETURNS, ("Thirty days.",), ("staff",))


def test_a_question_whose_answer_is_still_to_be_found_is_no_case_even_approved() -> None:
    proposal = only(bad(answer=REFUSED))
    assert proposal is not None
    with pytest.raises(ValueError, match="'answers' is empty"):
        case_of({**proposal.row(), "approved_by": "Ada"}, "here")


def test_personal_data_and_secrets_are_marked() -> None:
    proposal = only(bad("Why was ada@lovelace.org charged twice?"))
    assert proposal is not None
    assert proposal.marked
    assert proposal.row()["meta"]["personal"] == list(proposal.marked)  # type: ignore[index, call-overload]


def test_a_thousand_remarks_are_grouped() -> None:
    comments = [bad(f"What does part number {n % 100} of the machine cost?") for n in range(1000)]
    done = propose(comments)
    assert [len(one.comments) for one in done.proposals] == [10] * 100


def test_what_one_may_know_is_no_answer_to_another() -> None:
    comments = [bad(answer=REFUSED, asker=()), bad(answer=REFUSED, expected=("95,000 EUR",), asker=("hr",))]
    done = propose(comments)
    assert [(one.kind, one.row()["as"], one.answers) for one in done.proposals] == [
        ("unanswered", [], ()),
        ("corrected", ["hr"], ("95,000 EUR",)),
    ]
    assert len({one.id for one in done.proposals}) == 2


def test_personal_data_in_what_was_said_is_marked_too() -> None:
    proposal = only(bad(answer="Write to ada@lovelace.org."))
    assert proposal is not None
    assert proposal.marked


def teaching(*comments: Comment, found: Borne = Borne(), **rows: object) -> Proposal:
    """The only proposal, where something is taught and nothing is drawn to judge."""
    given = Rows(judging=0, **{"teach": "train", **rows})  # type: ignore[arg-type]
    (proposal,) = propose(comments, given, evidence=lambda sought: Borne(sought.named) if sought.named else found).proposals
    return proposal


def test_a_corrected_answer_teaches_or_judges_by_its_question_and_only_one_of_the_two() -> None:
    questions = [f"What does part number {n} of the machine cost?" for n in range(400)]
    comments = [bad(question, expected=(f"{n} euros",)) for n, question in enumerate(questions)]
    rows = Rows(teach="train")
    done = propose(comments, rows).proposals
    assert 0.12 < sum(one.use == "case" for one in done) / len(done) < 0.28  # a fifth, as it is stated
    again = propose(comments[200:], rows).proposals
    assert [one.use for one in again] == [one.use for one in done[200:]]
    assert {one.use for one in propose(comments, Rows()).proposals} == {"case"}  # where nothing teaches, all judge


def test_a_train_case_and_an_example_say_where_they_come_from_and_wait_for_a_person() -> None:
    comments = (
        bad(expected=("Thirty days.",), number=7, caller="ada", deployment="d1"),
        said(expected=("Thirty days.",), caller="Emmy", expectation=3),
    )
    found = Borne(({"document": "returns.md", "quote": "Thirty days."},), is_public=True)
    train = teaching(*comments, found=found).row()
    assert train["split"] == "train"
    assert train["evidence"] == [{"document": "returns.md", "quote": "Thirty days."}]
    meta = train["meta"]
    assert isinstance(meta, dict)
    assert (meta["feedback"], meta["expectations"], meta["deployments"]) == ([7], [3], ["d1"])
    with pytest.raises(ValueError, match="is a draft by feedback"):
        case_of(train, "here")
    row = teaching(*comments, teach="example").row()
    with pytest.raises(ValueError, match="is a draft by feedback"):
        example_of(row, "here")
    example = example_of({**row, "approved_by": "Grace"}, "here")
    assert (example.input, example.output, example.author) == (RETURNS, "Thirty days.", "ada, Emmy")


@pytest.mark.parametrize(
    ("comment", "found", "use"),
    [
        (bad(expected=("Thirty days.",), asker=()), Borne(), "train"),
        (bad(expected=("Thirty days.",), asker=("staff",)), Borne(), "case"),  # what nobody else may know
        (bad(expected=("Thirty days.",), asker=("staff",)), Borne(({"document": "d"},), is_public=False), "case"),
        (bad(expected=("Thirty days.",), asker=("staff",)), Borne(({"document": "d"},), is_public=True), "train"),
        (said(expected=(), asker=("staff",)), Borne(), "train"),  # that there is no answer is no secret
        (bad(expected=("Write to ada@lovelace.org.",)), Borne(), "case"),  # personal data teaches nothing
        (bad(answer=REFUSED), Borne(), "case"),
    ],
)
def test_what_may_teach(comment: Comment, found: Borne, use: str) -> None:
    assert teaching(comment, found=found).use == use


def test_what_an_expert_named_as_evidence_is_taken() -> None:
    named = ({"document": "returns.md", "quote": "Thirty days"},)
    seen: list[Sought] = []

    def look(sought: Sought) -> Borne:
        seen.append(sought)
        return Borne(sought.named)

    (one,) = propose([said(expected=("Thirty days.",), evidence=named, asker=())], evidence=look).proposals
    assert (one.evidence, seen[0].named) == (named, named)


def test_a_correction_that_repeats_what_judges_teaches_nothing_and_a_contradiction_is_said() -> None:
    case = Case(id="c1", question="How long can I return an item?", answers=("Ten days.",))
    done = propose([bad(expected=("Thirty days.",))], Rows([case], teach="train", judging=0))
    assert done.proposals == ()
    assert "c1 asks it already; it accepts another answer than the correction" in done.left_out[0][1]
    alike = propose([bad(expected=("ten days",))], Rows([case], teach="train", judging=0))
    assert [why for _, why in alike.left_out] == ["case c1 asks it already"]


def test_what_was_approved_of_the_same_words_is_no_obstacle_unless_somebody_says_otherwise_since() -> None:
    words = [bad(expected=("Thirty days.",))]
    (drafted,) = propose(words).proposals
    approved = Rows([Case(id=drafted.id, question=drafted.question, answers=("Thirty days.",))])
    again = propose(words, approved)
    assert ([one.id for one in again.proposals], again.left_out) == ([drafted.id], ())
    contradicted = propose([bad(expected=("Ten days.",))], approved)
    assert contradicted.proposals == ()
    assert "accepts another answer" in contradicted.left_out[0][1]
