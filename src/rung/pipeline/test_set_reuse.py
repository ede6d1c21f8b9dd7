"""How often these test cases have judged something new. Each look lets luck choose a little, so looks are count_looks.

A look is a comparison of a configuration (rungs, settings, model, index, seed) that has not been judged by these cases
before. To run the same again is no look, and a trial run is none. They are counted case by case, in the project's memory:
new cases start at 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.pipeline.answering import identity
from rung.records import Case, Evaluation, digest
from rung.runtime.cache import StepCache
from rung.runtime.engines import Engines
from rung.verdict.reasons import looked_at

NOTE = "looks"
WARNED_FROM = 5


def count_looks(engines: Engines, evaluations: Sequence[Evaluation], cases: Sequence[Case], *, trial: bool = False) -> int:
    """Count this comparison, if it is a new look, and say how often these cases have been looked at, this time included.

    Of cases that were looked at differently often, the most counts. A `trial` run adds nothing.
    """
    named = _named(cases)
    configuration = digest("look", sorted(identity(engines, e, cases) for e in evaluations))[:16]
    cached = engines.cache.noted(NOTE, "test")
    memory = cached if isinstance(cached, dict) else {}
    seen, counts = memory.get("configurations"), memory.get("cases")
    configurations = [str(one) for one in seen] if isinstance(seen, list) else []
    times = {id: n for id, n in counts.items() if isinstance(n, int)} if isinstance(counts, dict) else {}
    if configuration not in configurations and not trial:
        times |= {id: times.get(id, 0) + 1 for id in named}
        engines.cache.note(NOTE, "test", {"configurations": [*configurations, configuration], "cases": dict(times)})
    return max((times.get(id, 0) for id in named), default=0)


def looks_so_far(cache: StepCache, cases: Sequence[Case]) -> int:
    """How often these cases have been looked at, without a look of now."""
    cached = cache.noted(NOTE, "test")
    counts = cached.get("cases") if isinstance(cached, dict) else None
    times = counts if isinstance(counts, dict) else {}
    return max((n for id in _named(cases) if isinstance(n := times.get(id, 0), int)), default=0)


def _named(cases: Sequence[Case]) -> list[str]:
    return [digest("case", case.question, case.groups, sorted(case.answers), case.answerable)[:16] for case in cases]


def warning(looks: int) -> list[str]:
    """The sentence for many looks, or nothing."""
    return [looked_at(looks)] if looks >= WARNED_FROM else []
