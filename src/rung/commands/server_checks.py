"""Each server behind a project's models asked once, for `rung doctor`: what a comparison would find, said without one."""

from __future__ import annotations

from collections.abc import Iterator

from rung.config.project import Project
from rung.errors import UserError
from rung.models.catalog import is_remote
from rung.models.doctor import Check
from rung.models.protocol import Remote
from rung.pipeline.grading import asks_judge
from rung.pipeline.preflight import check_named, engines_of, form_of, named_models, opened, remarks
from rung.runtime.engines import Engines, model_of, open_engines
from rung.runtime.servers import asked

_FORMS = {"held": "holds answers to a form"}


def server_checks(project: Project) -> list[Check]:
    """A check for each model behind a server, under its key in `rung.yaml`. Writes nothing, and never raises for what it
    finds."""
    with open_engines(project, lasting=False) as engines:
        return list(_checks(engines))


def _checks(engines: Engines) -> Iterator[Check]:
    project = engines.project
    for key, name, what in named_models(project, judging=asks_judge(project)):
        try:
            own = engines_of(engines, key, name)
            check_named(own.project, key, name, what)
            engine = opened(own, key) if is_remote(model_of(project, name), what) else None
            if isinstance(engine, Remote):
                yield _check(own.project, key, name, engine)
        except UserError as error:
            yield Check(key, "wrong", str(error))


def _check(project: Project, key: str, name: str, engine: Remote) -> Check:
    constrained, schema = form_of(project, key)
    report = asked(engine, constrained=constrained, schema=schema)
    if trouble := report.get("trouble"):
        return Check(key, "wrong", f"{name} did not answer: {trouble}")
    context, form = report.get("context"), _FORMS.get(str(report.get("form")))
    reads = isinstance(context, int) and context >= project.settings.server.context_tokens
    facts = [f"reads {context:,} tokens" if reads else "", form or ""]
    lines = [f"{name} answers", *filter(None, facts), *(line.rstrip(".") for line in remarks(project, name, report))]
    return Check(key, "ok", "; ".join(lines))
