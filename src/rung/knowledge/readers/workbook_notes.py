"""What is to be said about a workbook of any kind, once it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from rung.knowledge.readers.source import Item, SourceFile, drops

_SHOWN = 3  # places in a message


@dataclass(slots=True)
class Notes:
    """What is to be said about a workbook: formulas without a value, number formats not understood, broken parts."""

    dropped: Counter[str] = field(default_factory=Counter)
    formulas: list[str] = field(default_factory=list)  # the places of those without a value
    formats: Counter[str] = field(default_factory=Counter)  # code -> cells
    broken: list[str] = field(default_factory=list)
    title: str = ""

    def items(self, file: SourceFile) -> Iterator[Item]:
        """As items of a reader."""
        for message in self.broken:
            yield 0, message
        if self.formulas:
            places = ", ".join(self.formulas[:_SHOWN]) + (", …" if len(self.formulas) > _SHOWN else "")
            yield (
                0,
                f"has {len(self.formulas)} formulas without a computed value ({places}), whose text is taken instead;"
                " open and save it in a spreadsheet program",
            )
        if self.formats:
            codes = ", ".join(f"'{code}'" for code in list(self.formats)[:_SHOWN])
            yield 0, f"has number formats that are not understood ({codes}): {self.formats.total()} numbers are shown plain"
        yield from drops(file, self.dropped)
