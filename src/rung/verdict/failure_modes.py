"""Which layer lost a case: each lost case of a rung goes to exactly one, told from records and plain facts of the corpus.

What mending each layer would win back is left to `winning_back`; gathering the facts, to the stages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from rung.records import Answer, Asker, Case, Loss, Metric, Outcome, Passage, ToolCall
from rung.records.gold import has_gold, is_gold, overlaps, span_recall, target_ranks
from rung.text.matching import terms

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

_TUNED = ("tuned_model", "hybrid")


@dataclass(frozen=True, slots=True)
class Way:
    """One way of mending: in words, and the rungs that go it (those that are compared show whether it helps)."""

    words: str
    rungs: tuple[str, ...] = ()

    @property
    def tunes(self) -> bool:
        """Whether it trains the weights of the project's model, which a server's cannot be."""
        return bool(self.rungs) and set(self.rungs) <= set(_TUNED)


REMEDIES: Mapping[Loss, tuple[Way, ...]] = {
    "failed": (
        Way(
            "look at the errors: a server, a limit, a prompt that is too long, or reasoning that used up the tokens "
            "(server.reasoning_tokens gives it room of its own)"
        ),
    ),
    "leaked": (Way("check the groups of these documents and of the asker before anything else"),),
    "cannot be won": (Way("mend the accepted answers: labels or schema allow none of them (rung check names the cases)"),),
    "cut off": (Way("give the rung max_tokens, or more of it"),),
    "wrong format": (
        Way("constrain the output (structured)", ("structured",)),
        Way("teach the format (tuned_model)", ("tuned_model",)),
    ),
    "should have refused": (
        Way("ground more strictly"),
        Way("teach refusing with unanswerable questions", _TUNED),
    ),
    "tool failed": (Way("look at the calls: a tool that is away or breaks, or is called with what it does not take"),),
    "wrong tool call": (
        Way("say in the tools' descriptions what each is for and takes"),
        Way("show examples that call them (tools: shots), or teach them (tools: tuned)"),
        Way("use a stronger model"),
    ),
    "not in the corpus": (Way("add the document that answers it; or mark the case as not answerable"),),
    "not read": (Way("mend the file that could not be read, or give it in another form: rung check names it and says why"),),
    "gold in doubt": (Way("name the documents that do hold the answer (rung check names the cases)"),),
    "forbidden": (
        Way("give the asker a group that may read the document; or mark the case as not answerable for this asker"),
    ),
    "cut by chunking": (
        Way("cut larger or overlapping passages (chunk_tokens, chunk_overlap)"),
        Way("show the parents around them"),
    ),
    "not retrieved": (
        Way("improve the search: hybrid weights, other words, more candidates"),
        Way("tune the retriever (tuned_retriever)", ("tuned_retriever",)),
    ),
    "ranked too low": (Way("show more passages"), Way("rerank")),
    "refused wrongly": (
        Way("ground less strictly"),
        Way("teach with fewer unanswerable questions", _TUNED),
    ),
    "retrieved but not used": (
        Way("show fewer passages"),
        Way("teach answering from passages (hybrid)", ("hybrid",)),
    ),
    "used but wrong": (
        Way("give instructions"),
        Way("give examples (shots)"),
        Way("tune (hybrid)", ("hybrid",)),
        Way("use a stronger model"),
    ),
    "wrong": (Way("the model does not know or does not act as needed: the gaps say which"),),
    "wrong style": (
        Way("show examples of the tone that is wanted (few_shot)", ("few_shot",)),
        Way("teach it (tuned_model)", ("tuned_model",)),
    ),
}

# of "wrong" where no reference arm was measured, so that there are no gaps
WITHOUT_GAPS: tuple[Way, ...] = (
    Way("show examples of right answers (few_shot)", ("few_shot",)),
    Way("teach them (tuned_model)", ("tuned_model",)),
    Way("use a stronger model"),
)
LOST_BELOW = 0.5  # so much `correct`, or so much of a metric of style
RIGHT_FROM = 0.8  # so much `correct`; between the two a case is partly right
_ABSENT: Loss = "not in the corpus"
_CALLING = ("tool_choice", "tool_arguments")
_JUDGING = frozenset({"correct", "leaks", "format", "false_refusal", *_CALLING})  # the metrics that `diagnose` looks at
USED_SHARE = 0.5  # of an answer's words that stand in the gold passages


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the corpus has to do with the cases, as the stages found it.

    Args:
        groups: every document that can be searched, with the groups that may read it; none: everybody.
        missing: case id -> documents that the case names and that are not among them.
        unread: the sources that are left out because they could not be read.
        lacking: cases without gold, none of whose accepted answers stands in any document.
        passages: gold document -> the character spans of its passages, in the index that this rung searches.
        not_shown: cases whose gold documents hold an accepted answer, of which nothing that was shown holds one.
        not_found: the same of what was found.
        unwinnable: cases none of whose accepted answers labels or schema allow.
        doubtful: cases whose gold is in doubt (`rung.verdict.gaps`).
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    lacking: frozenset[str] = frozenset()
    passages: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    not_shown: frozenset[str] = frozenset()
    not_found: frozenset[str] = frozenset()
    unwinnable: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()


NOTHING_KNOWN = Corpus()


def diagnose(
    case: Case,
    outcome: Outcome,
    scores: Mapping[str, float],
    *,
    retrieves: bool = False,
    calls: bool = False,
    corpus: Corpus = NOTHING_KNOWN,
    style: Sequence[float] = (),
) -> Loss | None:
    """The layer that lost the case; None where it was not lost (`correct` of at least one half, no leak, no fault of style).

    The first layer that went wrong counts: a refusal for want of the passage is the search's, not the model's, and where no
    document has the answer it is not the search's either.

    Args:
        case: the question with its gold.
        outcome: the answer or failure.
        scores: the metrics that apply to this case (`Scorecard.of`).
        retrieves: whether the rung searches, so that an empty ranking is a miss of the search.
        calls: whether the rung calls tools, so that a call that was not made is a fault of its calls.
        corpus: what is known of the documents; without it no case is lost before the search.
        style: the shares of the layer "style" that apply to this case, each turned so that 1 is best.
    """
    answer = outcome.answer
    if answer is None:
        return "failed"
    if scores.get("leaks", 0.0) > 0:
        return "leaked"
    if "correct" not in scores or scores["correct"] >= LOST_BELOW:
        return "wrong style" if min(style, default=1.0) < LOST_BELOW else None
    if case.id in corpus.unwinnable:
        return "cannot be won"
    refused = scores.get("false_refusal", 0.0) > 0
    if scores.get("format", 1.0) == 0 and not refused:
        return "cut off" if answer.truncated else "wrong format"
    if not case.answerable:
        return "should have refused"
    if _is_failed(answer.calls):
        return "tool failed"
    if (calls or answer.calls) and any(scores.get(name, 1.0) < 1 for name in _CALLING):
        return "wrong tool call"
    # who called tools and searched nothing lost nothing by the search
    before = _before_the_model(case, answer, retrieves and not answer.calls, corpus)
    if before is not None:
        return before
    if answer.truncated and not refused:
        return "cut off"
    if refused and (answer.passages or answer.calls):
        return "refused wrongly"  # one that was shown nothing has nothing to say more freely
    if has_gold(case) and answer.passages:
        return "used but wrong" if _used(case, answer) else "retrieved but not used"
    return "wrong"


def losses(
    cases: Sequence[Case],
    outcomes: Sequence[Outcome],
    values: Mapping[str, Floats],
    corpus: Corpus = NOTHING_KNOWN,
    metrics: Iterable[Metric] = (),
) -> tuple[dict[Loss, int], list[Loss | None]]:
    """A run's lost cases by layer (in the order of a pipeline, those with none left out), and the layer of each case.

    Cases, outcomes and the columns of `values` are in the same order; `metrics` are the declarations of these columns.
    """
    retrieves = any(o.answer is not None and o.answer.retrieved for o in outcomes)
    calls = any(o.answer is not None and o.answer.calls for o in outcomes)
    judging = {name: column for name, column in values.items() if name in _JUDGING}
    of_style = [m for m in metrics if m.layer == "style" and m.is_share and m.name in values]
    styles = [values[m.name] if m.better == "higher" else 1 - values[m.name] for m in of_style]
    layers: list[Loss | None] = []
    for index, (case, outcome) in enumerate(zip(cases, outcomes, strict=True)):
        row = {name: float(column[index]) for name, column in judging.items()}
        scores = {name: value for name, value in row.items() if not math.isnan(value)}
        style = [float(column[index]) for column in styles if not math.isnan(column[index])]
        layers.append(diagnose(case, outcome, scores, retrieves=retrieves, calls=calls, corpus=corpus, style=style))
    counts = Counter(layers)
    all_layers: tuple[Loss, ...] = get_args(Loss)
    return {loss: counts[loss] for loss in all_layers if counts[loss]}, layers


def _before_the_model(case: Case, answer: Answer, retrieves: bool, corpus: Corpus) -> Loss | None:
    """Whether corpus or search lost it. Rungs that neither search nor show passages have none to lose it."""
    ranking = answer.retrieved or answer.passages
    if not ranking and not retrieves:
        return None
    missing = corpus.missing.get(case.id, ())
    if missing:
        return "not read" if any(_is_of(document, path) for document in missing for path in corpus.unread) else _ABSENT
    if case.id in corpus.lacking:
        return _ABSENT
    if not has_gold(case):
        return None
    if case.id in corpus.doubtful:
        return "gold in doubt"
    if _forbidden(case, corpus):
        return "forbidden"
    if _cut(case, answer, ranking, corpus):
        return "cut by chunking"
    if _complete(case, answer.passages) and case.id not in corpus.not_shown:
        return None
    return "ranked too low" if _complete(case, ranking) and case.id not in corpus.not_found else "not retrieved"


def _is_failed(calls: Sequence[ToolCall]) -> bool:
    """Whether a tool was called in vain: the last call of it failed."""
    return any({call.name: call.failed for call in calls}.values())


def _is_of(document: str, path: str) -> bool:
    """Whether a document's id is that of a source that was left out, or of something in it."""
    return document == path or path.endswith(f"/{document}") or document.startswith((f"{path}/", f"{path}#", f"{path}!"))


def _forbidden(case: Case, corpus: Corpus) -> bool:
    """Whether something that the answer stands in is not the asker's to read: no search may find that."""
    if case.groups is None:
        return False
    asker, named = Asker(frozenset(case.groups)), {*(span.document for span in case.evidence), *case.gold_documents}
    return not all(asker.may_read(corpus.groups.get(one, ())) for one in named)


def _cut(case: Case, answer: Answer, ranking: Sequence[Passage], corpus: Corpus) -> bool:
    """Whether a gold span stands whole in no passage, part of it was found, and what was shown is not all of it."""
    split = [span for span in case.evidence if _stands_split(span.start, span.end, corpus.passages.get(span.document, ()))]
    if not split or not any(overlaps(span, passage) for span in split for passage in ranking):
        return False
    return (span_recall(case, answer.passages) or 0.0) < 1


def _stands_split(start: int, end: int, passages: Iterable[tuple[int, int]]) -> bool:
    spans = list(passages)
    return bool(spans) and not any(a <= start and end <= b for a, b in spans)


def _complete(case: Case, ranking: Sequence[Passage]) -> bool:
    """Whether everything that the answer stands in is among the passages: a question over two documents needs both."""
    return all(rank is not None for rank in target_ranks(case, ranking))


def _used(case: Case, answer: Answer) -> bool:
    """Whether the gold went into the answer: it is cited or, without citations, has at least half of the answer's words."""
    if answer.citations:
        return any(is_gold(case, citation) for citation in answer.citations)
    words = _words(answer.plain or answer.text)
    gold = set().union(*(_words(passage.text) for passage in answer.passages if is_gold(case, passage)))
    return bool(words) and len(words & gold) >= USED_SHARE * len(words)


def _words(text: str) -> set[str]:
    return set(terms(text))
