"""What the number of a score means: a record that the scorer declares, and all that shows or limits the score reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Layer = Literal[
    "retrieval", "grounding", "correctness", "format", "citation", "abstention", "access", "tools", "cost", "style"
]
Better = Literal["higher", "lower"]
SHARE = "share"
_NAME = re.compile(r"[a-z][a-z0-9_@.]*")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Args:
        name: as `bar:`, tables and JSON have it: lower-case letters, digits, `_`, `@`, `.`.
        layer: of the answer that it judges; it is listed there.
        about: what it measures, in one line.
        better: which way is; a limit of `bar` on one of which less is better is an upper limit.
        unit: "share" is a number in [0, 1]; any other unit ("tokens", "usd") is of numbers of at least 0.
        needs: without what it applies to no case, as in "a case that says who asks"; "" where it always applies.
        headline: whether it stands for its layer where one number must; where a layer has none, all its shares do.
        judged: whether a model judges it: its scorer yields steps.

    Raises:
        ValueError: a name, layer or way of no such form.
    """

    name: str
    layer: Layer
    about: str
    better: Better = "higher"
    unit: str = SHARE
    needs: str = ""
    headline: bool = False
    judged: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a metric's name is of lower-case letters, digits, _, @ and dots, not {self.name!r}")
        for what, value, allowed in (("layer", self.layer, Layer), ("better", self.better, Better)):
            if value not in get_args(allowed):
                raise ValueError(f"{self.name}: {what} is one of {', '.join(get_args(allowed))}, not {value!r}")
        if not self.about or not self.unit:
            raise ValueError(f"{self.name}: a metric says what it is about, and its unit")

    @property
    def is_share(self) -> bool:
        """Whether its values lie in [0, 1]."""
        return self.unit == SHARE
