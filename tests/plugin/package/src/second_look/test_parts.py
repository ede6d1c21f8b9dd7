"""Do the parts keep Rung's contracts?"""

from rung.knowledge.loading import SourceFile
from rung.records import Document
from rung.records.steps import Generate, Generated, Result, Step
from rung.scoring.protocol import Scorer, Yardstick
from rung.testing.scoring import ScorerContract
from rung.testing.strategies import StrategyContract, canned, drive

from .readers import read_eml
from .rungs import SecondLook
from .scorers import Brief


class TestSecondLook(StrategyContract):
    rung = SecondLook

    def test_looks_again_after_a_refusal(self) -> None:
        def says(step: Step) -> Result:
            few = isinstance(step, Generate) and "[2]" not in step.messages[-1].content
            return Generated("I don't know.") if few else canned(step)

        answer, steps = drive(self.strategy().answer(self.question), says)
        assert [type(step).__name__ for step in steps] == ["Search", "Generate", "Generate"]
        assert answer.plain == "thirty days"


class TestBrief(ScorerContract):
    def make(self, yardstick: Yardstick) -> Scorer:
        return Brief(yardstick)


def test_an_email_is_a_document() -> None:
    data = b"Subject: Opening hours\n\nWe open at nine.\n"
    (found,) = read_eml(SourceFile("mail/hours.eml", data=data))
    assert found == (0, Document("mail/hours.eml", "We open at nine.\n", "Opening hours", source="mail/hours.eml"))
