"""Token ids that a model has no row for: its tokenizer knows more tokens than its weights, and a prompt has one of those."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def why_no_row(ids: Iterable[int], rows: int, model: str, written: Callable[[int], str]) -> str:
    """Why ids cannot be computed, in a sentence; "" where the model has a row for each.

    Args:
        ids: of a prompt, or of a row that is learnt.
        rows: of the model's embedding; 0: nobody knows.
        model: how the model is called in messages, which says where its files are.
        written: a token by its id.
    """
    largest = max(ids, default=0)
    if not rows or largest < rows:
        return ""
    return (
        f"the tokenizer of {model} writes {written(largest)!r} as token {largest:,}, and its weights have rows for tokens "
        f"below {rows:,} alone (vocab_size in config.json): take the tokenizer that the weights were trained with, or "
        f"weights that were resized for this one"
    )
