"""Answers that were cut off, in words. Which rungs count as cut is `cut_answers`'s to say."""

from __future__ import annotations

from collections.abc import Sequence

from rung.verdict.reasons import listed


def cut_off(count: int, of: int, room: int) -> str:
    """What stands before a reason against a rung many of whose answers were cut. `room`: tokens, 0 where not one number."""
    return f"cut off: {count:,} of {of:,} answers{_at(room)}: give max_tokens"


def cut_off_first(rungs: Sequence[tuple[str, int, int, int]]) -> str:
    """Which rungs and arms were cut: (name, answers cut, answers, tokens or 0)."""
    each = listed([f"{count:,} of {of:,} of {name}{_at(room)}" for name, count, of, room in rungs])
    return (
        f"Answers were cut off: {each}. What is lost so tells nothing of the model: give these rungs max_tokens, or more of "
        "it, and compare again."
    )


def nothing_from_the_cut(name: str, count: int, of: int, room: int) -> str:
    """Beside a gap that is told by answers many of which were cut."""
    return f"nothing follows, since {count:,} of {of:,} answers of {name} were cut off{_at(room)}"


def _at(room: int) -> str:
    return f" at {room:,} tokens" if room else ""
