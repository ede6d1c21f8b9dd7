"""What `classifier` and `router` ask for, driven by hand."""

from __future__ import annotations

import re

import pytest

from rung.errors import UserError
from rung.records import Answer, Case, Example, Json, Message, Question, StrategySpec
from rung.records.steps import Classify, ClassifyResult, Generate, GenerateResult, Result, Step
from rung.strategies.classifier import Classifier
from rung.strategies.protocol import Composition, Labelling, Materials, Member, NotApplicable, Plan, Routing, Strategy
from rung.strategies.registry import make_strategy
from rung.strategies.router import Router
from rung.testing.strategies import Parrot, drive, materials

LABELS = ("refund", "shipping", "other")
QUESTION = Question("q", "Where is it?", (Message("user", "My parcel is late"), Message("assistant", "Sorry")))


def example(n: int, label: str) -> Example:
    return Example(f"e{n}", (Message("user", f"text {n}"), Message("assistant", label)), place=f"examples.jsonl:{n}")


def given(**more: object) -> Materials:
    examples = tuple(example(n, LABELS[n % 2]) for n in range(50))
    return materials(**{"labels": LABELS, "examples": examples, "lessons": (), **more})


def classifier(settings: dict[str, Json], said: Result) -> tuple[Answer, list[Step]]:
    planned = Classifier.plan(given(), settings)
    assert isinstance(planned, Plan)
    return drive(make_strategy(planned.with_artifacts(("m" * 64,))).answer(QUESTION), lambda _: said)


def test_the_answer_is_the_label_and_one_step_asks_for_it() -> None:
    answer, steps = classifier({}, ClassifyResult("shipping", 0.4))
    assert (answer.text, answer.plain, answer.refused) == ("shipping", "shipping", False)
    assert steps == [Classify("Where is it?", LABELS, "m" * 64)]


def test_earlier_turns_are_read_where_that_is_asked_for() -> None:
    assert classifier({"turns": 1}, ClassifyResult("shipping"))[1] == [Classify("Sorry\nWhere is it?", LABELS, "m" * 64)]
    (step,) = classifier({"turns": 9}, ClassifyResult("shipping"))[1]
    assert isinstance(step, Classify)
    assert step.text == "My parcel is late\nSorry\nWhere is it?"


def test_training_reads_as_many_turns_as_serving() -> None:
    chat = Example("e", (*QUESTION.messages, Message("user", QUESTION.text), Message("assistant", "shipping")))
    planned = Classifier.plan(given(examples=(*given().examples, chat)), {"turns": 1})
    assert isinstance(planned, Plan)
    (need,) = planned.needs
    assert isinstance(need, Labelling)
    assert (need.rows[-1].text, need.rows[-1].label) == ("Sorry\nWhere is it?", "shipping")


def test_what_it_is_not_sure_of_is_refused_or_out_of_scope() -> None:
    refused, _ = classifier({"reject": 0.5}, ClassifyResult("shipping", 0.4))
    assert refused.refused
    outside, _ = classifier({"reject": 0.5, "out_of_scope": "other"}, ClassifyResult("shipping", 0.4))
    assert (outside.text, outside.refused) == ("other", False)
    sure, _ = classifier({"reject": 0.5}, ClassifyResult("shipping", 0.5))
    assert sure.text == "shipping"


@pytest.mark.parametrize(
    ("more", "settings", "why"),
    [
        ({"labels": ()}, {}, "no labels"),
        ({"labels": ("refund",)}, {}, "one label, 'refund'"),
        ({"schema": "{}"}, {}, "JSON"),
        ({"examples": tuple(example(n, "refund") for n in range(60))}, {}, "all 60 .* one label"),
        ({"examples": tuple(example(n, LABELS[n % 2]) for n in range(49))}, {}, "49 .* takes 50"),
        ({"examples": tuple(example(n, "unknown") for n in range(90))}, {}, "^0 .* takes 50"),
        ({}, {"out_of_scope": "nothing"}, "'nothing'"),
    ],
)
def test_it_says_with_numbers_why_it_does_not_apply(more: dict[str, object], settings: dict[str, Json], why: str) -> None:
    planned = Classifier.plan(given(**more), settings)
    assert isinstance(planned, NotApplicable)
    assert re.search(why, planned.why), planned.why


def test_train_cases_teach_too_and_unanswerable_ones_are_out_of_scope() -> None:
    lessons = (
        Case("t1", "Pay me back", ("refund",), split="train"),
        Case("t2", "Sing a song", (), answerable=False, split="train"),
        Case("t3", "Anything", (), split="train"),
    )
    both: list[tuple[dict[str, Json], list[str]]] = [({}, ["refund"]), ({"out_of_scope": "other"}, ["refund", "other"])]
    for settings, taught in both:
        planned = Classifier.plan(given(lessons=lessons), settings)
        assert isinstance(planned, Plan)
        (need,) = planned.needs
        assert isinstance(need, Labelling)
        assert [row.label for row in need.rows[50:]] == taught


MEMBERS = tuple(Member(f"{name}[x=1]", StrategySpec(name), Parrot(name), name) for name in ("cheap", "dear", "dearest"))
CASES = tuple(Case(f"d{n}", f"question {n}", split="dev") for n in range(30))


def composition(settings: dict[str, Json] | None = None, **more: object) -> Composition:
    made = Router.plan(materials(**{"dev": CASES, **more}), settings or {})
    assert isinstance(made, Composition)
    return made


def routed(planned: Plan) -> Strategy:
    return Router.make(planned.with_artifacts(("r" * 64,)), [member.strategy for member in MEMBERS])


def test_the_chosen_rung_answers_and_is_named() -> None:
    planned = composition().plan(MEMBERS)
    assert isinstance(planned, Plan)

    def answers(step: Step) -> Result:
        return ClassifyResult("dear[x=1]", 0.8) if isinstance(step, Classify) else GenerateResult("hm")

    answer, steps = drive(routed(planned).answer(QUESTION), answers)
    assert (answer.text, answer.by) == ("dear", "dear[x=1]")
    assert steps[0] == Classify(QUESTION.text, ("cheap[x=1]", "dear[x=1]", "dearest[x=1]"), "r" * 64)
    assert isinstance(steps[1], Generate)


def test_a_question_for_nobody_is_refused() -> None:
    planned = composition().plan(MEMBERS)
    assert isinstance(planned, Plan)
    answer, steps = drive(routed(planned).answer(QUESTION), lambda _: ClassifyResult("", 0.1))
    assert answer.refused
    assert answer.by == ""
    assert len(steps) == 1


def test_over_names_rungs_or_labels() -> None:
    planned = composition({"over": "dear, cheap[x=1]"}).plan(MEMBERS)
    assert isinstance(planned, Plan)
    (need,) = planned.needs
    assert isinstance(need, Routing)
    assert [m.spec.rung for m in need.members] == ["cheap", "dear"]
    assert need.cases == CASES


def test_one_rung_is_no_choice() -> None:
    alone = composition({"over": "dear, rag"}).plan(MEMBERS)
    assert isinstance(alone, NotApplicable)
    assert "dear[x=1]; built are: cheap[x=1]" in alone.why
    nobody = composition().plan(())
    assert isinstance(nobody, NotApplicable)


def test_too_few_cases_are_told_with_their_number_and_train_cases_can_be_added() -> None:
    few = Router.plan(materials(dev=CASES[:28]), {})
    assert isinstance(few, NotApplicable)
    assert "28 dev cases" in few.why
    assert "30" in few.why
    planned = composition({"train_cases": True}, dev=CASES[:28]).plan(MEMBERS)  # and the two lessons
    assert isinstance(planned, Plan)


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"threshold": -0.5}, {"otherwise": "anyone"}, {"give_up": -1.0}])
def test_a_setting_out_of_range_is_refused(wrong: dict[str, Json]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        Router.plan(materials(), wrong)
    with pytest.raises(UserError, match="method"):
        Classifier.plan(materials(), {"method": "forest"})
