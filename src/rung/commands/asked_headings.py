"""Headings of pages as questions, and whether the sentence below one answers it."""

from __future__ import annotations

import re

from rung.text.persons import is_instruction, to_reader
from rung.text.statement_words import POINTING_AWAY
from rung.text.support import content

_ASKING = re.compile(
    r"(?:How (?:do|does|can|should|long|much|many|often|is|are|will|to)|What|When|Where|Why|Who|Which"
    r"|Can|Could|Do|Does|Did|Is|Are|Will|Would|Should|May|Must|Has|Have)\b"
)
_TROUBLE = re.compile(
    r"(?:I|My) (?:can['’]?t|cannot|can not|don['’]t|do not|didn['’]t|did not|have|lost|forgot|am|['’]m|need|no longer"
    r"|[\w ]+ (?:don['’]t|doesn['’]t|isn['’]t|won['’]t|is|are|was) )"
)
_NO_ANSWER = re.compile(
    r"(?:thank|thanks|sorry|welcome|great|good|congratulations|hi|hello|are you|do you|is your|have you|in this"
    r"|this (?:page|document|guide|section|article)|we (?:hope|know|understand|want|love)|the following|below|see|generally"
    r"|it depends|there are (?:several|many|a few|two|three|a number|lots)|if you['’]re (?:new|interested)|whether)\b",
    re.IGNORECASE,
)
_CAUSE = re.compile(
    r"\b(?:because|since|due to|so that|in order|to|as|may|might|likely|probably|reason|means?|cause[sd]?|if|when)\b"
)
_TIME = re.compile(
    r"\d|\b(?:day|week|month|year|hour|minute|once|after|before|when|every|daily|annual|within|until|time|at least"
    r"|immediately|always|never|\w+ly|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\w*",
    re.IGNORECASE,
)
_DEFINES = re.compile(r"\b(?:is|are|means?|refers? to|allows?|lets?|provides?|helps?|describes?|contains?)\b(?! not\b)")
_YES_NO = re.compile(r"(?:Can|Could|Do|Does|Did|Is|Are|Will|Would|Should|May|Must|Has|Have)\b")
_MIN_WORDS = 4  # of a question
_SHARED = 0.5  # of the words of a question that asks for yes or no


def heading_question(heading: str) -> str:
    """What a heading asks, as a question; "" where it asks nothing that can be understood by itself.

    >>> heading_question("How to cancel an order"), heading_question("I don't have any backup codes left")
    ('How do I cancel an order?', "What can I do if I don't have any backup codes left?")
    >>> heading_question("When is this reviewed?"), heading_question("Overview")
    ('', '')
    """
    text = " ".join(heading.rstrip(" :").split())
    if not text or text.count("?") > 1 or "?" in text[:-1] or ". " in text or re.search(r"[{}<>|]", text):
        return ""
    question = ""
    if how := re.fullmatch(r"How to (?P<what>[^?]+)\??", text):
        question = f"How do I {to_reader(how['what'])}?"
    elif _ASKING.match(text) and text.endswith("?"):
        question = text
    elif re.match(r"How (?:do|can|should) (?:I|you|we)\b", text):
        question = f"{text}?"
    elif _TROUBLE.match(text) and not text.endswith("?"):
        question = f"What can I do if {text[:1] if text.startswith('I') else 'm'}{text[1:]}?"
    if len(question.split()) < _MIN_WORDS or POINTING_AWAY.search(re.sub(r"^\w+", "", question)):
        return ""
    return question if content(question) else ""


def answers(question: str, sentence: str) -> bool:
    """Whether a sentence is of the kind that a question asks for: few kinds, by their words."""
    if not sentence.endswith(".") or _NO_ANSWER.match(sentence) or re.search(r"[?{}|]", sentence):
        return False
    if re.search(r"\b(?:the following|as follows|below|these steps|here(?:'s| is| are))\b", sentence, re.IGNORECASE):
        return False
    if not re.match(r"(?:Yes|No)\b", sentence) and POINTING_AWAY.search(" ".join(sentence.split()[:6])):
        return False
    word = question.split(maxsplit=1)[0].lower()
    if _YES_NO.match(question):
        return bool(re.match(r"(?:Yes|No)\b", sentence)) or _shared(question, sentence) >= _SHARED
    if question.startswith(("How do", "How can", "How should", "What can I do", "What should I do", "What if")):
        conditional = re.match(r"If [^,]+, (?P<do>.+)", sentence)
        return is_instruction(conditional["do"] if conditional else sentence)
    if question.startswith(("What is ", "What are ")):
        return bool(_DEFINES.search(sentence)) and content(question) <= content(sentence)
    if word == "why":
        return bool(_CAUSE.search(sentence))
    if question.startswith(("How long", "How often", "How soon", "When")):
        return bool(_TIME.search(sentence))
    if question.startswith(("How much", "How many")):
        return bool(re.search(r"\d|\b(?:free|no|none|unlimited|one|two|three|four|five|ten)\b", sentence, re.IGNORECASE))
    return _shared(question, sentence) > 0


def _shared(question: str, sentence: str) -> float:
    words = content(question)
    return len(words & content(sentence)) / len(words) if words else 0.0
