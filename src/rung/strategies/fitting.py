"""Passages that do not surely go over what the model reads: `server.context_tokens`, where `rung.yaml` names it.

A prompt that surely does not fit is not sent as it is: a server would cut it without a word, or refuse it. What may fit is
left alone, since only the model counts its tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rung.records import Message, Passage

CHARACTERS_PER_TOKEN = 5  # no tokenizer makes more of prose: what goes over by this count surely does
SHORTEST = 80  # characters of a passage that is shortened: less says nothing


def fitting(
    passages: Sequence[Passage], prompt: Callable[[Sequence[Passage]], Sequence[Message]], *, tokens: int
) -> tuple[Passage, ...]:
    """The first passages whose prompt does not surely go over; where not even one fits, the beginning of the first.

    Args:
        passages: best first.
        prompt: the prompt with some passages in it.
        tokens: for the prompt; 0 or less: as many as it has.
    """
    fitted = list(passages)

    def over() -> int:
        return sum(len(message.content) for message in prompt(fitted)) - tokens * CHARACTERS_PER_TOKEN

    while len(fitted) > 1 and over() > 0:
        fitted.pop()
    if fitted and (beyond := over()) > 0:
        fitted = [_shortened(fitted[0], max(SHORTEST, len(fitted[0].text) - beyond))]
    return tuple(fitted)


def _shortened(passage: Passage, characters: int) -> Passage:
    if characters >= len(passage.text):
        return passage
    text = passage.text[:characters]
    text = text[: text.rfind(" ")] if " " in text else text
    return replace(passage, text=text, end=passage.start + len(text))
