"""Cases that the project's model drafts: it asks for a sentence that it is shown, then answers what it asked.

Its output cannot leave the form of a question; rules drop what is none, or points elsewhere. A draft stays only where the
model, asked its own question beside the passage, gives the answer that it drafted: a small model makes answers up.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from rung.commands.draft_checks import Corpus, shuffled
from rung.commands.draft_rows import Draft
from rung.pipeline.gold_slips import squeezed
from rung.records import Asker, Document, Message, Passage, Question
from rung.records.steps import Conversation, Generate, generate
from rung.runtime.runner import StepRunner
from rung.strategies.prompting import DEFAULT_TASK, grounded
from rung.text.parsing import Malformed, json_of
from rung.text.prose import plain, prose
from rung.text.refusals import is_refusal
from rung.text.statement_words import NAMELESS, POINTING
from rung.text.support import content, support, unmarked

_SHORT, _LONG = 30, 240  # characters of a sentence that is asked for
_MIN_SUPPORT = 0.6  # of a question's words that its passage must have
_SAME = 0.75  # of the words of the shorter of two answers
_TRIES = 3  # passages asked about for each draft that is wanted of a model
_WORDS = "What|Who|When|Where|Which|Why|How|In what year|On what date|By whom|Can|Does|Do|Is|Are"
_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "question": {"type": "string", "pattern": rf"^({_WORDS}) [^?\"]{{10,150}}\?$"},
            "answer": {"type": "string", "maxLength": 120},
        },
        "required": ["question", "answer"],
        "additionalProperties": False,
    }
)
_ANSWER_RULE = "Use only the numbered passages, and as few words as possible."
_BROKEN = re.compile(
    r"[(\[]|[,;:]\s*\?$|\b(?:of|the|an?|and|or|is|was|were|to|with|by|at|that|which)\?$"
    r"|^Wh\w+ (?:is|was|are|were) .*\b(?:is|was|are|were) (?:an?|the) |\b(\w+\W+\w+\W+\w+)\b.*\b\1\b"
    r"|\b(?:question|sentence|passage|text|answer|article|page|document)\b",
    re.IGNORECASE,
)


def by_model(runner: StepRunner, documents: Sequence[Document], each: int, corpus: Corpus) -> Iterator[Draft]:
    """Drafts of the project's model: it is shown a sentence in its passage, and asks for it.

    Asked for question and answer freely, a small model makes answers up; so the sentence is chosen here, and is the answer
    where the model's own words do not stand in it. A question that is none, or whose words the passage does not know, is
    dropped.
    """
    from rung.knowledge.chunking.passages import Chunking, passages

    knowledge = runner.engines.knowledge
    if knowledge is None:
        return
    pairs = (
        (passage, sentence)
        for document in shuffled([d for d in documents if not d.groups])
        for passage in passages(document, chunking=Chunking(160, 0), count=knowledge.tokens, max_tokens=256)[:3]
        if (sentence := _telling(passage.text))
    )
    shown = list(itertools.islice(pairs, each * _TRIES))
    conversations = [(Asker(), partial(_asked, passage, sentence)) for passage, sentence in shown]
    for ended in runner.run(conversations, title="draft cases"):
        one = ended.value
        if one is not None and corpus.is_only_answer(one.question, one.answers[0]):
            yield replace(one, by=runner.project.settings.model)


def _telling(text: str) -> str:
    """The sentence of a passage that says most, of those short enough to be an answer; "" if there is none."""
    statements = [text[a:b] for a, b in prose(text) if _SHORT <= b - a <= _LONG and text[b - 1] == "." and plain(text[a:b])]
    return max(statements, key=lambda sentence: len(content(sentence)), default="")


def _asked(passage: Passage, sentence: str) -> Conversation[Draft | None]:
    """The draft of a sentence; None where the model asks nothing that can be used, or answers its own question otherwise."""
    rule = (
        "Write the question that the sentence answers, so that it can be understood without the passage, and the answer in "
        'as few words of the sentence as possible. Reply with JSON: {"question": ..., "answer": ...}'
    )
    shown = f"{passage.title}\n\n{passage.text}\n\nSentence: {plain(sentence)}"
    response = yield from generate(
        Generate((Message("system", rule), Message("user", shown)), schema=_SCHEMA, max_tokens=120)
    )
    one = _checked(response.text, passage, sentence)
    if one is None:
        return None
    question = Question("draft", one.question)
    again = yield from generate(Generate(grounded(DEFAULT_TASK, _ANSWER_RULE, question, (passage,)), max_tokens=60))
    return one if _agree(one.answers[0], unmarked(again.text)[0]) else None


def _checked(response: str, passage: Passage, sentence: str) -> Draft | None:
    """What the model wrote, as a draft; None where it is no question, or none that this passage answers."""
    try:
        value = json_of(response)
    except Malformed:
        return None
    if not isinstance(value, dict):
        return None
    question, answer = str(value.get("question", "")).strip(), str(value.get("answer", "")).strip(" .")
    supported = support(question, f"{passage.title}. {passage.text}")
    if not question.endswith("?") or len(question.split()) < 4 or len(content(question)) < 2 or supported < _MIN_SUPPORT:
        return None
    if POINTING.search(question) or NAMELESS.search(question) or _BROKEN.search(question):
        return None
    if content(sentence) <= content(question):
        return None
    if not answer or answer not in plain(sentence) or answer.casefold() in question.casefold():
        answer = plain(sentence)
    if squeezed(answer) not in squeezed(sentence):
        return None
    note = "written by a model: check that the question is one, and that this is its answer"
    return Draft("answerable", question, (answer,), passage.document, sentence, note=note)


def _agree(drafted: str, given: str) -> bool:
    """Whether two answers say the same: one holds the other, or most of the words of the shorter."""
    one, other = squeezed(drafted), squeezed(given)
    if not other or is_refusal(given):
        return False
    shorter = min(content(drafted), content(given), key=len)
    return (
        one in other or other in one or (len(shorter) > 1 and len(content(drafted) & content(given)) >= _SAME * len(shorter))
    )
