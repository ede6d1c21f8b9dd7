"""A project that was compared and promoted, and traffic written straight into its database: no server runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import rung
from rung.records import Answer, Asker, Citation, Message, Passage, Question
from rung.records.alerts import Reading
from rung.records.steps import Search, SearchResult
from rung.runtime.live import StepRun
from rung.state.database import State, now_ms
from rung.state.feedback import Rating, Remark, add_remark
from rung.state.tables import observations
from rung.state.tables import traces as trace_table
from rung.tracing.parent import new_trace
from rung.tracing.spans import Ending, Opening, Spans
from rung.tracing.store import row_of
from rung.watching.surroundings import Surroundings
from tests.serving.promoting import promoted
from tests.watching.around import around

ITEMS = ("kettle", "lamp", "chair", "shelf", "rug", "mirror", "clock", "vase", "desk", "sofa")
ASKS = ("What does the {} cost?", "How long is the {} delivered?", "Is the {} in stock?", "Who makes the {}?")
NEW = ("How do I close my bank account {}?", "My card was stolen near {}, block it", "Which interest does account {} pay?")
YAML = """\
knowledge: {{sources: [docs]}}
cases: [cases.jsonl]
model: scripted
embedder: scripted
rungs: [rag]
{more}
"""


def make(folder: Path, more: str = "") -> Path:
    """Forty cases about ten items, compared and promoted."""
    (folder / "docs").mkdir(parents=True)
    rows = []
    for number, item in enumerate(ITEMS):
        text = (
            f"The {item} does cost {number + 3} EUR. The {item} is delivered in {number + 2} days, it takes long. "
            f"The {item} is in stock in Leeds. Anna Smith makes the {item}."
        )
        (folder / f"docs/{item}.txt").write_text(text)
        answers = (f"{number + 3} EUR", f"{number + 2} days", "Leeds", "Anna Smith")
        for ask, answer in zip(ASKS, answers, strict=True):
            rows.append(
                {"question": ask.format(item), "answers": [answer], "gold_documents": [f"docs/{item}.txt"], "split": "test"}
            )
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "rung.yaml").write_text(YAML.format(more=more))
    rung.open(folder).compare()
    promoted(folder)
    return folder


def known(rng: np.random.Generator, count: int) -> list[str]:
    """Questions as the cases ask them."""
    return [ASKS[rng.integers(len(ASKS))].format(ITEMS[rng.integers(len(ITEMS))]) for _ in range(count)]


def new(rng: np.random.Generator, count: int) -> list[str]:
    """Questions on another topic."""
    return [NEW[rng.integers(len(NEW))].format(int(rng.integers(10_000))) for _ in range(count)]


@dataclass
class Traffic:
    """Writes what a server would."""

    state: State
    deployment: str
    callers: int = 0
    began: int = field(default_factory=now_ms)
    ids: list[str] = field(default_factory=list)

    def ask(
        self,
        question: str,
        *,
        refused: bool = False,
        text: bool = True,
        caller: str = "",
        wrong: bool = False,
        minutes: float = 0,
        turns: tuple[Message, ...] = (),
    ) -> str:
        """An answer; `text`: whether texts are captured; `wrong`: it cites what does not bear it out; `minutes` after the
        first, by the clock; `turns` before the question. Its id."""
        id = new_trace()
        self.callers += 1
        at = self.began + round(minutes * 60_000)
        said = "I don't know." if refused else "The kettle costs three euros in the shop. [1]"
        cited = "Nothing of the sort is written in here, whatever one asks." if wrong else said.removesuffix(" [1]")
        passage = Passage("docs/kettle.txt#0", "docs/kettle.txt", 0, len(cited), cited)
        citations = () if refused else (Citation(1, passage.document, 0, len(cited), passage.id),)
        answer = Answer(said, refused=refused, citations=citations, passages=(passage,))
        opening = Opening(
            id=id, trace=id, parent=None, deployment="rung", digest="d" * 64, caller="ann",
            caller_id=caller or f"key:{self.callers}", asker=Asker(),
            question=Question("q", question, messages=turns), model="scripted",
            began=at / 1000, clock=0.0,
        )  # fmt: skip
        found = StepRun(Search(question, 3), SearchResult((passage,)), 0.0, 0.1)
        trace = Spans(text, lambda _model, _result: None).trace(opening, [found], Ending(answer=answer, seconds=0.5))
        row = {"at": at, "answer": id, "deployment": self.deployment, "trial": "", "end": "answered"}
        with self.state.writing() as connection:
            connection.execute(trace_table.insert().values(**row_of(trace)))
            connection.execute(observations.insert().values(**row, refused=refused, seconds=0.5))
        self.ids.append(id)
        return id

    def ask_all(self, questions: Sequence[str], **given: bool) -> None:
        """Each of them by another caller."""
        for question in questions:
            self.ask(question, **given)  # type: ignore[arg-type]

    def rate(self, id: str, rating: Rating, caller: str = "") -> None:
        """Somebody's word; "": each another one's."""
        self.callers += 1
        add_remark(self.state, Remark(id, caller or f"proxy:{self.callers}", rating, {}, None))


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Surroundings, Traffic]]:
    """What a detector may look at, and who fills it. Ask first: what was read once is not read again."""
    with around(folder) as surroundings:
        yield surroundings, Traffic(surroundings.state, surroundings.standing.current)


def readings_of(
    look: Callable[[Surroundings], Iterator[Reading]], folder: Path, fill: Callable[[Traffic], None]
) -> dict[str, Reading]:
    """What a detector says of the traffic that `fill` writes, by name."""
    with watched(folder) as (surroundings, asked):
        fill(asked)
        return {one.name: one for one in look(surroundings)}
