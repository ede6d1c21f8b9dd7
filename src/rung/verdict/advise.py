"""What should be tried, and what not, before anything is measured: a few stated rules over what is known of the need.

The rules are practitioners' (docs/advise.md says whose); `rung compare` checks them on the project's own data. Reading facts
from a folder or from a person is left to `commands.interview` and the CLI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Literal

from rung.records import Json
from rung.stats.rules_of_thumb import MANY_EXAMPLES, MIN_EXAMPLES, TASK_EXAMPLES
from rung.verdict.facts import FITS_TOKENS, HARD_LATENCY_MS, LITTLE_TRAFFIC, MEASURED, SMALL_TOKENS, Facts, facts_of

__all__ = ["Advice", "Facts", "Remark", "Rule", "Try", "advise", "facts_of"]

Gap = Literal["knowledge", "behaviour", "both", "none"]


@dataclass(frozen=True, slots=True)
class Rule:
    """If `when` holds, `rung`; `says` is the rule as a sentence."""

    name: str
    rung: str
    when: Callable[[Facts], bool]
    says: str


# Where the facts come from: the first rule that holds. Only for needs with a knowledge gap.
KNOWLEDGE = (
    Rule(
        "live-values",
        "tools",
        lambda f: bool(f.live_values) and not f.corpus_tokens,
        "live values are a call, not a document",
    ),
    Rule(
        "mixed-traffic",
        "router",
        lambda f: bool(f.mixed_queries) and f.can_train,
        "questions differ much in difficulty: a small tuned router sends each to the cheapest rung that can answer it",
    ),
    Rule(
        "scattered-facts",
        "multi_hop",
        lambda f: bool(f.multi_document),
        "an answer is put together from several documents: search in turns, each following what the one before has brought",
    ),
    Rule(
        "own-vocabulary",
        "tuned_retriever",
        lambda f: bool(f.domain_vocabulary) and f.can_train,
        "the embedder misses the domain's words: tune the retriever, keep the model",
    ),
    Rule(
        "small-corpus",
        "long_context",
        lambda f: f.stuffable,
        f"a corpus under {FITS_TOKENS:,} tokens with little traffic fits whole into the prompt; one under {SMALL_TOKENS:,} "
        "is worth a try while the traffic is not known",
    ),
    Rule("facts-by-retrieval", "rag", lambda _: True, "specific, current or private facts come by retrieval"),
)

# How the behaviour is taught: the first rule that holds. Only for needs with a behaviour gap.
BEHAVIOUR = (
    Rule(
        "labels-classify",
        "classifier",
        lambda f: bool(f.answers_are_labels) and f.can_train and not f.knowledge,
        "where each answer is a label, a small classifier learns it from examples: milliseconds, and no tokens",
    ),
    Rule(
        "tune-after-a-plateau",
        "tuned_model",
        lambda f: f.must_tune and f.can_train,
        "prompting has plateaued, is too slow or too dear, and there are examples to learn from: tune",
    ),
    Rule(
        "constrain-first",
        "structured",
        lambda f: bool(f.strict_format or f.answers_are_labels),
        "a strict format is constrained before it is trained",
    ),
    Rule(
        "examples-prompt",
        "few_shot",
        lambda f: (f.examples or 0) > 0 and not f.few_untried,
        "examples go into the prompt first, which gets most of the way",
    ),
    Rule("instruct-first", "prompt", lambda _: True, "a serious instruction comes before anything that costs more"),
)

# What not to do: every rule that holds.
AVOID = (
    Rule(
        "no-facts-in-weights",
        "tuned_model",
        lambda f: f.knowledge,
        "facts do not belong into weights: they go stale and uncited",
    ),
    Rule("no-secrets-in-weights", "tuned_model", lambda f: bool(f.per_user_access), "weights keep no secret from any asker"),
    Rule(
        "too-few-to-train",
        "tuned_model",
        lambda f: f.behaviour and not f.can_train,
        f"fewer than {MIN_EXAMPLES} examples prompt; they do not train",
    ),
    Rule(
        "not-before-a-plateau",
        "tuned_model",
        lambda f: f.behaviour and not f.must_tune,
        "tuning comes after prompting has plateaued, not before",
    ),
    Rule(
        "nothing-to-look-up",
        "rag",
        lambda f: not f.knowledge,
        "no answer hangs on documents: retrieval adds cost, not quality",
    ),
    Rule(
        "no-documents",
        "rag",
        lambda f: f.knowledge and _is(f, "tools"),
        "nothing stands in documents: there is nothing to retrieve",
    ),
    Rule(
        "corpus-does-not-fit",
        "long_context",
        lambda f: (f.corpus_tokens or 0) > FITS_TOKENS,
        f"more than {FITS_TOKENS:,} tokens do not go into every prompt",
    ),
    Rule(
        "paid-each-time",
        "long_context",
        lambda f: f.knowledge and 0 < (f.corpus_tokens or 0) <= FITS_TOKENS and (f.queries_per_month or 0) > LITTLE_TRAFFIC,
        f"each question would pay for the whole corpus: past {LITTLE_TRAFFIC:,} questions a month a search costs less",
    ),
    Rule(
        "filter-at-retrieval",
        "long_context",
        lambda f: bool(f.per_user_access),
        "askers see different documents, so each group of them needs its own long prompt, which is paid for and cached "
        "apart; a search filters at no such cost",
    ),
    Rule("no-room", "long_context", lambda f: f.hurried, f"a limit under {HARD_LATENCY_MS} ms has no room for long prompts"),
    Rule("invention", "prompt", lambda f: f.knowledge, "a prompt alone invents what it does not know"),
)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to see to, whichever rung is tried."""

    name: str
    when: Callable[[Facts], bool]
    says: str


REMARKS = (
    Remark(
        "test-set-first",
        lambda f: not f.has_eval_set,
        "nothing can be judged without a test set: build it before anything else",
    ),
    Remark(
        "review",
        lambda f: bool(f.high_stakes),
        "high stakes: a person reviews answers, and approves what is indexed and trained on",
    ),
    Remark(
        "cite", lambda f: bool(f.needs_citations), "sources must be shown: retrieval with citations that open at the place"
    ),
    Remark("filter", lambda f: bool(f.per_user_access), "access is a filter inside the search, before the limit"),
    Remark(
        "stale",
        lambda f: f.knowledge and f.knowledge_changes in ("monthly", "weekly", "daily", "hourly"),
        "facts change: sync the index as they do, and never train on them",
    ),
    Remark(
        "live-beside",
        lambda f: bool(f.live_values) and bool(f.corpus_tokens),
        "live values come by a tool, beside the documents",
    ),
    Remark(
        "manner-and-facts",
        lambda f: bool(f.specialised_reasoning) and f.knowledge,
        "the domain reasons in its own way: tuning for the manner, retrieval for the facts",
    ),
    Remark(
        "style-only",
        lambda f: _tuned(f) and (f.examples or 0) < TASK_EXAMPLES,
        f"{MIN_EXAMPLES} to {TASK_EXAMPLES} examples teach a style, {TASK_EXAMPLES} to "
        f"{MANY_EXAMPLES:,} a task; quality first",
    ),
    Remark(
        "measure-the-budget",
        lambda f: f.hurried and f.knowledge,
        "retrieval takes its share of the latency limit: measure it live before promising it",
    ),
)


@dataclass(frozen=True, slots=True)
class Try:
    """A rung to try, and the rule that says so."""

    rung: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Where to start, where it will likely end, what not to do. `order` is the climb; `missing` what nobody has said."""

    gap: Gap
    start: str
    final: tuple[str, ...]
    order: tuple[Try, ...]
    avoid: tuple[Try, ...]
    remarks: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Json]:
        """`{"start", "final", "not", "rules"}`, and the gap; rules are `name: sentence`."""
        rules = [(t.rule, t.why) for t in (*self.order, *self.avoid)] + list(self.remarks)
        return {
            "gap": self.gap,
            "start": self.start,
            "final": list(self.final),
            "not": list(dict.fromkeys(t.rung for t in self.avoid)),
            "rules": [f"{name}: {says}" for name, says in dict(rules).items()],
            "missing": list(self.missing),
        }


def advise(facts: Facts) -> Advice:
    """The rules, applied."""
    know = _first(KNOWLEDGE, facts) if facts.knowledge else None
    act = _first(BEHAVIOUR, facts) if facts.behaviour or know is None else None
    tries = tuple(_climb(facts, know, act))
    final = _final(facts, know, act)
    if facts.compared and facts.compared_clears:
        measured = Try(facts.compared, "measured", "the last comparison chose it, and a measurement goes before these rules")
        tries = (measured, *(t for t in tries if t.rung != facts.compared))
        final = (facts.compared,)
    good = {*final, tries[0].rung, facts.compared}
    avoid = [Try(r.rung, r.name, r.says) for r in AVOID if r.when(facts) and r.rung not in good]
    gap: Gap = "both" if know and facts.behaviour else "knowledge" if know else "behaviour" if facts.behaviour else "none"
    missing = tuple(f.name for f in fields(facts) if getattr(facts, f.name) is None and f.name not in MEASURED)
    remarks = tuple((r.name, r.says) for r in REMARKS if r.when(facts))
    return Advice(gap, tries[0].rung, final, tries, tuple(avoid), remarks, missing)


def _first(rules: tuple[Rule, ...], facts: Facts) -> Rule:
    return next(rule for rule in rules if rule.when(facts))


def _is(facts: Facts, rung: str) -> bool:
    return _first(KNOWLEDGE, facts).rung == rung


def _tuned(facts: Facts) -> bool:
    return facts.behaviour and _first(BEHAVIOUR, facts).rung == "tuned_model"


def _final(facts: Facts, know: Rule | None, act: Rule | None) -> tuple[str, ...]:
    """Where the climb ends: tuned behaviour with retrieved facts is `hybrid`."""
    if know is None:
        return (act.rung if act else "prompt",)
    tuned = act is not None and act.rung == "tuned_model"
    plain = know.rung in ("rag", "long_context")
    first = ("hybrid",) if tuned and plain else (know.rung, "hybrid") if tuned else (know.rung,)
    return (*first, "tools") if facts.live_values and know.rung != "tools" else first


def _climb(facts: Facts, know: Rule | None, act: Rule | None) -> Iterator[Try]:
    """The rungs in the order in which they are worth trying."""
    retrieval = KNOWLEDGE[-1]
    if know is not None:
        begin = know if know.rung in ("tools", "long_context", "rag") else retrieval
        yield Try(begin.rung, begin.name, begin.says)
        if know is not begin:
            yield Try(know.rung, know.name, know.says)
        if begin.rung == "long_context" and facts.queries_per_month is None:
            yield Try(retrieval.rung, retrieval.name, "where much is asked, " + retrieval.says)
        if act is not None and act.rung == "tuned_model":
            yield Try("hybrid", act.name, "both gaps: facts from retrieval, behaviour from tuning on top")
        elif act is not None and act.rung == "structured":
            yield Try("structured", act.name, act.says)
        return
    constrain = next(r for r in BEHAVIOUR if r.rung == "structured")
    begin = constrain if constrain.when(facts) else BEHAVIOUR[-1]
    yield Try(begin.rung, begin.name, begin.says)
    shown = next(r for r in BEHAVIOUR if r.rung == "few_shot")
    if facts.few_untried and facts.examples and begin.rung == "prompt":
        yield Try(shown.rung, shown.name, shown.says)
    if act is not None and act.rung != begin.rung:
        if act.rung in ("tuned_model", "classifier") and shown.when(facts) and not facts.hurried:
            yield Try(shown.rung, shown.name, shown.says)
        yield Try(act.rung, act.name, act.says)
