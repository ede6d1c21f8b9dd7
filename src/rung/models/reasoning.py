"""What of a model's text is its answer: the reasoning before it and the marks of channels around it are not.

Reasoning models think aloud, between marks of their own. A server that knows the model's marks puts the thinking into a
field of its own; one that does not leaves it in the text. An opening mark counts at the beginning of the text; a closing
mark without one (templates that open it in the prompt) where it ends or begins a line; a whole block anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BLOCKS = (  # opening and closing mark: DeepSeek, Qwen and most others; Gemini; Seed; Magistral; Kimi; Cohere
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
_PADDING = "\u200b\u2060\ufeff\u200e\u200f"  # zero-width space, word joiner, byte order mark, direction marks
_OPEN = re.compile("|".join(re.escape(begin) for begin, _ in BLOCKS), re.IGNORECASE)
_CLOSE = {begin.lower(): re.compile(re.escape(end), re.IGNORECASE) for begin, end in BLOCKS}
_WHOLE = re.compile("|".join(f"(?<!`){re.escape(a)}.*?{re.escape(b)}(?!`)" for a, b in BLOCKS), re.IGNORECASE | re.DOTALL)
_ANY_CLOSE = "|".join(re.escape(end) for _, end in BLOCKS)
_LONE_CLOSE = re.compile(rf"(?:^|\n)[ \t]*(?:{_ANY_CLOSE})|(?:{_ANY_CLOSE})[ \t]*(?=\n|$)", re.IGNORECASE)
# OpenAI's harmony format: <|start|>assistant<|channel|>final<|message|>text<|return|>
_HARMONY = re.compile(
    r"\s*(?:<\|start\|>[^<]*)?(?:<\|channel\|>)?(?P<channel>[^<]{0,80})(?:<\|constrain\|>[^<]*)?<\|message\|>"
)
_HEAD = re.compile(r"<\|channel\|>(?P<channel>[^<]*)(?:<\|constrain\|>[^<]*)?<\|message\|>")
_TAIL = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_BARE = re.compile(
    r"\s*analysis.*?assistantfinal", re.DOTALL
)  # the same, its marks dropped by a server that did not know them
_ENDS = re.compile(
    r"(?:\s*(?:<\|(?:im_end|eot_id|end|return|endoftext|end_of_text|END_RESPONSE)\|>|</s>|<end_of_turn>))+\s*$"
)
_BEGINS = re.compile(r"^\s*<\|START_RESPONSE\|>")
_MARKS = tuple(
    mark.lower()
    for mark in (
        *(mark for pair in BLOCKS for mark in pair),
        *("<|start|>", "<|channel|>", "<|message|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"),
        *("<|im_end|>", "<|eot_id|>", "<|end|>", "<|return|>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<end_of_turn>"),
    )
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The answer, trimmed. `reasoned`: there was reasoning before it; `open`: nothing but reasoning that never ended."""

    text: str
    reasoned: bool = False
    open: bool = False


def trimmed(text: str) -> str:
    """Without the white space and invisible characters around it.

    >>> trimmed("\\u200bnine\\u00a0\\n")
    'nine'
    """
    before = None
    while before != text:
        before, text = text, text.strip().strip(_PADDING)
    return text


def spoken(text: str) -> Spoken:
    """The answer within what a model said.

    >>> spoken("<think>\\nSeven? No, nine.\\n</think>\\n\\nnine")
    Spoken(text='nine', reasoned=True, open=False)
    >>> spoken("<think>Seven? No,").open
    True
    >>> spoken("<|channel|>analysis<|message|>Seven?<|end|><|start|>assistant<|channel|>final<|message|>nine<|return|>").text
    'nine'
    """
    if _HARMONY.match(text) and ("<|channel|>" in text or "<|start|>" in text or trimmed(text).startswith("<|message|>")):
        return _of_channels(text)
    bare = _BARE.match(text)
    if bare:
        return Spoken(_plain(text[bare.end() :]), reasoned=True)
    rest, reasoned = trimmed(text), False
    while opened := _OPEN.match(rest):
        closed = _CLOSE[opened[0].lower()].search(rest, opened.end())
        if closed is None:
            return Spoken("", reasoned=True, open=True)
        rest, reasoned = trimmed(rest[closed.end() :]), True
    if not _has_marks(rest):
        return Spoken(rest, reasoned)
    closed = _LONE_CLOSE.search(rest)
    if closed and not _OPEN.search(rest, 0, closed.start()):
        rest, reasoned = rest[closed.end() :], True
    whole = _WHOLE.sub("", rest)
    return Spoken(_plain(whole), reasoned or whole != rest)


def _of_channels(text: str) -> Spoken:
    """The final channel's text; where there is none, nothing was answered."""
    heads = list(_HEAD.finditer(text))
    first = _HARMONY.match(text)
    if first is not None and (not heads or heads[0].start() >= first.end()):
        heads.insert(0, first)  # its first marks were dropped
    finals, others = [], False
    for head in heads:
        tail = _TAIL.search(text, head.end())
        channel = head["channel"].strip().lower()
        if channel in ("", "final", "assistant") or channel.startswith("final"):
            finals.append(text[head.end() : tail.start() if tail else len(text)])
        else:
            others = True
    return Spoken(_plain(finals[-1]), reasoned=others) if finals else Spoken("", reasoned=True, open=True)


def _has_marks(text: str) -> bool:
    """Whether any mark is in it: a plain search, a tenth of what the expressions below cost on every piece of a stream."""
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS)


def _plain(text: str) -> str:
    return trimmed(_ENDS.sub("", _BEGINS.sub("", text)))


class Listening:
    """The answer within a text that comes in pieces, so that it can be shown while it grows.

    What may still turn out to be reasoning or a mark is held back. A closing mark that nothing opened comes too late: what
    was shown then is more than the answer.
    """

    def __init__(self) -> None:
        self._text = ""
        self._shown = ""

    def hear(self, piece: str) -> str:
        """What of the answer is new and certain."""
        self._text += piece
        begun = trimmed(self._text).lower()
        in_a_head = begun.startswith(("<|start|>", "<|channel|>")) and "<|message|>" not in begun
        return "" if in_a_head or "analysis".startswith(begun[:8]) else self._grown(self._certain())

    def end(self) -> tuple[str, Spoken]:
        """(what is left to be shown, the answer)."""
        result = spoken(self._text)
        return self._grown(result.text), result

    def _certain(self) -> str:
        """The answer without the block, and without the mark, that its end may be growing into."""
        text = self._text
        at = max(text.rfind(first) for first in "<[◁")
        tail = text[at:].lower() if at >= 0 else ""
        if tail and any(mark != tail and mark.startswith(tail) for mark in _MARKS):
            text = text[:at]
        blocks = list(_OPEN.finditer(text))
        if blocks and _CLOSE[blocks[-1][0].lower()].search(text, blocks[-1].end()) is None:
            text = text[: blocks[-1].start()]
        return spoken(text).text

    def _grown(self, text: str) -> str:
        if not text.startswith(self._shown):
            return ""
        new, self._shown = text[len(self._shown) :], text
        return new
