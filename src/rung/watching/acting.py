"""What `rung watch --act` does by itself: remedies that take nothing away, train nothing and change no deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rung.errors import UserError
from rung.pipeline.prepare import embed_the_rest, up_to_date
from rung.records.alerts import Alert
from rung.runtime.engines import Engines


def _sync(engines: Engines) -> str:
    done = up_to_date(engines, asked=True, at_once=True)
    embed_the_rest(engines)
    done.knowledge.maintain()
    report = done.report
    return (
        f"synced: {report.added:,} added, {report.changed:,} changed, {report.renamed:,} renamed, {report.removed:,} removed"
    )


ACTS: Mapping[str, Callable[[Engines], str]] = {"sync": _sync}


def acted(firing: Iterable[Alert], engines: Engines) -> dict[str, str]:
    """Carry out the harmless remedies of what fires, each once. By name: what was done, or why it could not be.

    Args:
        firing: alerts that fire.
        engines: of the project, with its own cache: what they are asked is kept.
    """
    results: dict[str, str] = {}
    for name in dict.fromkeys(alert.reading.act for alert in firing if alert.reading.act and not alert.blind):
        remedy = ACTS.get(name)
        if remedy is None:  # a newer Rung's reading
            results[name] = f"nothing here does '{name}': update Rung"
            continue
        try:
            results[name] = remedy(engines)
        except UserError as error:
            results[name] = f"failed: {error}"
    return results
