"""Do the parts keep Rung's contracts?"""

from pathlib import Path

from rung.importers.source import ImportFile
from rung.knowledge.loading import SourceFile
from rung.records import Document
from rung.records.steps import Generate, GenerateResult, Result, Step
from rung.scoring.protocol import Scorer, ScoringContext
from rung.testing.scoring import ScorerContract
from rung.testing.strategies import StrategyContract, canned, drive

from .importers import CARDS
from .judged import Kind
from .readers import read_eml
from .rungs import SecondLook
from .scorers import Tone


class TestSecondLook(StrategyContract):
    rung = SecondLook

    def test_looks_again_after_a_refusal(self) -> None:
        def says(step: Step) -> Result:
            few = isinstance(step, Generate) and "[2]" not in step.messages[-1].content
            return GenerateResult("I don't know.") if few else canned(step)

        answer, steps = drive(self.strategy().answer(self.question), says)
        assert [type(step).__name__ for step in steps] == ["Search", "Generate", "Generate"]
        assert answer.plain == "thirty days"


class TestTone(ScorerContract):
    def make(self, scoring_context: ScoringContext) -> Scorer:
        return Tone(scoring_context)


class TestKind(ScorerContract):
    def make(self, scoring_context: ScoringContext) -> Scorer:
        return Kind(scoring_context)

    def judge(self, step: Step) -> Result:
        return GenerateResult("yes" if isinstance(step, Generate) and "nine" in step.messages[-1].content else "no")


def test_an_email_is_a_document() -> None:
    data = b"Subject: Opening hours\n\nWe open at nine.\n"
    (document,) = read_eml(SourceFile("mail/hours.eml", data=data))
    assert document == (0, Document("mail/hours.eml", "We open at nine.\n", "Opening hours", source="mail/hours.eml"))


def test_a_card_is_a_case_and_one_without_an_answer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cards"
    path.write_text("#cards\nHow much is express?\n= 9 EUR\n\nWho knows?\n", encoding="utf-8")
    file = ImportFile(path)
    taken, refused = CARDS.read(file)
    assert CARDS.claims(file) == 1.0
    assert (taken.line, taken.cases) == (2, ({"question": "How much is express?", "answers": ["9 EUR"]},))
    assert (refused.line, refused.refused[:13]) == (5, "has no answer")
