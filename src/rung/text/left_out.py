"""What an answer was to be of and is not, in words: turns of a long conversation, documents beyond a budget."""

from __future__ import annotations

from collections.abc import Iterator

from rung.records import Answer, Json


def counts_left_out(answer: Answer) -> dict[str, Json]:
    """How many of what was left out, by the answer's field; none where all was there."""
    return {name: count for name in ("turns_left_out", "documents_left_out") if (count := getattr(answer, name))}


def left_out(answer: Answer) -> Iterator[str]:
    """A sentence for each kind of thing that was left out; none where all was there.

    >>> list(left_out(Answer("yes", turns_left_out=2)))
    ['the 2 oldest turns of the conversation were left out: it is longer than the model reads']
    """
    if turns := answer.turns_left_out:
        which = "oldest turn of the conversation was" if turns == 1 else f"{turns} oldest turns of the conversation were"
        yield f"the {which} left out: it is longer than the model reads"
    if documents := answer.documents_left_out:
        which = "document was" if documents == 1 else "documents were"
        yield f"{documents:,} {which} not asked for want of budget (settings 'tokens' and 'asks')"
