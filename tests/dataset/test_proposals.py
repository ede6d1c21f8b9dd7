"""Do people's words become the right proposals, each once, and none that would let a case be taught?"""

from __future__ import annotations

import itertools

import pytest

from rung.dataset.load import case_of
from rung.dataset.proposals import Comment, Kind, Proposal, propose
from rung.records import Case, Example, Message

RETURNS = "How long may I return an item?"
REFUSED = "I don't know."


def bad(question: str = RETURNS, answer: str = "Ten days.", **more: object) -> Comment:
    return Comment(question, answer, is_good=False, **more)  # type: ignore[arg-type]


def good(question: str = RETURNS, answer: str = "Ten days.", **more: object) -> Comment:
    return Comment(question, answer, is_good=True, **more)  # type: ignore[arg-type]


def only(*comments: Comment) -> Proposal | None:
    proposals = propose(comments).proposals
    assert len(proposals) < 2
    return proposals[0] if proposals else None


@pytest.mark.parametrize(
    ("comments", "kind", "answers"),
    [
        ([bad(correction="Thirty days.")], "corrected", ("Thirty days.",)),
        ([bad(correction="Thirty days."), bad(correction="thirty days")], "corrected", ("Thirty days.",)),
        ([bad(correction="Thirty days."), good(answer="Thirty days.")], "corrected", ("Thirty days.",)),
        ([bad(correction="Thirty days."), bad(correction="Sixty days.")], "disputed", ("Thirty days.", "Sixty days.")),
        ([bad(correction="Thirty days."), good()], "disputed", ("Thirty days.",)),
        ([bad(), good()], "disputed", ()),
        ([bad(answer=REFUSED)], "unanswered", ()),
        ([bad()], "wrong", ()),
        ([bad(answer=REFUSED), bad()], "wrong", ()),
        ([good()], None, ()),
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
    done = propose([bad(), bad("Who pays for the shipping?")], cases=[case], examples=[example])
    assert done.proposals == ()
    assert [why for _, why in done.left_out] == [
        "case c1 asks it already",
        "an example teaches it (e.jsonl:3), and what teaches may not judge",
    ]


def test_a_row_is_a_draft_until_somebody_approves_it() -> None:
    proposal = only(bad(correction="Thirty days.", asker=("staff",), number=7, caller="ada"))
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
    comments = [bad(answer=REFUSED, asker=()), bad(answer=REFUSED, correction="95,000 EUR", asker=("hr",))]
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
