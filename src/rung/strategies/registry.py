"""Which rungs there are, in the order of the ladder. Built-ins come through the same door as a stranger's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import cast

from rung.errors import UserError
from rung.plugins import Door, hint
from rung.records import Passage, StrategySpec
from rung.strategies.protocol import Rung, Strategy
from rung.strategies.reference import ClosedBook, Oracle
from rung.strategies.sampling import on_model, sampled
from rung.strategies.within_context import WithinContext
from rung.strategies.wording import own_settings

REFERENCES: tuple[type[Rung], ...] = (ClosedBook, Oracle)
_HAS = ("name", "about", "reference", "plan", "make", "answer")


def _rung(part: object) -> type[Rung]:
    missing = [name for name in _HAS if not hasattr(part, name)]
    if not isinstance(part, type) or missing:
        lacks = f"this one lacks {', '.join(missing)}" if missing else "this is none"
        raise TypeError(f"a rung is a class that has {', '.join(_HAS)}; {lacks}")
    return cast("type[Rung]", part)


DOOR = Door(
    group="rung.strategies",
    noun="rung",
    built_in={  # lowest first
        "prompt": "rung.strategies.prompt:Prompt",
        "few_shot": "rung.strategies.few_shot:FewShot",
        "structured": "rung.strategies.structured:Structured",
        "long_context": "rung.strategies.long_context:LongContext",
        "rag": "rung.strategies.rag:Rag",
        "multi_hop": "rung.strategies.multi_hop:MultiHop",
        "tools": "rung.strategies.tools:Tools",
        "tuned_retriever": "rung.strategies.tuned_retriever:TunedRetriever",
        "classifier": "rung.strategies.classifier:Classifier",
        "tuned_model": "rung.strategies.tuned_model:TunedModel",
        "hybrid": "rung.strategies.hybrid:Hybrid",
        "router": "rung.strategies.router:Router",
        "semantic_cache": "rung.strategies.semantic_cache:SemanticCache",
        "function": "rung.strategies.function:Function",
        "closed_book": "rung.strategies.reference:ClosedBook",
        "oracle": "rung.strategies.reference:Oracle",
    },
    part_of=_rung,
    name_of=lambda _name, rung: rung.name,
)


@cache
def _all() -> Mapping[str, type[Rung]]:
    return DOOR.load()


@cache
def ladder() -> dict[str, type[Rung]]:
    """Every rung by name, lowest first, without the reference arms; those of other packages stand above the built-in ones.

    Raises:
        UserError: a plugin's rung cannot be loaded, is none, or takes the name of another.
    """
    return {name: rung for name, rung in _all().items() if not rung.reference}


def by_default() -> list[str]:
    """The rungs that are tried where `rung.yaml` names none.

    Raises:
        UserError: as `ladder`.
    """
    return [name for name, rung in ladder().items() if getattr(rung, "by_default", True)]


def make_strategy(spec: StrategySpec, *, gold: Mapping[str, tuple[Passage, ...]] | None = None) -> Strategy:
    """The strategy of a spec, drawing its texts if the spec says so. Reads no case and no document.

    `gold` (question id -> passages): what the reference arm `oracle` is shown; no other rung sees it.

    Raises:
        UserError: there is no such rung (a plugin that is not installed), or a setting is none of its.
    """
    rung = _all().get(spec.rung) or find(spec.rung)
    own = replace(spec, settings=own_settings(spec.settings))
    members = ((make_strategy(member), member.model) for _, member in spec.members)
    strategy = rung.make(own, [on_model(one, model) if model != spec.model else one for one, model in members])
    if gold is not None and isinstance(strategy, Oracle):
        strategy = replace(strategy, gold=gold)
    strategy = WithinContext(strategy, spec.context_tokens)
    return sampled(strategy, spec.temperature, spec.seed) if spec.temperature else strategy


def find(name: str) -> type[Rung]:
    """A rung by name.

    Raises:
        UserError: there is none; names the nearest.
    """
    rungs = ladder()
    if name not in rungs:
        raise UserError(f"unknown rung '{name}'; {hint(name, rungs)}")
    return rungs[name]
