"""From what a chat server sends, whole or in events, to the assistant's turn, and from that to a result.

Servers put text, reasoning, refusals and reasons into different places. What is no answer becomes a failure that says what
was there instead, in the server's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rung.models.http_words import shortened
from rung.models.reasoning import Listening, Spoken, spoken
from rung.records import Failure, Json, Message

_AT_THE_LIMIT = {"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"}
_FILTERED = {
    *("content_filter", "safety", "recitation", "prohibited_content", "blocklist", "sensitive"),
    *("spii", "model_armor", "escalation"),  # Gemini
    *("content_filtered", "guardrail_intervened"),  # Bedrock
    "refusal",  # Anthropic
}
_REASONING = ("reasoning_content", "reasoning", "thinking")
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")  # else in the details
_WORDS_CUT = 0.85  # tokens of a word, at least: tokenizers that join words make nine tokens of ten, all others more than ten
_SHORTEST_CUT = 100  # words: no server's context is smaller than that
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")  # Chinese and Japanese: written without spaces
ANOTHER = "an alias of the model that was asked, or another in its place (a router's fallback): its server knows which"
_LATEST = re.compile(r"[-:@]latest$")
_VERSION = re.compile(r"([-:@]v?\d[\w.-]*|[-:@]latest|\.gguf)?", re.IGNORECASE)
_UNSPACED_TOKEN = 3  # of these characters make a token, at most (on average)


@dataclass(slots=True)
class Turn:
    """The assistant's turn as it was sent. `is_there`: there was a choice at all; `has_text`: it had text, be it empty."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    tool: str = ""
    reason: str = ""
    usage: Mapping[str, Json] = field(default_factory=dict)
    is_there: bool = False
    has_text: bool = False
    listening: Listening = field(default_factory=Listening)

    def take(self, message: Json) -> str:
        """Take over a message, or a delta of one. Returns its text."""
        if not isinstance(message, dict):
            return ""
        content = message.get("content")
        text, thought, refused = parts_of(content)
        self.has_text = self.has_text or isinstance(content, (str, list, dict))
        self.text += text
        self.reasoning += thought + next((s for key in _REASONING if isinstance(s := message.get(key), str) and s), "")
        refusal = message.get("refusal")
        self.refusal += refused + (refusal if isinstance(refusal, str) else "")
        self.tool = self.tool or _tool_of(message)
        return text

    def hear(self, event: Mapping[str, Json]) -> str:
        """Take over an event of a stream. Returns what of the answer can be shown for certain."""
        self._note(event)
        choice = _first(event)
        if choice is None:
            return ""
        self.is_there = True
        self._end(choice)
        return self.listening.hear(self.take(choice.get("delta") or choice.get("message")))

    @classmethod
    def of(cls, answer: Mapping[str, Json]) -> Turn:
        """A whole answer."""
        turn = cls()
        turn._note(answer)
        choice = _first(answer)
        if choice is not None:
            turn.is_there = True
            turn._end(choice)
            turn.take(choice.get("message"))
        return turn

    @property
    def is_cut(self) -> bool:
        """Whether the limit of tokens ended it."""
        return self.reason in _AT_THE_LIMIT

    def _note(self, answer: Mapping[str, Json]) -> None:
        usage = answer.get("usage")
        self.usage = {**self.usage, **usage} if isinstance(usage, dict) else self.usage

    def _end(self, choice: Mapping[str, Json]) -> None:
        reason = choice.get("finish_reason")
        self.reason = reason.lower() if isinstance(reason, str) else self.reason


def read(turn: Turn, *, room: int, body: Mapping[str, Json] | None = None) -> Spoken | Failure:
    """The answer, or why there is none.

    Args:
        turn: the assistant's turn.
        room: tokens that it might have.
        body: what was sent whole, to be shown where it is no turn at all.
    """
    reply = spoken(turn.text)
    why = _why_none(turn, reply, room)
    if not turn.is_there:
        sent = shortened(json.dumps(body, ensure_ascii=False)) if body is not None else "nothing"
        why = f"the server's answer has no choices; it sent: {sent}"
    return Failure(why, step="generate") if why else reply


def _why_none(turn: Turn, reply: Spoken, room: int) -> str:
    """Why a turn is no answer, "" where it is one. A server's filter may leave the beginning of an answer: that is none."""
    if turn.reason in _FILTERED:
        words = f": {shortened(turn.refusal or reply.text)!r}" if turn.refusal or reply.text else ""
        return f"the server's content filter stopped the answer (finish_reason {turn.reason}){words}"
    if reply.text:
        return ""
    if turn.refusal.strip():
        return f"the model refused, it said: {shortened(turn.refusal)!r}"
    reasoned = reply.reasoned or bool(turn.reasoning.strip()) or _reasoning_tokens(turn.usage) > 0
    if turn.is_cut:
        what = "reasoning used up" if reasoned else "the answer is empty, and used up"
        return (
            f"{what} all {room:,} tokens before an answer began: give reasoning room of its own (server.reasoning_tokens "
            "in rung.yaml), or turn it off at the server"
        )
    if reasoned:
        shown = shortened(turn.reasoning or turn.text)[:120]
        return f"the server sent reasoning and no answer{_ended(turn)}: {shown!r}"
    if turn.tool:
        return f"the model called the tool {turn.tool!r} instead of answering"
    return "" if turn.has_text else f"the server's answer has no text{_ended(turn)}"


def _ended(turn: Turn) -> str:
    return f" (finish_reason {turn.reason})" if turn.reason else ""


def parts_of(content: Json) -> tuple[str, str, str]:
    """(text, reasoning, refusal) of a message's content: a text, or parts of several types.

    >>> parts_of([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "ni"}, {"type": "text", "text": "ne"}])
    ('nine', 'Hm.', '')
    """
    if isinstance(content, str):
        return content, "", ""
    parts = [content] if isinstance(content, dict) else content if isinstance(content, list) else []
    text = thought = refusal = ""
    for part in parts:
        kind = str(part.get("type", "text")) if isinstance(part, dict) else "text"
        if kind == "refusal":
            refusal += _text_of(part)
        elif kind in ("text", "output_text"):
            text += _text_of(part)
        elif "think" in kind or "reason" in kind:
            thought += _text_of(part)
    return text, thought, refusal


def _text_of(part: Json) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(map(_text_of, part))
    keys = ("text", "thinking", "reasoning", "refusal", "value")
    return next((_text_of(part[key]) for key in keys if part.get(key)), "") if isinstance(part, dict) else ""


@dataclass(frozen=True, slots=True)
class Consumed:
    """Tokens of an answer as its server counts them; None: it does not.

    `cached` and `written` are of the prompt's: read from the server's prefix cache, and written to it.
    """

    prompt: int | None
    completion: int | None
    cached: int = 0
    written: int = 0


def consumed(usage: Mapping[str, Json]) -> Consumed:
    """What a server says an answer consumed.

    Servers count cached tokens among the prompt's, as OpenAI does, or apart from them; that they are apart is told by their
    own total, or by there being more cached ones than others.

    >>> consumed({"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}})
    Consumed(prompt=10, completion=2, cached=9, written=0)
    >>> consumed({"prompt_tokens": 1, "completion_tokens": 2, "cache_read_input_tokens": 9})
    Consumed(prompt=10, completion=2, cached=9, written=0)
    """
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    details = usage.get("prompt_tokens_details")
    within = details if isinstance(details, dict) else {}
    cached = _count(within, "cached_tokens") or next((n for key in _CACHED if (n := _count(usage, key))), 0)
    written = _count(within, "cache_write_tokens") or _count(usage, "cache_creation_input_tokens") or 0
    if prompt is None:
        return Consumed(prompt, completion)
    apart = cached + written
    if apart > prompt or (apart and _count(usage, "total_tokens") == prompt + (completion or 0) + apart):
        prompt += apart
    return Consumed(prompt, completion, cached, written)


def _count(usage: Mapping[str, Json], key: str) -> int | None:
    """A number of tokens, where one stands there."""
    value = usage.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def cut_silently(messages: Sequence[Message], usage: Mapping[str, Json]) -> bool:
    """Whether a server read fewer tokens than the messages have: it cut them, and did not say so.

    The bound holds for every tokenizer: as many tokens as 85 in a hundred words (runs without white space; of Chinese and
    Japanese text a third of its characters). Templates only add to it. Under 100 words nothing is concluded.
    """
    counted = _count(usage, "prompt_tokens")
    if not counted:
        return False
    words = sum(_words(message.content) for message in messages)
    return words >= _SHORTEST_CUT and counted + consumed(usage).cached < _WORDS_CUT * words  # be they counted apart


def _words(text: str) -> float:
    unspaced = 0 if text.isascii() else len(_UNSPACED.findall(text))
    return len(text.split()) + unspaced / _UNSPACED_TOKEN


def other_name(asked: str, answered: Json) -> str:
    """The name that a server gives to what answered, where that is another than was asked; "" where it is the same: with a
    version behind it, or without the vendor's before it.

    >>> other_name("gpt-4o", "gpt-4o-2024-08-06"), other_name("vendor/small", "small"), other_name("gpt-4o", "gpt-4o-mini")
    ('', '', 'gpt-4o-mini')
    """
    if not isinstance(answered, str) or not answered:
        return ""
    ours, theirs = (name.rpartition("/")[2].casefold() for name in (_LATEST.sub("", asked), answered))
    return "" if theirs.startswith(ours) and _VERSION.fullmatch(theirs[len(ours) :]) else answered


def _reasoning_tokens(usage: Mapping[str, Json]) -> int:
    details = usage.get("completion_tokens_details")
    count = details.get("reasoning_tokens") if isinstance(details, dict) else 0
    return count if isinstance(count, int) else 0


def _tool_of(message: Mapping[str, Json]) -> str:
    calls = message.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and calls else None
    function = call.get("function") if isinstance(call, dict) else message.get("function_call")
    return str(function.get("name") or "?") if isinstance(function, dict) else ""


def _first(answer: Mapping[str, Json]) -> Mapping[str, Json] | None:
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None
