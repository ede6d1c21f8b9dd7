"""What a comparison takes beside the rungs' answers: live pass, judge, a search of settings, what is built and indexed.

Each is a part with its own forecast, bounds as in `forecast`. What cannot be told is named, and the sum goes without it.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from rung.builders.instruction import BY_MODEL
from rung.builders.training_pairs import MAX_GENERATED
from rung.config.project import Project
from rung.errors import UserError
from rung.models.endpoint import Endpoint, is_on_server
from rung.pipeline.answering import MAX_PASSES, sample_size, turns_of
from rung.pipeline.budget import CompareRequest, training_usd_per_hour
from rung.pipeline.counting import CHARACTERS_PER_TOKEN, likely_tokens, sizes_of
from rung.pipeline.forecast import Forecast, Rates, in_all, minutes_in_words
from rung.pipeline.grading import asks_judge
from rung.pipeline.limits import scoring_in
from rung.pipeline.prepare import chosen
from rung.pipeline.pricing import is_batched
from rung.pipeline.rehearsal import NO_PASSAGE, REHEARSED, Rehearsed, Stage, Use, most, words
from rung.pipeline.sweep import KEPT
from rung.pipeline.training_pace import Pace, composed_of, replayed, trainings
from rung.records import Answer, Case, Document, Json, Outcome, Passage, plain
from rung.runtime.passage_contexts import PassageContexts
from rung.scoring import Scorer, scorers
from rung.scoring.card import begun, conversation
from rung.scoring.judge import judgement, labels
from rung.strategies.optimising import ROOM, Failed, proposal
from rung.strategies.placing import ROOM as ROOM_OF_CONTEXT
from rung.strategies.placing import excerpts, placing
from rung.strategies.prompting import question_for
from rung.strategies.protocol import Adapter, ChunkedIndex, Composition, InstructionSearch, Need, Plan, Retriever
from rung.strategies.registry import make_strategy
from rung.training.self_replay import answered_by_itself
from rung.verdict.bar import OF_RUNS
from rung.verdict.gaps import CLOSED_BOOK

_NOTHING = Forecast(usd=0.0, minutes=0.0)
_BYTES = 4  # of a token, about
_CUT = 150  # words of which no more characters of a failure are shown
FIRST_REQUEST = Use(1, 128, 64)  # a server is asked for a trifle before anything else


@dataclass(frozen=True)
class RungForecast:
    """A rung as it was rehearsed, one pass over the cases; `rehearsed` None: it could not be. `stage`: with the model
    that it asks."""

    label: str
    name: str
    plan: Plan | Composition
    rehearsed: Rehearsed | None
    stage: Stage
    is_reference: bool = False

    @property
    def model(self) -> str:
        """The name of the model that it asks."""
        return self.stage.project.settings.model

    @property
    def ladder_rung(self) -> str:
        """The rung that it is a setting of; on another model it is another."""
        return f"{self.name} on {self.model}"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a comparison does beside answering."""

    what: str
    forecast: Forecast

    def lines(self) -> Iterator[str]:
        """For a person."""
        if not self.forecast.calls:
            yield f"{self.what}: {minutes_in_words(self.forecast.minutes)}"
            return
        yield self.what
        yield from (f"  {line}" for line in self.forecast.lines())


@dataclass(frozen=True, slots=True)
class BatchForecast:
    """What a model is asked through its host's batch interface at most: `batches`, in `rounds` one after the other."""

    model: str
    batches: int
    rounds: int

    def __str__(self) -> str:
        rounds = f", in {self.rounds} rounds one after the other" if self.rounds > 1 else ""
        return (
            f"{self.model}: at most {self.batches} batch{'es' if self.batches != 1 else ''}{rounds}, each of which may take "
            "up to 24 hours"
        )


@dataclass(frozen=True)
class Outlook:
    """All parts, of what nobody knows what it takes, and what goes through batch interfaces."""

    parts: tuple[Part, ...] = ()
    unknown: tuple[str, ...] = ()
    batches: tuple[BatchForecast, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        parts: list[Json] = [{"what": part.what, **part.forecast.as_json()} for part in self.parts]
        unknown: list[Json] = list(self.unknown)
        return {"parts": parts, "unknown": unknown, "batches": plain(self.batches)}


@dataclass(frozen=True)
class Foreseer:
    """What is at hand to look ahead with. `judging`: the cases that judge."""

    project: Project
    stage: Stage
    rates: Rates
    pace: Pace
    forecasts: Sequence[RungForecast]
    judging: Sequence[Case]
    cases: Sequence[Case] = ()  # of every split
    allowed: CompareRequest = field(default_factory=CompareRequest)
    unindexed: Sequence[Document] = ()

    def look(self) -> Outlook:
        """Every part that this project has."""
        parts = [*self._servers(), *self._indexing(), *self._searching(), *self._building(), *self._live(), *self._judge()]
        unknown = [e.label for e in self.forecasts if e.rehearsed is None]
        forecast = tuple(part for part in parts if part.forecast != _NOTHING)
        return Outlook(forecast, tuple(unknown), tuple(self._batches()))

    def answers(self) -> list[Forecast]:
        """Of all rungs and arms, on all cases; of a rung whose settings are searched, so many as go on at most."""
        repeats, swept = self.project.settings.sampling.repeats, self._swept() if self.allowed.trials else {}
        forecasts = []
        for rung in self.forecasts:
            if rung.rehearsed is not None and rung.ladder_rung not in swept:
                rehearsed = rung.rehearsed
                uses = rehearsed.whole.times(repeats), rehearsed.likely.times(repeats)
                forecasts.append(self.rates.of(*uses, model=rung.model, answers=True))
        for some in swept.values():
            members = [e.rehearsed for e in some if e.rehearsed is not None]
            if members:
                count = repeats * min(KEPT, len(members))
                whole, likely = (most([getattr(one, what) for one in members]).times(count) for what in ("whole", "likely"))
                forecasts.append(self.rates.of(whole, likely, model=some[0].model, answers=True))
        return forecasts

    def _batches(self) -> Iterator[BatchForecast]:
        """Of each model that is asked in batches, how many at most: a round for each generation of the longest conversation,
        with a request of every case that may still go on."""
        count = len(self.judging) * self.project.settings.sampling.repeats
        for model in dict.fromkeys(rung.model for rung in self.forecasts):
            if not is_batched(self.project.on(model)) or (api := Endpoint.named(model).vendor.batches) is None:
                continue
            each = [rung.rehearsed.each for rung in self.forecasts if rung.model == model and rung.rehearsed is not None]
            batches, rounds = 0, max((one.calls for one in each), default=0)
            for number in range(rounds):
                going_on = [one for one in each if one.calls > number]
                size = sum(count * _BYTES * one.prompt / one.calls for one in going_on)
                batches += max(1, -(-count * len(going_on) // api.max_requests), math.ceil(size / api.max_bytes))
            yield BatchForecast(model, batches, rounds)

    def _servers(self) -> Iterator[Part]:
        settings = self.project.settings
        named = (settings.model, *(rung.model for rung in self.forecasts), settings.judge.model)
        asked = [self.rates.of(FIRST_REQUEST, live=True, model=name) for name in dict.fromkeys(named) if is_on_server(name)]
        if asked:
            yield Part("a first small request to each server", in_all(asked))

    def _live(self) -> Iterator[Part]:
        """A pass over a sample; where time is limited and rungs race, all that are left are timed anew as others finish."""
        if not self.judging:
            return
        warm, *rest = reversed(chosen(self.judging, sample_size(self.project)))
        limited = not self.allowed.exhaustive and set(self.project.settings.bar.limits()) & set(OF_RUNS)
        passes = MAX_PASSES if limited else 1
        rungs = [e for e in self.forecasts if e.rehearsed is not None and not e.is_reference]
        timed, turns = rest or [warm], len(turns_of(len(rest), len(rungs)))
        each = []
        for model in dict.fromkeys(one.model for one in rungs):
            whole, likely = Use(), Use()
            for one in rungs:
                if one.model == model:
                    sampled, before = self._on(one, timed), self._on(one, [warm])
                    whole += (sampled.whole + before.whole.times(turns)).times(passes)
                    likely += sampled.likely + before.likely.times(turns)
            each.append(self.rates.of(whole, likely, live=True, model=model))
        if each:
            yield Part("the live pass", in_all(each))

    def _on(self, rung: RungForecast, cases: Sequence[Case]) -> Rehearsed:
        """A rung on other cases than those that it was rehearsed on; one that is made of others, as the dearest of these."""
        rehearsed = rehearse(rung.stage, rung.plan, cases)
        if rehearsed is None:
            each = rung.rehearsed.each if rung.rehearsed else Use()
            return Rehearsed(each.times(len(cases)), each, each.times(len(cases)))
        return rehearsed

    def _judge(self) -> Iterator[Part]:
        settings, materials = self.project.settings, self.stage.materials
        if not asks_judge(self.project):
            return
        rubric = settings.judge.rubric
        try:
            by = scoring_in(self.project, self.judging, schema=materials.schema, labels=materials.labels)
        except UserError:
            return  # a comparison says what is wrong
        name, pairwise = settings.judge.model or settings.model, settings.judge.mode == "pairwise"
        stage = Stage(self.project, materials, (), sizes_of(name))
        longest = {e.label: e.rehearsed.each.completion for e in self.forecasts if e.rehearsed is not None}
        other = words(longest.get(CLOSED_BOOK, 0) + 1)
        rivals = dict.fromkeys((case.id for case in self.judging), other) if pairwise else None
        rehearsals = []
        for label, tokens in longest.items():
            for make in scorers().values():
                scorer = make(replace(by, rivals=None if label == CLOSED_BOOK else rivals))
                rehearsals.append(_asked(stage, scorer, self.judging, words(tokens)))
        for one in labels(self.cases, pairwise=pairwise) if by.correct_by == "judge" else ():
            ask = partial(judgement, one.case, one.answer, one.other if pairwise else None, rubric=rubric)
            rehearsals.append(stage.of(lambda _case, ask=ask: ask(), [one.case], ways=("judges",)))  # type: ignore[misc]
        total = sum((rehearsed.whole for rehearsed in rehearsals if rehearsed), Use())
        likely = sum((rehearsed.likely for rehearsed in rehearsals if rehearsed), Use())
        repeats = settings.sampling.repeats
        yield Part("the judge", self.rates.of(total.times(repeats), likely.times(repeats), model=name))

    def _searching(self) -> Iterator[Part]:
        """Dev cases answered by as many combinations as may be tried; those that go on are among the rungs' own numbers."""
        swept = self._swept()
        if self.allowed.trials is None or not swept:
            return
        each = max(2, self.allowed.trials // len(swept))
        dev = self.stage.materials.dev
        forecasts = []
        for some in swept.values():
            uses = [one.whole for e in some if (one := rehearse(e.stage, e.plan, dev)) is not None]
            if uses:
                taken = most(uses).times(min(each, len(some)))
                forecasts.append(self.rates.of(taken, model=some[0].model, answers=True))
        yield Part(f"the search, on {len(dev)} dev cases", in_all(forecasts) if forecasts else self.rates.of(Use()))

    def _building(self) -> Iterator[Part]:
        for rung in self.forecasts:
            needs = rung.plan.needs if isinstance(rung.plan, Plan) else ()
            if isinstance(rung.plan, Composition):
                yield Part(f"what teaches {rung.label}", self._members(rung))
            if (taken := self._generated(rung, needs)).calls:
                yield Part(f"what teaches {rung.label}", self.rates.of(taken, model=rung.model))
            yield from self._trained(rung, needs)

    def _trained(self, rung: RungForecast, needs: tuple[Need, ...]) -> Iterator[Part]:
        todo = list(trainings(self.project, needs, rung.model))
        if not todo:
            return
        estimates = [self.pace.seconds(one) for one in todo]
        seconds = [one for one in estimates if one is not None]
        minutes = sum(seconds) / 60 if len(seconds) == len(estimates) else None
        hourly = training_usd_per_hour(self.project.settings.prices)
        usd = 0.0 if hourly is None else None if minutes is None else hourly * minutes / 60
        rows = ", ".join(f"{one.rows:,} rows" for one in todo)
        yield Part(f"training {rung.label} on {rows}, if it is not there yet", Forecast(usd=usd, minutes=minutes))

    def _generated(self, rung: RungForecast, needs: Sequence[Need]) -> Use:
        """What a model writes so that others may learn: search queries of lessons, questions for passages."""
        total = Use()
        for need in needs:
            if isinstance(need, Adapter):
                total = sum((rung.stage.begun(lesson.talk()) for lesson in need.lessons), total)
                prompts = replayed(rung.stage.project, need)
                total = sum((rung.stage.begun(answered_by_itself(prompt)) for prompt in prompts), total)
            if isinstance(need, Retriever) and need.generated == "questions":
                (longest,) = self.stage.pieces(1, self.project.settings.knowledge.chunk_tokens) or (NO_PASSAGE,)
                asked = question_for(longest)
                total += Use(1, self.stage.sizes.prompt(asked), 48).times(MAX_GENERATED["questions"])
            if isinstance(need, InstructionSearch):
                total += _searched(rung.stage, need)
        return total

    def _indexing(self) -> Iterator[Part]:
        """Passages that are not in the index yet, and those of rungs that cut the documents in their own way."""
        settings = self.project.settings.knowledge
        cuts = {n for e in self.forecasts if isinstance(e.plan, Plan) for n in e.plan.needs if isinstance(n, ChunkedIndex)}
        todo = [(settings.chunk_tokens - settings.overlap, self.unindexed)]
        todo += [(one.tokens - one.overlap, self.stage.documents) for one in sorted(cuts, key=lambda one: one.tokens)]
        for step, documents in todo:
            passages = sum(_passages(document, step) for document in documents)
            if passages:
                minutes = None if self.rates.indexing is None else passages * self.rates.indexing / 60
                yield Part(f"indexing about {passages:,} passages", Forecast(usd=0.0, minutes=minutes))
                yield from self._contexts(documents, step)

    def _contexts(self, documents: Sequence[Document], step: int) -> Iterator[Part]:
        """A model's sentence of context for each passage of these documents: twice as many at most, as cuts fall."""
        model = self.project.context_model
        if not model or not documents:
            return
        sizes, bound, likely = sizes_of(model), Use(), Use()
        for document in documents:
            count = _passages(document, step)
            passage = Passage("", document.id, 0, 0, document.text[: CHARACTERS_PER_TOKEN * step])
            asked = placing(document, passage, excerpts(document, passage)).messages
            bound += Use(2 * count, 2 * count * sizes.prompt(asked), 2 * count * ROOM_OF_CONTEXT)
            read = likely_tokens("".join(message.content for message in asked))
            likely += Use(count, count * read, count * ROOM_OF_CONTEXT // 2)
        what = f"a model's sentence of context for about {likely.calls:,} passages"
        yield Part(what, self.rates.of(bound, likely, model=model))

    def _swept(self) -> dict[str, list[RungForecast]]:
        """Rungs with several combinations of settings."""
        by: dict[str, list[RungForecast]] = {}
        for rung in self.forecasts:
            if not rung.is_reference and isinstance(rung.plan, Plan):
                by.setdefault(rung.ladder_rung, []).append(rung)
        return {name: some for name, some in by.items() if len(some) > 1}

    def _members(self, router: RungForecast) -> Forecast:
        """What the members of a router take on the cases that teach it: each answers all of them."""
        _, cases = composed_of(router.plan.settings, self.stage.materials)
        members = [e for e in self.forecasts if isinstance(e.plan, Plan) and not e.is_reference]
        tried = ((e, rehearse(e.stage, e.plan, cases)) for e in members)
        forecasts = [self.rates.of(one.whole, model=e.model) for e, one in tried if one is not None]
        return in_all(forecasts) if forecasts else self.rates.of(Use())


def _passages(document: Document, step: int) -> int:
    """About how many passages a document is cut into, each of which begins so many tokens after the last."""
    return -(-likely_tokens(document.text) // max(1, step))


def _asked(stage: Stage, scorer: Scorer, cases: Sequence[Case], text: str) -> Rehearsed | None:
    """What a scorer asks the judge of an answer of this text to each case; None where it asks nothing."""
    short, whole = Answer("aa", "aa"), Answer(text, text)
    asked = [case for case in cases if isinstance(begun(scorer, case, Outcome(case.id, short)), Generator)]
    return stage.of(lambda case: conversation(scorer, case, Outcome(case.id, whole))(), asked, ways=("judges",))


def _searched(stage: Stage, need: InstructionSearch) -> Use:
    """What looking for an instruction takes: proposals, and answers to dev cases under each, which may be long. Of what DSPy
    asks besides nobody can know."""
    failed = [Failed(replace(case, answers=(words(_CUT),)), words(_CUT)) for case in need.shown]
    by_model = need.method == BY_MODEL
    numbers = range(need.proposals if by_model else 0)
    total = sum((stage.begun(proposal(need.spec.task, failed, n, need.spec.seed)) for n in numbers), Use())
    answers = rehearse(stage, Plan(need.spec), (*need.shown, *need.scored))
    if answers is None:
        return total
    under_each = answers.whole + Use(0, ROOM * answers.whole.calls, 0)
    return total + answers.whole + under_each.times(need.proposals if by_model else 2 * need.proposals)


def rehearse(stage: Stage, plan: Plan | Composition, cases: Sequence[Case]) -> Rehearsed | None:
    """What a rung's plan takes on these cases, in one pass."""
    if isinstance(plan, Composition):
        return None
    spec = plan.with_artifacts(tuple(f"{REHEARSED}{index}" for index in range(len(plan.needs))))
    strategy = make_strategy(spec, gold=stage.materials.gold)
    return stage.of(lambda case: strategy.answer(case.ask()), cases, plan.needs)


def unindexed(project: Project, documents: Sequence[Document]) -> tuple[Document, ...]:
    """The documents that the index in the project's folder does not hold as they are; all, where there is none."""
    from rung.knowledge import Chunking
    from rung.knowledge.store.lance import LanceIndex

    settings, folder = project.settings.knowledge, project.state / "index"
    if not documents or settings.store or not folder.exists():
        return tuple(documents)
    snapshot = LanceIndex(folder).snapshot()
    chunking = asdict(Chunking(settings.chunk_tokens, settings.overlap, settings.parent_tokens))
    context = PassageContexts(project.context_model).identity if project.context_model else None
    if snapshot is None or (snapshot.settings.get("chunking"), snapshot.settings.get("context")) != (chunking, context):
        return tuple(documents)
    held = snapshot.state.documents
    return tuple(document for document in documents if held.get(document.id) != document.digest)
