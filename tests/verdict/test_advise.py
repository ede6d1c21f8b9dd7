"""Advice before measuring: situations of the kinds that practitioners write about, and laws that hold for all facts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.records import Json
from rung.stats.rules_of_thumb import MIN_EXAMPLES
from rung.strategies.registry import ladder
from rung.verdict.advise import AVOID, BEHAVIOUR, KNOWLEDGE, REMARKS, Facts, advise, facts_of

BIG = 2_000_000

booleans = st.one_of(st.none(), st.booleans())
numbers = st.one_of(st.none(), st.sampled_from([0, 10, 49, 50, 500, 5_000, 100_000, 100_001, 3_000_000]))
facts = st.builds(
    Facts,
    needs_specific_facts=booleans,
    needs_behaviour_change=booleans,
    knowledge_changes=st.sampled_from([None, "rarely", "weekly", "hourly"]),
    needs_citations=booleans,
    strict_format=booleans,
    per_user_access=booleans,
    examples=numbers,
    corpus_tokens=numbers,
    p95_latency_ms=st.sampled_from([None, 100.0, 2_000.0]),
    queries_per_month=numbers,
    prompting_exhausted=booleans,
    has_eval_set=booleans,
    prototype=booleans,
    specialised_reasoning=booleans,
    domain_vocabulary=booleans,
    live_values=booleans,
    multi_document=booleans,
    high_stakes=booleans,
    mixed_queries=booleans,
    answers_are_labels=booleans,
)
TRAINED = ("few_shot", "tuned_model", "hybrid", "tuned_retriever", "router", "classifier")  # what examples lead to


@pytest.mark.parametrize(
    ("given", "start", "final"),
    [
        # a parts catalogue, edited daily
        ({"needs_specific_facts": True, "corpus_tokens": BIG, "knowledge_changes": "daily"}, "rag", ["rag"]),
        # a leaflet, a few questions a day, for a demonstration
        ({"needs_specific_facts": True, "corpus_tokens": 20_000, "prototype": True}, "long_context", ["long_context"]),
        (
            {"needs_specific_facts": True, "corpus_tokens": 20_000, "queries_per_month": 500},
            "long_context",
            ["long_context"],
        ),
        # the same leaflet for a call centre; with sources shown; for two groups of readers
        ({"needs_specific_facts": True, "corpus_tokens": 20_000, "queries_per_month": 400_000}, "rag", ["rag"]),
        ({"needs_citations": True, "corpus_tokens": 20_000, "prototype": True}, "rag", ["rag"]),
        ({"per_user_access": True, "corpus_tokens": 20_000, "prototype": True}, "rag", ["rag"]),
        # the leaflet, and nobody knows how much will be asked; 200,000 questions a month over a manual
        ({"needs_specific_facts": True, "corpus_tokens": 20_000}, "long_context", ["long_context"]),
        ({"needs_specific_facts": True, "corpus_tokens": 60_000, "queries_per_month": 200_000}, "rag", ["rag"]),
        # the weather now; the weather now, and what the manual says of storms
        ({"live_values": True, "corpus_tokens": 0}, "tools", ["tools"]),
        ({"live_values": True, "needs_specific_facts": True, "corpus_tokens": BIG}, "rag", ["rag", "tools"]),
        # old law books full of Latin, with and without pairs to learn from
        (
            {"needs_specific_facts": True, "domain_vocabulary": True, "examples": 900, "corpus_tokens": BIG},
            "rag",
            ["tuned_retriever"],
        ),
        ({"needs_specific_facts": True, "domain_vocabulary": True, "examples": 9, "corpus_tokens": BIG}, "rag", ["rag"]),
        # one answer from many minutes of meetings
        ({"needs_specific_facts": True, "multi_document": True, "corpus_tokens": BIG}, "rag", ["multi_hop"]),
        # easy and hard questions together, with enough of both to learn from
        ({"needs_specific_facts": True, "mixed_queries": True, "examples": 700, "corpus_tokens": BIG}, "rag", ["router"]),
        # a tone of voice: untried, tried with few examples, tried with many
        ({"needs_behaviour_change": True, "examples": 700}, "prompt", ["few_shot"]),
        ({"needs_behaviour_change": True, "examples": 20, "prompting_exhausted": True}, "prompt", ["few_shot"]),
        ({"needs_behaviour_change": True, "examples": 700, "prompting_exhausted": True}, "prompt", ["tuned_model"]),
        ({"needs_behaviour_change": True}, "prompt", ["prompt"]),
        # a tone of voice, few examples: nobody has said whether a prompt was tried; none was
        ({"needs_behaviour_change": True, "examples": 20}, "prompt", ["prompt"]),
        ({"needs_behaviour_change": True, "examples": 20, "prompting_exhausted": False}, "prompt", ["few_shot"]),
        # tickets into queues: with rows to learn from, with hardly any, and where the manual decides
        ({"answers_are_labels": True, "examples": 3_000}, "structured", ["classifier"]),
        ({"answers_are_labels": True, "strict_format": True, "examples": 3_000}, "structured", ["classifier"]),
        ({"answers_are_labels": True, "examples": 9}, "structured", ["structured"]),
        (
            {"answers_are_labels": True, "needs_specific_facts": True, "examples": 3_000, "corpus_tokens": BIG},
            "rag",
            ["rag"],
        ),
        # forms to be filled: untried, and after a plateau
        ({"strict_format": True, "examples": 700}, "structured", ["structured"]),
        ({"strict_format": True, "examples": 700, "prompting_exhausted": True}, "structured", ["tuned_model"]),
        # a spelling aid between two key strokes
        ({"needs_behaviour_change": True, "examples": 9_000, "p95_latency_ms": 80}, "prompt", ["tuned_model"]),
        # letters that quote the tariff in the house's words
        (
            {"needs_specific_facts": True, "needs_behaviour_change": True, "examples": 700, "corpus_tokens": BIG}
            | {"prompting_exhausted": True},
            "rag",
            ["hybrid"],
        ),
        (
            {"needs_specific_facts": True, "needs_behaviour_change": True, "examples": 700, "corpus_tokens": BIG},
            "rag",
            ["rag"],
        ),
        ({}, "prompt", ["prompt"]),
    ],
)
def test_situations(given: dict[str, Json], start: str, final: list[str]) -> None:
    said = advise(facts_of(given)).as_json()
    assert (said["start"], said["final"]) == (start, final)


def test_the_page_says_every_rule_as_the_code_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "advise.md").read_text(encoding="utf-8")
    for rule in (*KNOWLEDGE, *BEHAVIOUR, *AVOID):
        assert f"| `{rule.name}` | `{rule.rung}` | {rule.says} |" in page
    for remark in REMARKS:
        assert f"| `{remark.name}` | {remark.says} |" in page


@given(facts)
def test_facts_are_never_put_into_weights_and_few_examples_never_train(known: Facts) -> None:
    advice = advise(known)
    recommended = {advice.start, *advice.final}
    if known.knowledge:
        assert "tuned_model" not in recommended
    else:
        assert not recommended & {"rag", "hybrid", "long_context", "tools"}
    if (known.examples or 0) < MIN_EXAMPLES:
        assert not recommended & {"tuned_model", "hybrid", "tuned_retriever", "router"}
    if known.per_user_access or (known.corpus_tokens or 0) > 100_000:
        assert "long_context" not in recommended


def rungs_of(known: Facts) -> set[str]:
    """What is advised, whether to start with or as the end."""
    advice = advise(known)
    return {advice.start, *advice.final}


@given(facts, st.lists(st.integers(0, 10**9), min_size=2, max_size=5).map(sorted))
def test_more_traffic_never_leads_to_long_prompts_nor_away_from_tuning(known: Facts, traffic: list[int]) -> None:
    found = [rungs_of(replace(known, queries_per_month=n)) for n in traffic]
    long = ["long_context" in rungs for rungs in found]
    tuned = [bool(rungs & {"tuned_model", "hybrid"}) for rungs in found]
    assert long == sorted(long, reverse=True)
    assert tuned == sorted(tuned)


@given(facts, st.lists(st.integers(1, 10**8), min_size=2, max_size=5).map(sorted))
def test_a_larger_corpus_never_leads_to_long_prompts(known: Facts, sizes: list[int]) -> None:
    long = ["long_context" in rungs_of(replace(known, corpus_tokens=n)) for n in sizes]
    assert long == sorted(long, reverse=True)


@given(facts, st.lists(st.integers(0, 10**6), min_size=2, max_size=5).map(sorted))
def test_more_examples_never_lead_away_from_what_learns_from_them(known: Facts, counts: list[int]) -> None:
    found = [rungs_of(replace(known, examples=n)) for n in counts]
    learns = [bool(rungs & {*TRAINED}) for rungs in found]
    trained = [bool(rungs & {*TRAINED[1:]}) for rungs in found]
    assert learns == sorted(learns)
    assert trained == sorted(trained)


@given(facts)
def test_long_prompts_are_advised_against_where_many_pay_for_them(known: Facts) -> None:
    advice = advise(known)
    if known.knowledge and known.corpus_tokens and (known.queries_per_month or 0) > 3_000:
        assert "long_context" in {t.rung for t in advice.avoid}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"queries_per_month": "200,000"}, Facts(queries_per_month=200_000)),
        ({"queries_per_month": "1.5 million"}, Facts(queries_per_month=1_500_000)),
        ({"corpus_tokens": "60k"}, Facts(corpus_tokens=60_000)),
        ({"corpus_tokens": "60 000"}, Facts(corpus_tokens=60_000)),
        ({"corpus_tokens": "2M"}, Facts(corpus_tokens=2_000_000)),
        ({"examples": " 30 "}, Facts(examples=30)),
        ({"prototype": "Yes", "high_stakes": "no"}, Facts(prototype=True, high_stakes=False)),
        ({"knowledge_changes": "Weekly"}, Facts(knowledge_changes="weekly")),
    ],
)
def test_facts_are_read_as_people_write_them(written: dict[str, Json], meant: Facts) -> None:
    assert facts_of(written) == meant


@pytest.mark.parametrize(
    "written",
    [{"examples": "1.5"}, {"examples": "a few"}, {"corpus_tokens": "60,00"}, {"prototype": "perhaps"}, {"examples": "-3"}],
)
def test_what_could_mean_several_things_is_refused(written: dict[str, Json]) -> None:
    with pytest.raises(UserError, match="must be"):
        facts_of(written)


@given(st.sampled_from(sorted(Facts.__dataclass_fields__)), st.text(max_size=20))
def test_any_words_are_a_value_or_a_sentence(name: str, words: str) -> None:
    known: Facts | None = None
    with suppress(UserError):
        known = facts_of({name: words})
    assert known is None or advise(known).start in ladder()


@given(facts)
def test_advice_hangs_together(known: Facts) -> None:
    advice = advise(known)
    climbed = [tried.rung for tried in advice.order]
    assert climbed[0] == advice.start
    assert len(climbed) == len(set(climbed))
    assert not {t.rung for t in advice.avoid} & {advice.start, *advice.final}
    assert {advice.start, *advice.final, *climbed} <= {*ladder()}
    assert set(advice.missing) == {
        name for name in Facts.__dataclass_fields__ if getattr(known, name) is None and not name.startswith("compared")
    }


def test_every_rule_names_a_rung_that_can_be_compared() -> None:
    assert {rule.rung for rule in (*KNOWLEDGE, *BEHAVIOUR, *AVOID)} <= {*ladder()}


def test_without_a_test_set_that_comes_first_and_high_stakes_need_a_person() -> None:
    assert dict(advise(Facts()).remarks)["test-set-first"]
    assert "test-set-first" not in dict(advise(Facts(has_eval_set=True)).remarks)
    assert "review" in dict(advise(Facts(high_stakes=True)).remarks)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"need_citations": True}, "unknown fact 'need_citations'; did you mean 'needs_citations'"),
        ({"examples": "many"}, "'examples' must be int or null, found 'many'"),
        ({"examples": -1}, "'examples' must be int"),
        ({"high_stakes": 1}, "'high_stakes' must be bool"),
        ({"knowledge_changes": "often"}, "'knowledge_changes' must be never or rarely"),
    ],
)
def test_facts_that_are_none(given: dict[str, Json], says: str) -> None:
    with pytest.raises(UserError, match=says):
        facts_of(given)
