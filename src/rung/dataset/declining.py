"""Outputs that decline to help: a model says that it may not or will not, or, as `refusing` knows, that it does not know.

Rows that decline teach declining. "We cannot refund after 30 days" is an answer: only the speaker's own refusal counts.
"""

from __future__ import annotations

import re
import unicodedata

from rung.text.refusals import is_refusal

_LOOKED_AT = 400  # characters: refusals say so at once
_I = r"(?:i(?:'m| am)?|we(?:'re| are)?)"
_CANNOT = (
    r"(?:(?:really |simply |just )?(?:can't|cannot|can not|could not|couldn't|won't|will not|must "
    r"decline to|have to decline to)"
    r"|(?:am |are )?(?:not able|unable|not allowed|not permitted|not comfortable|not programmed|not "
    r"designed|not in a position) ?(?:to|with)?"
    r"|do(?:n't| not) (?:feel comfortable|have the ability to|have the capability to))"
)
_HELP = (
    r"(?:help|assist|aid|support|fulfil+|comply|do (?:that|this|so)|engage|participate|continue|proceed|accommodate"
    r"|(?:provid|creat|generat|writ|produc|offer|giv|discuss|answer|complet|process|respond to|shar|support)(?:e|ing)?"
    r" (?:you |any |the |that |this |such |your |a |an |with |information |content |advice )*"
    r"(?:that|this|it|request|information|content|advice|question|kind|type|material|instructions|"
    r"guidance|assistance|response))"
)
_DECLINES = re.compile(
    "|".join(
        (
            rf"\b{_I} {_CANNOT} (?:to )?{_HELP}\b",
            r"\b(?:as|being|i'm|i am|i'm just|i am just|i'm only|i am only)(?: just| only)? an? (?:ai|"
            r"a\.i\.|artificial intelligence|(?:large )?language model)\b",
            r"\bas an? (?:ai|artificial intelligence)[ -](?:language )?(?:model|assistant|chatbot)\b",
            r"\b(?:against|violates?|goes against|outside) (?:my|our) (?:programming|guidelines|"
            r"policy|policies|ethic\w*|content policy|principles)\b",
            r"\bi(?:'m| am) (?:just |only )?a (?:chat ?bot|virtual assistant|computer program|machine "
            r"learning model)\b[^.]{0,60}\b(?:not|n't|cannot)\b",
            r"\b(?:i |we )(?:must|have to|need to|will have to) (?:respectfully |politely )?(?:decline|refuse)\b",
            r"\bi (?:do not|don't) have (?:personal )?(?:opinions|feelings|beliefs|emotions|access to "
            r"(?:real[- ]time|the internet|current))\b",
        )
    )
)
_OPENS = re.compile(
    rf"^(?:(?:i(?:'m| am)(?: very| so| really)? |we(?:'re| are)(?: very| so| really)? )?(?:sorry|"
    rf"afraid)|my apologies|apologies|i apologi[sz]e|unfortunately)"
    rf"[\s,.:;!–-]*(?:but |that )*{_I} (?:can't|cannot|can not|won't|am unable to|'m unable to|am not "
    rf"able to|'m not able to|unable to|not able to)\b"
    rf" ?(?:\w+ )?(?:help|assist|do that|do this|answer|comply|fulfil+|provide that|provide this|"
    rf"discuss|engage|say|continue)?[^.]{{0,80}}[.!]?$"
)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "`": "'"})


def declines(output: str, schema: str = "") -> bool:
    """Whether an output refuses, or says that it does not know.

    >>> declines("I'm sorry, but I can't help with that."), declines("I'm sorry to hear that. We refund it.")
    (True, False)
    """
    text = " ".join(unicodedata.normalize("NFKC", output[:_LOOKED_AT]).translate(_QUOTES).casefold().split())
    return _DECLINES.search(text) is not None or _OPENS.match(text) is not None or is_refusal(output, schema)
