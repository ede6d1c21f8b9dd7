"""The sections of a verdict's report as they were published: the board shows them, and draws no chart a second time."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from rung.errors import UserError
from rung.pipeline.publishing import PAGE, Published
from rung.report.access import is_marked, page_for
from rung.report.html.markup import Safe

_SECTION = re.compile(r'<section (?:[^>]* )?id="([a-z]+)"[^>]*>.*?</section>', re.DOTALL)  # they stand side by side


def stored_page(published: Published, groups: frozenset[str] | None) -> tuple[Safe, ...]:
    """A published report's sections but its cases, in its order, for who may read what these groups may (None: everything).

    Raises:
        UserError: its page is gone, or does not say who may read it.
    """
    path = published.folder / PAGE
    try:
        stat = path.stat()
    except OSError as error:
        raise UserError(f"the verdict in {published.folder} has no page ({error.strerror}): run 'rung report'") from error
    return _read(path, stat.st_mtime_ns, stat.st_size, groups)


@lru_cache(maxsize=32)
def _read(path: Path, _changed: int, _size: int, groups: frozenset[str] | None) -> tuple[Safe, ...]:
    html = path.read_text(encoding="utf-8")
    if groups is not None:
        if not is_marked(html):
            raise UserError(f"the verdict in {path.parent} does not say who may read it; run 'rung compare' again")
        html = page_for(html, groups)
    return tuple(Safe(match[0]) for match in _SECTION.finditer(html) if match[1] != "cases")
