"""What earlier turns do for the search: the last turn as a question that stands alone, in the model's words or by joining.

A follow-up ("and to Sweden?") finds nothing by itself. `join` asks no model: it searches with the turns joined and with the
last turn alone. `condense` asks the model for one standalone question. How a conversation is fitted into what the model
reads is left to `within_context`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rung.records import Question
from rung.records.steps import Conversation, Generate, GenerateResult, generate
from rung.strategies.prompting import standalone_question
from rung.strategies.settings import History
from rung.text.refusals import is_refusal
from rung.text.support import MARK, content

CONDENSED_TOKENS = 64
MAX_JOINED = 1000  # characters of earlier turns that are searched with: more goes over what an embedder reads
QUESTION_MARKS = ("?", "？", "؟")
RETAINED_SHARE = 0.5  # of the last turn's content words: a text with fewer is an answer or another question, no rewriting

GenerateStep = Callable[[Generate], Conversation[GenerateResult | None]]


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question with the words that it is searched with. `beside`: others that are searched with too, whose ranking is
    interleaved; "" for none. Condensed, the question is in other words, and has no turns before it."""

    question: Question
    text: str
    beside: str = ""

    @property
    def alone(self) -> Question:
        """The question in the words that it is searched with, without turns before it."""
        return replace(self.question, text=self.text, messages=())


def has_turns(question: Question) -> bool:
    """Whether the question follows others, without which it may say nothing."""
    return any(turn.role != "system" for turn in question.messages)


def standalone(question: Question, history: History, ask: GenerateStep = generate) -> Conversation[Standalone]:
    """The question as it is searched with. A first turn is searched with as it is, whatever the setting.

    Where the model leaves the form (it answers, refuses or says nothing), or may not be asked for want of budget (`ask`
    returns None), `condense` is as `join`.
    """
    if history == "none" or not has_turns(question):
        return Standalone(question, question.text)
    if history == "condense":
        response = yield from ask(Generate(standalone_question(question), max_tokens=CONDENSED_TOKENS))
        text = "" if response is None or response.truncated else _line(response.text)
        if is_rewriting(text, question.text):
            return Standalone(replace(question, text=text, messages=()), text)
    return Standalone(question, joined(question), beside=question.text)


def is_rewriting(text: str, of: str) -> bool:
    """Whether a text may be the same question in other words: it says something, refuses nothing, and has its words. Of one
    without content words ("And this?") that cannot be seen, so that only a question is taken."""
    words = content(of)
    if not words and not text.rstrip().endswith(QUESTION_MARKS):
        return False
    return bool(text) and not is_refusal(text) and len(words & content(text)) >= RETAINED_SHARE * len(words)


def joined(question: Question) -> str:
    """The question, then the turns before it, the newest first, as far as `MAX_JOINED` reaches."""
    texts, room = [question.text], MAX_JOINED
    for turn in reversed(question.messages):
        if room <= 0:
            break
        if turn.role != "system":
            texts.append(_line(turn.content)[:room])
            room -= len(texts[-1]) + 1
    return " ".join(text for text in texts if text)


def _line(text: str) -> str:
    return " ".join(MARK.sub("", text).split())
