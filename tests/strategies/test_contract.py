"""Every built-in rung keeps the contract that is shipped for strangers' rungs."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from rung.records import Case, Example, Json, Message
from rung.strategies.classifier import Classifier
from rung.strategies.few_shot import FewShot
from rung.strategies.function import Function
from rung.strategies.hybrid import Hybrid
from rung.strategies.long_context import LongContext
from rung.strategies.multi_hop import MultiHop
from rung.strategies.prompt import Prompt
from rung.strategies.rag import Rag
from rung.strategies.reference import ClosedBook, Oracle
from rung.strategies.registry import DOOR
from rung.strategies.router import Router
from rung.strategies.semantic_cache import SemanticCache
from rung.strategies.structured import Structured
from rung.strategies.tools import Tools
from rung.strategies.tuned_model import TunedModel
from rung.strategies.tuned_retriever import TunedRetriever
from rung.testing.strategies import StrategyContract, materials


class TestPrompt(StrategyContract):
    rung = Prompt


class TestFewShotNearest(StrategyContract):
    rung = FewShot


class TestFewShotFixed(StrategyContract):
    rung = FewShot
    settings: ClassVar[Mapping[str, Json]] = {"pick": "fixed", "shots": 2}


class TestStructured(StrategyContract):
    rung = Structured
    materials = materials(labels=("yes", "no"))


class TestLongContext(StrategyContract):
    rung = LongContext


class TestRag(StrategyContract):
    rung = Rag


class TestRagReranked(StrategyContract):
    rung = Rag
    settings: ClassVar[Mapping[str, Json]] = {"rerank": True, "passages": 1}


class TestRagRewritten(StrategyContract):
    rung = Rag
    settings: ClassVar[Mapping[str, Json]] = {"rewrite": "query", "diversity": 0.3}


class TestMultiHop(StrategyContract):
    rung = MultiHop


class TestMultiHopByThoughts(StrategyContract):
    rung = MultiHop
    settings: ClassVar[Mapping[str, Json]] = {"method": "ircot", "rerank": True}


class TestMultiHopByParts(StrategyContract):
    rung = MultiHop
    settings: ClassVar[Mapping[str, Json]] = {"method": "decompose", "hops": 3}


class TestTunedRetriever(StrategyContract):
    rung = TunedRetriever
    settings: ClassVar[Mapping[str, Json]] = {"form": "map", "generated": "titles", "rerank": True}


class TestHybridOnTheTunedRetriever(StrategyContract):
    rung = Hybrid
    settings: ClassVar[Mapping[str, Json]] = {"retriever": "tuned"}


class TestHybridWithAnImaginedPassage(StrategyContract):
    rung = Hybrid
    settings: ClassVar[Mapping[str, Json]] = {"rewrite": "hyde", "rerank": True}


class TestTools(StrategyContract):
    rung = Tools


def labelled(count: int) -> tuple[Example, ...]:
    """Examples of two labels in turn."""
    labels = ("yes", "no")
    return tuple(
        Example(f"e{n}", (Message("user", f"question {n}"), Message("assistant", labels[n % 2]))) for n in range(count)
    )


class TestClassifier(StrategyContract):
    rung = Classifier
    materials = materials(labels=("yes", "no"), examples=labelled(50))


class TestClassifierThatRejects(StrategyContract):
    rung = Classifier
    materials = materials(labels=("yes", "no"), examples=labelled(50))
    settings: ClassVar[Mapping[str, Json]] = {"reject": 0.5, "out_of_scope": "no", "turns": 1}


class TestRouter(StrategyContract):
    rung = Router
    materials = materials(dev=tuple(Case(f"d{n}", f"question {n}") for n in range(30)))


class TestSemanticCache(StrategyContract):
    rung = SemanticCache
    materials = materials(dev=tuple(Case(f"d{n}", f"question {n}") for n in range(80)))
    settings: ClassVar[Mapping[str, Json]] = {"over": "yes", "threshold": 0.9}


class TestFunction(StrategyContract):
    rung = Function


class TestFunctionWithPassages(StrategyContract):
    rung = Function
    settings: ClassVar[Mapping[str, Json]] = {"passages": 2}


class TestTunedModel(StrategyContract):
    rung = TunedModel


class TestHybrid(StrategyContract):
    rung = Hybrid


class TestClosedBook(StrategyContract):
    rung = ClosedBook


class TestOracle(StrategyContract):
    rung = Oracle


@pytest.mark.parametrize("rung", DOOR.load(()).values(), ids=lambda rung: rung.name)
def test_every_rung_is_held_to_it(rung: type) -> None:
    held = {value.rung for value in globals().values() if isinstance(value, type) and hasattr(value, "rung")}
    assert rung in held
