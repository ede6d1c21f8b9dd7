"""Which rungs there are, in the order of the ladder. Built-ins come through the same door as a stranger's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points

from rung.errors import UserError
from rung.records import Passage, StrategySpec
from rung.strategies.classifier import Classifier
from rung.strategies.few_shot import FewShot
from rung.strategies.hybrid import Hybrid
from rung.strategies.long_context import LongContext
from rung.strategies.prompt import Prompt
from rung.strategies.protocol import Rung, Strategy
from rung.strategies.rag import Rag
from rung.strategies.reference import ClosedBook, Oracle
from rung.strategies.router import Router
from rung.strategies.sampling import Sampled
from rung.strategies.structured import Structured
from rung.strategies.tools import Tools
from rung.strategies.tuned_model import TunedModel
from rung.strategies.tuned_retriever import TunedRetriever
from rung.strategies.wording import TASK

GROUP = "rung.strategies"
BUILT_IN: tuple[type[Rung], ...] = (
    *(Prompt, FewShot, Structured, LongContext, Rag, Tools, TunedRetriever),
    *(Classifier, TunedModel, Hybrid, Router),
)
REFERENCES: tuple[type[Rung], ...] = (ClosedBook, Oracle)


@cache
def ladder() -> dict[str, type[Rung]]:
    """Every rung by name, lowest first; rungs from entry points stand above the built-in ones.

    Raises:
        UserError: a plugin takes the name of another rung.
    """
    rungs = {rung.name: rung for rung in BUILT_IN}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        try:
            rung: type[Rung] = point.load()
        except Exception as error:
            raise UserError(
                f"the rung '{point.name}' ({point.value}) cannot be loaded: {error}; mend or uninstall it"
            ) from error
        if rung.name in rungs:
            raise UserError(
                f"the plugin {point.value} calls its rung '{rung.name}', a name that is taken; uninstall or rename it"
            )
        rungs[rung.name] = rung
    return rungs


def make_strategy(spec: StrategySpec, *, gold: Mapping[str, tuple[Passage, ...]] | None = None) -> Strategy:
    """The strategy of a spec, drawing its texts if the spec says so. Reads no case and no document.

    `gold` (question id -> passages): what the reference arm `oracle` is shown; no other rung sees it.

    Raises:
        UserError: there is no such rung (a plugin that is not installed), or a setting is none of its.
    """
    rung = {**{arm.name: arm for arm in REFERENCES}, **ladder()}.get(spec.rung) or find(spec.rung)
    own = replace(spec, settings={name: value for name, value in spec.settings.items() if name != TASK})
    strategy = rung.make(own, [make_strategy(member) for _, member in spec.members])
    if gold is not None and isinstance(strategy, Oracle):
        strategy = replace(strategy, gold=gold)
    return Sampled(strategy, spec.temperature, spec.seed) if spec.temperature else strategy


def find(name: str) -> type[Rung]:
    """A rung by name.

    Raises:
        UserError: there is none; names the nearest.
    """
    rungs = ladder()
    if name not in rungs:
        close = difflib.get_close_matches(name, rungs, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(rungs)}"
        raise UserError(f"unknown rung '{name}'; {hint}")
    return rungs[name]
