"""A drafted case as a row of a file that a person approves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rung.records import Json, digest

Kind = Literal["answerable", "unanswerable", "stale", "forbidden", "multi_hop", "conversational"]
KINDS: tuple[Kind, ...] = get_args(Kind)
By = Literal["rules", "model"]
RULES = "rules"


@dataclass(frozen=True, slots=True)
class Draft:
    """A case that nobody has approved yet. `also`: (document, quote) of what it takes besides; `before`: (question, answer)
    of the turn before."""

    kind: Kind
    question: str
    answers: tuple[str, ...] = ()
    document: str = ""
    quote: str = ""
    asker: tuple[str, ...] | None = None
    by: str = RULES
    note: str = ""
    also: tuple[tuple[str, str], ...] = ()
    before: tuple[str, str] | None = None

    @property
    def id(self) -> str:
        """Of what it asks, of whom, and after what: the same draft has the same one."""
        return f"draft-{digest(self.kind, self.question, list(self.asker or ()), *(self.before or ()))[:12]}"

    def row(self) -> dict[str, Json]:
        """As a line of a cases file; `materials` refuses it while `approved_by` is empty."""
        row: dict[str, Json] = {
            "id": self.id,
            "question": self.question,
            "answers": list(self.answers),
            "answerable": bool(self.answers),
        }
        if self.answers:
            quoted = [(self.document, self.quote), *self.also]  # a quote outlives changes around it
            row["evidence"] = [{"document": document, "quote": quote} for document, quote in quoted]
        if self.before is not None:
            row["messages"] = [
                {"role": role, "content": text} for role, text in zip(("user", "assistant"), self.before, strict=True)
            ]
        if self.asker is not None:
            row["as"] = list(self.asker)
        row["meta"] = {"kind": self.kind, "drafted_from": self.document, "note": self.note}
        return {**row, "drafted_by": self.by, "approved_by": ""}
