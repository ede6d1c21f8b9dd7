"""The sections of a verdict's report as they were published: the board shows them, and draws no chart a second time."""

from __future__ import annotations

import re

from rung.pipeline.publishing import PAGE, Published
from rung.report.html.markup import Safe
from rung.web.by_stamp import ByStamp

_SECTION = re.compile(r'<section (?:[^>]* )?id="([a-z]+)"[^>]*>.*?</section>', re.DOTALL)  # they stand side by side
_pages: ByStamp[tuple[Safe, ...]] = ByStamp(32)


def stored_page(published: Published, groups: frozenset[str] | None) -> tuple[Safe, ...]:
    """A published report's sections but its cases, in its order, for who may read what these groups may (None: everything).

    Raises:
        UserError: its page is gone, or does not say who may read it.
    """

    def read() -> tuple[Safe, ...]:
        matches = _SECTION.finditer(published.text("html", groups))
        return tuple(Safe(match[0]) for match in matches if match[1] != "cases")

    return _pages.get((published.folder, groups), [published.folder / PAGE], read)
