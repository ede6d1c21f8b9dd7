"""The gate behind every training: what the adapter forgot is measured once, and written into its manifest.

What is measured and what is too much is known to `training.forgetting`; that a marked adapter is not chosen, to `pipeline`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.artifacts.store import Built, amend
from rung.config.project import Project
from rung.files.durable import write_whole
from rung.progress import phase, working_time
from rung.records import Json, digest
from rung.runtime.engines import Engines

if TYPE_CHECKING:
    from rung.training.forgetting import Limit, Measured
    from rung.training.probing import Probe

BASES = "probes"  # in the user's cache: what each base model came to, by digest


def limit_of(project: Project) -> Limit:
    """How much may be forgotten: the published limit, with what `bar.forgetting` says in its place."""
    from rung.training.forgetting import Limit

    given = project.settings.bar.forgetting
    return replace(Limit(), **{name: value for name, value in given.model_dump().items() if value is not None})


def forgot(project: Project, built: Built) -> tuple[str, ...]:
    """What an artifact is marked for, by the limit as it is now; nothing for what was not tuned or passed the gate."""
    entry = built.manifest.get("forgetting")
    if not isinstance(entry, dict):
        return ()
    return judged_in(project)(entry)


def judged_in(project: Project) -> Callable[[Mapping[str, Json]], tuple[str, ...]]:
    """What says, by a project's limit as it is now, in what an artifact forgot too much."""
    from rung.training.forgetting import judged
    from rung.training.registry import forgot_as_trained

    limit = limit_of(project)
    return lambda report: judged(report, limit) if "worse" in report else forgot_as_trained(report)


def notes_on(project: Project, built: Built) -> tuple[str, ...]:
    """What is worth telling of what an artifact forgot: that it is marked, or what changed within the limit."""
    if marked := forgot(project, built):
        return tuple(f"forgot too much, cannot be chosen: {why}" for why in marked)
    entry = built.manifest.get("forgetting")
    if not isinstance(entry, dict):
        return ()
    from rung.training.forgetting import changed, notable

    return tuple(f"forgot, within the limit: {why}" for why in notable(changed(entry), limit_of(project)))


def gate(engines: Engines, built: Built, *, title: str) -> None:
    """Measure what the adapter forgot, where its manifest does not say so yet."""
    if "forgetting" in built.manifest:
        return
    from rung.training.forgetting import report_of
    from rung.training.probing import read_probe

    probe, began, products = read_probe(), working_time(), _products(built)
    with phase(f"{title}: what it forgot") as tick:
        tick(0, 2, "the base model")
        before = _base(engines, probe, products)
        tick(1, 2, "the adapter")
        after = _measured(engines, probe, built, products)
        report = report_of(probe, before, after, limit_of(engines.project))
        amend(built.folder, {"forgetting": {**report, "seconds": working_time() - began}})


def _products(built: Built) -> Mapping[str, str]:
    """Device and precision of the adapter's recipe: the gate computes by these, too, 4-bit weights whole."""
    recipe = built.manifest.get("recipe")
    return {name: str(recipe.get(name, "auto")) for name in ("device", "precision")} if isinstance(recipe, dict) else {}


def _base(engines: Engines, probe: Probe, products: Mapping[str, str]) -> Measured:
    """The base model's numbers, from the user's cache where they are there."""
    from rung.models.weights import cache_folder
    from rung.training.device import find_device, product_type
    from rung.training.forgetting import FORMAT, Measured

    device = find_device(products.get("device", "auto"))
    numbers = str(product_type(device, products.get("precision", "auto")))
    named = digest("probed", FORMAT, engines.trainee.identity, probe.digest, device.type, numbers)
    path = cache_folder() / BASES / f"{named}.json"
    measured = _read(path)
    if measured is None:
        measured = _measured(engines, probe, None, products)
        write_whole(path, json.dumps(asdict(measured)))
    assert isinstance(measured, Measured)
    return measured


def _read(path: Path) -> Measured | None:
    from rung.training.forgetting import Measured

    try:
        return Measured(**{name: tuple(column) for name, column in json.loads(path.read_text(encoding="utf-8")).items()})
    except (OSError, ValueError, TypeError):  # not there, or broken: it is measured again
        return None


def _measured(engines: Engines, probe: Probe, built: Built | None, products: Mapping[str, str]) -> Measured:
    from rung.training.bases import base_of
    from rung.training.forgetting import measure_following, measure_text

    model = engines.trainee
    base = base_of(model)
    weights = base.losses(None if built is None else built.folder, **products)
    text = measure_text(weights, base.tokens, probe, context=base.context)
    del weights  # what answers takes as much again
    if built is not None:
        model.use_adapters({built.digest: built.folder})
    return replace(text, instructions=measure_following(model, probe, adapter=built.digest if built else ""))
