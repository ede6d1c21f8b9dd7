"""The share of drafts that have no answer: how many it takes, and which others fall where too few are found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rung.commands.draft_rows import Draft, Kind

_ANSWERED: tuple[Kind, ...] = ("conversational", "multi_hop", "stale", "answerable")  # the last are left out last


def answered(chosen: Mapping[Kind, Sequence[Draft]]) -> int:
    """Drafts that have an answer."""
    return sum(len(chosen[kind]) for kind in _ANSWERED)


def without_for(share: float, count: int) -> int:
    """How many drafts without an answer make this share, 0 to 1, beside `count` that have one: the nearest number."""
    return math.floor(share * count / (1 - share) + 0.5) if share < 1 else count


def hold_share(chosen: dict[Kind, list[Draft]], share: float) -> dict[str, str]:
    """Leave out drafts with an answer, where those without ran out before they were the share; kind -> why there are fewer.

    Only what is beyond half a draft is left out. Where there are none without an answer, the others stay.
    """
    count, without = answered(chosen), len(chosen["unanswerable"])
    target = without_for(share, count)
    if share and not target:
        return {"unanswerable": f"beside {count:,} with an answer less than half a draft makes a share of {share:g}"}
    if without >= target:
        return {}
    beside = f"beside {count:,} with an answer a share of {share:g} takes {target:,}"
    if not without:
        return {"unanswerable": f"{beside}, and none is found: the others stay, and the share is not held"}
    short = {"unanswerable": f"{beside}, and no more are found"}
    for _ in range(count - _most_answered(share, without)):
        kind = max((kind for kind in _ANSWERED if chosen[kind]), key=lambda kind: len(chosen[kind]))
        chosen[kind].pop()
        short[kind] = f"of questions without an answer {without:,} are found: fewer of the others keep their share"
    return short


def _most_answered(share: float, without: int) -> int:
    """With how many that have an answer so many without are still the share: half a draft more or less on either side."""
    odds = (1 - share) / share
    return max(1, math.floor((without + 0.5) * odds), math.floor(without * odds + 0.5))
