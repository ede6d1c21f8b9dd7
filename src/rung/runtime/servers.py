"""Whether the servers behind a project's models answer, and what they were found to do. Asked once, kept in `rung.db`."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rung.errors import ServerError
from rung.models.protocol import Remote, SchemaRemote
from rung.records import Json, digest
from rung.runtime.cache import StepCache

NOTE = "server"
_DAY = 86_400.0  # seconds after which a server that lacks something is asked again: it may have been mended
_WEEK = 7 * _DAY  # and any other: models are announced to end


def known(store: StepCache, model: Remote) -> Mapping[str, Json]:
    """What an earlier check found of this model, with a key or without one; {} before the first."""
    cached = store.noted(NOTE, _key(model))
    return cached if isinstance(cached, dict) else {}


def checked(store: StepCache, model: Remote, *, constrained: bool, schema: str = "") -> Mapping[str, Json]:
    """What the model's server does, asked of it where that is not known. `schema`: the one that answers are to be held to.

    `trouble` in it says why the server did not answer this time; that is not kept.

    Raises:
        UserError: no request to it can succeed.
    """
    before = known(store, model)
    if before and not _is_due(before, constrained) and before.get("schema", "") == (digest(schema) if schema else ""):
        model.recall(before)
        return before
    try:
        report = {**asked(model, constrained=constrained, schema=schema), "constrained": constrained, "at": time.time()}
    except ServerError:
        if before:  # it answered once: what is remembered may be all that is needed
            return before
        raise
    if "trouble" not in report:
        store.note(NOTE, _key(model), report)
    return report


def asked(model: Remote, *, constrained: bool, schema: str = "") -> dict[str, Json]:
    """What the model's server does, asked of it now; raises as `checked`."""
    report = dict(model.check(constrained=constrained))
    if schema and "trouble" not in report:
        report["schema"] = digest(schema)
        if isinstance(model, SchemaRemote) and (why := model.refuses_schema(schema)):
            report["schema_refused"] = why
    return report


def _is_due(before: Mapping[str, Json], constrained: bool) -> bool:
    at = before.get("at")
    age = time.time() - at if isinstance(at, float) else _WEEK
    lacks = before.get("form") in ("ignored", "refused") or bool(before.get("left_out"))
    return (constrained and not before.get("constrained")) or age >= (_DAY if lacks else _WEEK)


def _key(model: Remote) -> str:
    return digest(model.identity, model.has_key)
