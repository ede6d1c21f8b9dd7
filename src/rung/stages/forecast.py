"""What would a comparison take? Calls and tokens by rehearsing each rung without a model; money and minutes from those.

A rung is plain code that yields steps, so it can be driven by hand: searches get slices of the project's documents, models
speak at the usual length. That tells the calls and the size of the prompts of any rung. What an answer leads to (a refusal
that asks again, say) cannot be known beforehand, so the numbers are estimates; and they are for all cases, of which a race
needs a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from rung.project import Project
from rung.records import Case, Document, Json, Passage
from rung.steps import Called, CallTool, Classified, Classify, Found, Generate, Generated, Rerank, Result, Search, Step
from rung.strategies.prompting import wanted_output
from rung.strategies.protocol import Cutting, ExampleIndex, Materials, Plan

CHARACTERS_PER_TOKEN = 4  # of English prose; a comparison counts properly
TURN_TOKENS = 5  # what a chat's marks add to each turn, about
MOST_STEPS = 40  # a rung that goes on for longer is not rehearsed to its end
SAMPLE = 5  # cases that are rehearsed
SAID = 30  # tokens of an answer where the project shows none


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a rung would take on all cases: model calls and tokens. `usd` and `minutes` None: unknown."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    minutes: float | None = None

    def words(self) -> str:
        """For a person."""
        money = (
            "$ unknown" if self.usd is None else f"${self.usd:.2f}" if self.usd >= 0.01 or not self.usd else "under $0.01"
        )
        time = "minutes unknown" if self.minutes is None else f"{self.minutes:.1f} minutes"
        tokens = f"{self.prompt_tokens:,} + {self.completion_tokens:,} tokens"
        return f"{self.calls:,} calls, {tokens}, {money}, {time}"

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        return {name: getattr(self, name) for name in ("calls", "prompt_tokens", "completion_tokens", "usd", "minutes")}


@dataclass(frozen=True)
class Rehearsal:
    """What is at hand to rehearse with. `pace`: seconds per token that earlier comparisons of this model took."""

    project: Project
    materials: Materials
    documents: Sequence[Document]
    cases: Sequence[Case]
    pace: float | None = None

    def of(self, plan: Plan) -> Forecast | None:
        """The forecast for one rung on all cases; None where it cannot be rehearsed."""
        if not self.cases:
            return Forecast()
        told = [self._one(plan, case) for case in self.cases[:: max(1, len(self.cases) // SAMPLE)][:SAMPLE]]
        known = [one for one in told if one is not None]
        if not known:
            return None
        times = len(self.cases) * self.project.settings.sampling.repeats
        calls, prompt, completion = (round(mean(column) * times) for column in zip(*known, strict=True))
        return self._priced(calls, prompt, completion)

    def _one(self, plan: Plan, case: Case) -> tuple[int, int, int] | None:
        calls = prompt = completion = 0
        try:
            talk = plan.make(tuple(f"rehearsed {place}" for place in range(len(plan.needs)))).answer(case.ask())
            step = next(talk)
            for _ in range(MOST_STEPS):
                if isinstance(step, Generate):
                    calls += 1
                    prompt += sum(_tokens(m.content) + TURN_TOKENS for m in step.messages)
                    completion += min(self._length(), step.max_tokens)
                step = talk.send(self._result(step, plan))
        except StopIteration:
            pass
        except Exception:
            return None
        return calls, prompt, completion

    def _result(self, step: Step, plan: Plan) -> Result:
        match step:
            case Search():
                return Found(self._found(step, plan))
            case Rerank():
                return Found(step.passages[: step.top])
            case Generate():
                return Generated(step.choices[0] if step.choices else self._answer())
            case Classify():
                return Classified(step.labels[0] if step.labels else "")
            case CallTool():
                return Called("")

    def _found(self, step: Search, plan: Plan) -> tuple[Passage, ...]:
        place = int(step.index.removeprefix("rehearsed ")) if step.index.startswith("rehearsed ") else None
        need = None if place is None else plan.needs[place]
        if isinstance(need, ExampleIndex):
            return tuple(_passage(str(n), text) for n, (_, text) in enumerate(need.texts[: step.top]))
        said = self.project.settings.knowledge
        tokens = need.parent_tokens or need.tokens if isinstance(need, Cutting) else said.parent_tokens or said.chunk_tokens
        size = tokens * CHARACTERS_PER_TOKEN
        texts = (d.text[at : at + size] for d in self.documents for at in range(0, len(d.text), size))
        return tuple(_passage(str(n), text) for n, text in zip(range(step.top), texts, strict=False))

    def _answer(self) -> str:
        return self._shown()[0] if self._shown() else "an answer"

    def _length(self) -> int:
        shown = self._shown()
        return round(mean(_tokens(text) for text in shown)) if shown else SAID

    def _shown(self) -> list[str]:
        """Answers as the project shows them; the test cases' tell only how long answers are."""
        outputs = [example.output for example in self.materials.examples[:50]]
        rows = (*self.materials.lessons[:50], *self.cases[:50])
        wanted = (wanted_output(case, self.materials.schema, self.materials.labels) for case in rows)
        return outputs + [text for text in wanted if text]

    def _priced(self, calls: int, prompt: int, completion: int) -> Forecast:
        prices = self.project.settings.prices
        minutes = None if self.pace is None else (prompt + completion) * self.pace / 60
        usd = None
        if prices.prompt_usd_per_million is not None and prices.completion_usd_per_million is not None:
            usd = (prompt * prices.prompt_usd_per_million + completion * prices.completion_usd_per_million) / 1e6
        elif (listed := _listed(self.project.settings.model, prompt, completion)) is not None:
            usd = listed
        elif prices.machine_usd_per_hour is not None and minutes is not None:
            usd = prices.machine_usd_per_hour * minutes / 60
        return Forecast(calls, prompt, completion, usd, minutes)


def in_all(forecasts: Sequence[Forecast]) -> Forecast:
    """The sum; what one does not know, the sum does not."""
    usd = [f.usd for f in forecasts if f.usd is not None]
    minutes = [f.minutes for f in forecasts if f.minutes is not None]
    return Forecast(
        sum(f.calls for f in forecasts),
        sum(f.prompt_tokens for f in forecasts),
        sum(f.completion_tokens for f in forecasts),
        sum(usd) if len(usd) == len(forecasts) else None,
        sum(minutes) if len(minutes) == len(forecasts) else None,
    )


def pace_of(project: Project) -> float | None:
    """Seconds per token of this project's model, from what earlier comparisons noted; None before the first."""
    path: Path = project.state / "rung.db"
    if not path.is_file():
        return None
    from rung.drivers.cache import StepStore

    store = StepStore(path)
    try:
        known = store.noted("pace", project.settings.model)
    finally:
        store.close()
    if not isinstance(known, dict):
        return None
    seconds, tokens = known.get("seconds"), known.get("tokens")
    return (
        float(seconds) / float(tokens) if isinstance(seconds, (int, float)) and isinstance(tokens, int) and tokens else None
    )


def _listed(model: str, prompt: int, completion: int) -> float | None:
    """By the dated price list, for a hosted model; a scripted one charges nothing."""
    if model.startswith("scripted"):
        return 0.0
    from rung.models.endpoint import Endpoint
    from rung.models.prices import usd

    if model.startswith(("openai:", "http://", "https://")):
        endpoint = Endpoint.named(model)
        return usd(endpoint.model, endpoint.url, prompt=prompt, completion=completion)
    return None


def _passage(id: str, text: str) -> Passage:
    return Passage(id=id, document=id, start=0, end=len(text), text=text)


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
