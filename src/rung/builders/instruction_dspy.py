"""GEPA and MIPROv2, which DSPy has, as ways to an instruction: DSPy proposes, the rung answers, its own scorer judges.

To DSPy the rung is a program with one predictor, whose instruction is the task; the model is reached through the engine that
DSPy lets a caller bring, so that every question goes through the project's own memory of results and is asked once. What
proposals are made from are the dev cases that may be shown; the others are DSPy's validation set, of which it is given the
scores. See https://arxiv.org/abs/2507.19457 (GEPA) and https://arxiv.org/abs/2406.11695 (MIPRO).
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partialmethod
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

from rung.errors import MissingExtra, RungError
from rung.progress import Silent, Tick, phase, reporting, say
from rung.records import Case, Message
from rung.records.steps import Conversation, Generate, GenerateResult, generate
from rung.strategies.optimising import LONGEST
from rung.strategies.prompting import DEFAULT_TASK

if TYPE_CHECKING:
    from rung.builders.instruction_trials import Attempts, Scored

EXTRA = "dspy"
_NAMES = {"gepa": "GEPA", "mipro": "MIPROv2"}
_ROOM = 2048  # tokens for what DSPy asks the model
_MINIBATCH = 3  # shown cases that GEPA reflects on at a time: its default


def check_dspy(method: str) -> None:
    """Refuse a search where DSPy, or what the search needs beside it, is not installed.

    Raises:
        MissingExtra: it is not.
    """
    if find_spec("dspy") is None or (method == "mipro" and find_spec("optuna") is None):
        raise MissingExtra(EXTRA, f"'optimise: {method}' ({_NAMES[method]} of DSPy)")


def dspy_version() -> str:
    """The version that proposes: another may propose otherwise."""
    return f"dspy {version('dspy')}"


def searched_by_dspy(attempts: Attempts) -> list[str]:
    """The instructions that DSPy tried on all dev cases that are scored, in the order in which it came to them.

    Raises:
        UserError: the model does not answer, or nothing can be scored.
        BudgetEnded: a limit was reached.
    """
    import dspy
    from dspy.utils.exceptions import AdapterParseError

    method, form_ignored = attempts.need.method, False
    with phase(f"{attempts.title}: {_NAMES[method]} of DSPy looks for an instruction") as tick, reporting(Silent()):
        relay = _Relay(attempts, tick)
        lm = dspy.LM("rung", engine=_Engine(relay), cache=False, num_retries=0, temperature=1.0)
        try:
            with _quiet(), dspy.context(lm=lm, num_threads=1, disable_history=True):
                (_gepa if method == "gepa" else _mipro)(_program(relay), lm, relay)
        except AdapterParseError:
            form_ignored = True
        except Exception:
            if relay.error is None:
                raise
    if form_ignored:
        say(f"! {attempts.title}: the model does not keep to the form in which DSPy asks for instructions")
    if relay.error is not None:  # DSPy counts an answer that raised as a miss, and goes on
        raise relay.error
    texts = attempts.tried_on(attempts.need.scored)
    return [text for text in texts if text and len(text) <= LONGEST]


def _gepa(program: Any, lm: Any, relay: _Relay) -> None:
    import dspy

    need = relay.attempts.need
    each = len(need.scored) + 2 * _MINIBATCH  # answers for a proposal that is scored on all
    optimiser = dspy.GEPA(
        metric=relay.feedback,
        max_metric_calls=len(need.scored) + need.proposals * each,
        reflection_lm=lm,
        reflection_minibatch_size=min(_MINIBATCH, len(need.shown)),
        num_threads=1,
        seed=relay.attempts.seed,
    )
    optimiser.compile(program, trainset=relay.examples(need.shown), valset=relay.examples(need.scored))


def _mipro(program: Any, lm: Any, relay: _Relay) -> None:
    import dspy

    need = relay.attempts.need
    optimiser = dspy.MIPROv2(
        metric=relay.correct,
        prompt_model=lm,
        task_model=lm,
        auto=None,
        num_candidates=need.proposals + 1,
        max_bootstrapped_demos=0,
        max_labeled_demos=0,
        num_threads=1,
        seed=relay.attempts.seed,
    )
    optimiser.compile(
        program,
        trainset=relay.examples(need.shown),
        valset=relay.examples(need.scored),
        num_trials=2 * need.proposals,
        minibatch=False,
        program_aware_proposer=False,
        fewshot_aware_proposer=False,
    )


def _program(relay: _Relay) -> Any:
    """The rung as DSPy sees it: a question goes in, the answer comes out, the instruction of its predictor is the task's."""
    import dspy

    class Answering(dspy.Predict):  # type: ignore[misc, name-defined, unused-ignore]
        """The rung under an instruction."""

        def forward(self, *, case: str, question: str) -> Any:
            one = relay.answer(self.signature.instructions, case)
            prediction = self._forward_postprocess([{"answer": one.response}], self.signature, question=question)
            prediction.correct = one.correct
            return prediction

    class Rung(dspy.Module):  # type: ignore[misc, name-defined, unused-ignore]
        """The rung."""

        def __init__(self) -> None:
            super().__init__()
            self.answering = Answering(dspy.Signature("question -> answer", relay.attempts.task.strip() or DEFAULT_TASK))

        def forward(self, case: str, question: str) -> Any:
            return self.answering(case=case, question=question)

    return Rung()


@dataclass
class _Relay:
    """Between DSPy and the trials. `error`: the first of ours, after which nothing more is asked."""

    attempts: Attempts
    tick: Tick
    error: RungError | None = None
    requests: Counter[tuple[Message, ...]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        need = self.attempts.need
        self._shown = {case.id: case for case in need.shown}
        self._cases = {case.id: case for case in (*need.shown, *need.scored)}

    def examples(self, cases: Sequence[Case]) -> list[Any]:
        """Cases as DSPy takes them."""
        import dspy

        rows = (dspy.Example(case=c.id, question=c.question, answer=c.answers[0] if c.answers else "") for c in cases)
        return [row.with_inputs("case", "question") for row in rows]

    def answer(self, instruction: str, case: str) -> Scored:
        """What the rung says to a case under an instruction."""
        self._stop()
        text = "" if instruction.strip() == (self.attempts.task.strip() or DEFAULT_TASK) else instruction
        try:
            (scored,) = self.attempts.scores(text, [self._cases[case]], everybody=case in self._shown)
        except RungError as error:
            self._fail(error)
        self.tick(len(self.attempts.usages), 0, "answers and replies")
        return scored

    def reply(self, messages: tuple[Message, ...], temperature: float, tokens: int) -> GenerateResult:
        """What the model says to DSPy. The same request again is drawn anew, the same in every run."""
        self._stop()
        seed = self.attempts.seed + self.requests[messages]
        self.requests[messages] += 1
        step = Generate(messages, max_tokens=tokens, temperature=temperature, seed=seed)
        try:
            return self.attempts.ask([lambda: _said(step)])[0]
        except RungError as error:
            self._fail(error)

    def correct(self, example: Any, prediction: Any, trace: Any = None) -> float:
        """How right an answer is, as MIPROv2 is given it."""
        del example, trace
        return float(prediction.correct)

    def feedback(self, gold: Any, pred: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None) -> Any:
        """How right an answer is, and in words what was expected, as GEPA is given it."""
        import dspy

        del trace, pred_name, pred_trace
        score = float(pred.correct)
        right = f"Right is: {gold.answer}" if gold.answer else "Right is to say that the answer is not known."
        return dspy.Prediction(score=score, feedback="That is right." if score >= 1 else right)

    def _stop(self) -> None:
        if self.error is not None:
            raise self.error

    def _fail(self, error: RungError) -> NoReturn:
        self.error = error
        raise error


class _Engine:
    """The project's model, as DSPy asks one: a request in, a response out."""

    def __init__(self, relay: _Relay) -> None:
        self._relay = relay

    def complete(self, request: Any) -> Any:
        """One reply."""
        from dspy.lm15 import Message as Reply
        from dspy.lm15 import Response, Usage

        system = request.system if isinstance(request.system, str) else "".join(p.text for p in request.system or ())
        turns = [Message("assistant" if m.role == "assistant" else "user", m.text or "") for m in request.messages]
        messages = (Message("system", system), *turns) if system else tuple(turns)
        tokens = min(request.config.max_tokens or _ROOM, _ROOM)
        response = self._relay.reply(messages, request.config.temperature or 0.0, tokens)
        return Response(
            id=None,
            model=request.model,
            message=Reply.assistant(response.text or " "),
            finish_reason="length" if response.truncated else "stop",
            usage=Usage(
                input_tokens=response.prompt_tokens,
                output_tokens=response.completion_tokens,
                total_tokens=response.prompt_tokens + response.completion_tokens,
            ),
        )

    def stream(self, request: Any) -> Any:
        """One reply, in one piece."""
        from dspy.lm15 import response_to_events

        return response_to_events(self.complete(request))

    def close(self) -> None:
        """Nothing to give back."""


def _said(step: Generate) -> Conversation[GenerateResult]:
    return (yield from generate(step))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """DSPy prints on stdout, where a command may write JSON, logs every trial and every error, and draws bars of its own
    across ours, which it has no setting against."""
    from unittest import mock

    import tqdm

    loggers = [logging.getLogger(name) for name in ("dspy", "optuna")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    no_bars = mock.patch.object(tqdm.tqdm, "__init__", partialmethod(tqdm.tqdm.__init__, disable=True))
    try:
        with contextlib.redirect_stdout(io.StringIO()), no_bars:
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
