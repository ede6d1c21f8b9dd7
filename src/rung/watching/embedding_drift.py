"""Whether searches still find what they found: canaries embedded and searched anew, apart from all that models answer.

The embedder may be another one, or the same with other libraries under it, or its server may have changed it without a word.
So the canaries' own vectors are compared with those of then, their neighbours among the documents that have not changed
since, and how much of the cases' gold is found. Documents that came or changed meanwhile are left out of the neighbours:
they are no fault of the embedder.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from rung.errors import InternalError, UserError
from rung.pipeline.prepare import located
from rung.records import Case, Json, Passage
from rung.records.alerts import Found, Reading
from rung.records.gold import has_gold, target_ranks
from rung.runtime.engines import DEFAULT_DENSE_WEIGHT
from rung.watching.canaries import canaries
from rung.watching.surroundings import Surroundings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Embedder

    Floats = NDArray[np.float32]

TOP = 10  # neighbours that are compared
DEEP = 40  # that are searched for: documents that came since are left out of them
LIKE, ALIKE = 0.99, 0.999  # cosines of a canary with itself: below the first it drifted, from the second on it is fine
SAME, FEWER = 0.9, 0.8  # shares of neighbours: from the first on it is fine, below the second it drifted
RISK = 0.01  # of the test of recall
LIBRARIES = ("lancedb", "numpy", "openvino", "openvino-tokenizers", "tokenizers", "torch", "transformers")
_AGAIN = "'rung sync' indexes with it anew; 'rung compare' then says what it is worth"
_NONE = "no baseline of searches was kept"


@dataclass(frozen=True)
class _Searched:
    """What the canaries find now. `vectors`: [canaries, dimensions]; `rankings`: of each, `DEEP` passages."""

    cases: tuple[Case, ...]
    vectors: Floats
    rankings: tuple[tuple[Passage, ...], ...]


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """Readings of the embedder, its libraries, the canaries' vectors, neighbours and recall; none without documents."""
    if not surroundings.project.settings.knowledge.sources:
        return
    kept_of = surroundings.baselines.get("embedding")
    before: Any = kept_of.value if kept_of else {}
    yield _embedder(surroundings, before)
    unkept = f"{_NONE}: {surroundings.keeps_baseline}"
    yield _libraries(before, unkept)
    names = ("canary vectors", "neighbours of canaries", "recall of canaries")
    why = _why_unsearched(surroundings) or ("" if before.get("canaries") else unkept)
    if why:
        yield from (Reading(name, "unknown", why) for name in names)
        return
    asked = _cases(surroundings, [str(row["id"]) for row in before["canaries"]])
    rows = {row["id"]: row for row in before["canaries"]}
    # a case that is asked otherwise now is no canary any more
    asked = tuple(case for case in asked if case.question == rows[case.id]["question"])
    if not asked:
        why = "the cases that were its canaries are gone or ask something else: 'rung watch --baseline' takes today's"
        yield from (Reading(name, "unknown", why) for name in names)
        return
    now = _searched(surroundings, asked, float(before.get("dense_weight", DEFAULT_DENSE_WEIGHT)))
    then = [rows[case.id] for case in asked]
    yield _vectors(now, then)
    yield _neighbours(surroundings, now, then, before)
    yield _recall(now, then)


def baseline(surroundings: Surroundings) -> Mapping[str, Json]:
    """What the canaries find now, by which embedder and libraries; {} where the project has no documents.

    Raises:
        UserError: they cannot be searched now, there are no canaries, or the embedder gives what is no number.
    """
    import numpy as np

    if not surroundings.project.settings.knowledge.sources:
        return {}
    if why := _why_unsearched(surroundings):
        raise UserError(why)
    weight, asked = _weight(surroundings), _cases(surroundings)
    if surroundings.snapshot is None or not asked:
        raise UserError("the project has no cases whose questions could be canaries")
    now = _searched(surroundings, asked, weight)
    if broken := int((~np.isfinite(now.vectors)).any(axis=1).sum()):
        who = surroundings.engines.embedder.identity
        raise UserError(f"{who} gives no numbers for {broken} of {len(now.cases)} questions: mend the embedder")
    rows: list[Json] = [
        {
            "id": case.id,
            "question": case.question,
            "vector": _packed(now.vectors[at].astype("float16").tobytes()),
            "passages": [passage.id for passage in now.rankings[at][:TOP]],
            "recall": _recalled(case, now.rankings[at]),
        }
        for at, case in enumerate(now.cases)
    ]
    return {
        "embedder": surroundings.engines.embedder.identity,
        "libraries": dict(_versions()),
        "dense_weight": weight,
        "index": surroundings.snapshot.version,
        "documents": _packed(_hashes(surroundings.snapshot.state.documents).tobytes()),
        "canaries": rows,
    }


def _why_unsearched(surroundings: Surroundings) -> str:
    from rung.knowledge.protocol import passages_by

    if surroundings.snapshot is None:
        return "nothing is indexed yet: 'rung sync'"
    if not surroundings.project.settings.cases:
        return "the project has no cases whose questions could be canaries"
    if surroundings.snapshot.settings["embedder"] != passages_by(surroundings.engines.embedder):
        return f"the index was made with another embedder, {surroundings.snapshot.settings['embedder']}: 'rung sync'"
    return ""


def _embedder(surroundings: Surroundings, before: Mapping[str, Any]) -> Reading:
    record, name = surroundings.deployment, "embedder"
    pinned = str((record.index.get("embedder") if record else "") or before.get("embedder") or "")
    now = surroundings.engines.embedder.identity
    if not pinned:
        return Reading(name, "unknown", f"nothing says by which embedder what is served was measured; it is {now}")
    is_other = now != pinned
    return Reading(
        name,
        "drifted" if is_other else "fine",
        f"the embedder is {now}, and was {pinned}" if is_other else f"the embedder is {now}, as it was",
        figure=float(is_other),
        limit=1,
        test="identities compared",
        do=f"take back what rung.yaml says of it, or: {_AGAIN}" if is_other else "",
        fires_after=1,
        clears_after=1,
    )


def _libraries(before: Mapping[str, Any], unkept: str) -> Reading:
    name, then, now = "library versions", before.get("libraries"), _versions()
    if not isinstance(then, Mapping):
        return Reading(name, "unknown", unkept)
    moved = {one: (then.get(one), now.get(one)) for one in {*then, *now} if then.get(one) != now.get(one)}
    named = ", ".join(f"{one} {new or 'none'} (was {old or 'none'})" for one, (old, new) in sorted(moved.items()))
    return Reading(
        name,
        "drifted" if moved else "fine",
        f"other versions than at the baseline: {named}" if moved else "the same versions as at the baseline",
        figure=len(moved),
        limit=1,
        test="versions compared",
        do="look at the canaries beside this: where they stayed, 'rung watch --baseline' takes the new versions"
        if moved
        else "",
        fires_after=1,
        clears_after=1,
    )


def _vectors(now: _Searched, then: Sequence[Mapping[str, Any]]) -> Reading:
    import numpy as np

    old = [np.frombuffer(base64.b64decode(row["vector"]), dtype=np.float16).astype(np.float32) for row in then]
    is_comparable = all(len(one) == now.vectors.shape[1] for one in old)
    cosines = np.zeros(len(old))
    if is_comparable:
        lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(now.vectors, axis=1)
        cosines = (np.array(old) * now.vectors).sum(axis=1) / np.where(lengths == 0, 1, lengths)
    cosines = np.where(np.isfinite(cosines), cosines, 0.0)  # what is no number is like nothing
    median = float(np.median(cosines))
    state: Found = "drifted" if median < LIKE else "between" if median < ALIKE else "fine"
    other = "" if is_comparable else f"; they have {now.vectors.shape[1]} dimensions, and had another number"
    return Reading(
        "canary vectors",
        state,
        f"the same {len(old)} questions have vectors of cosine {median:.4f} (median) with those of then{other}",
        figure=median,
        limit=LIKE,
        test=f"median cosine; below {LIKE:g} it drifted, from {ALIKE:g} on it is fine",
        do=f"ask whoever runs the embedder what changed; {_AGAIN}" if state == "drifted" else "",
        fires_after=1,
        evidence={"least": float(cosines.min()), "canaries": len(old)},
    )


def _neighbours(
    surroundings: Surroundings, now: _Searched, then: Sequence[Mapping[str, Any]], before: Mapping[str, Any]
) -> Reading:
    """How many of the neighbours of then are there now, documents that came, went or changed left out on both sides."""
    import numpy as np

    name, snapshot = "neighbours of canaries", surroundings.snapshot
    held = {} if snapshot is None else snapshot.state.documents
    known_then = np.frombuffer(base64.b64decode(before["documents"]), dtype=np.uint64)
    unchanged = {id for id, one in zip(held, np.isin(_hashes(held), known_then), strict=True) if one}
    shares = list[float]()
    for row, ranking in zip(then, now.rankings, strict=True):
        old = [id for id in row["passages"] if _document(id) in unchanged]
        new = [passage.id for passage in ranking if passage.document in unchanged][:TOP]
        if old:
            shares.append(len({*old} & {*new}) / len(old))
    if not shares:
        return Reading(name, "unknown", "every document that canaries found then has changed since: 'rung watch --baseline'")
    mean = sum(shares) / len(shares)
    state: Found = "fine" if mean >= SAME else "between" if mean >= FEWER else "drifted"
    return Reading(
        name,
        state,
        f"{mean:.1%} of the {TOP} nearest passages of then are among the {TOP} nearest now ({len(shares)} canaries)",
        figure=mean,
        limit=FEWER,
        test=f"mean overlap among documents that did not change; below {FEWER:g} it drifted, from {SAME:g} on it is fine",
        false_alarms=0.01,
        do=_AGAIN if state == "drifted" else "",
        evidence={"canaries": len(shares), "unchanged": len(unchanged), "documents": len(held)},
    )


def _recall(now: _Searched, then: Sequence[Mapping[str, Any]]) -> Reading:
    from scipy.stats import binomtest

    name = "recall of canaries"
    pairs = [
        (float(row["recall"]), recall)
        for row, case, ranking in zip(then, now.cases, now.rankings, strict=True)
        if row["recall"] is not None and (recall := _recalled(case, ranking)) is not None
    ]
    if not pairs:
        return Reading(name, "unknown", "no canary names gold that is in the documents, so recall cannot be told")
    lost, won = sum(new < old for old, new in pairs), sum(new > old for old, new in pairs)
    old, new = (sum(one[at] for one in pairs) / len(pairs) for at in (0, 1))
    p = float(binomtest(lost, lost + won, 0.5, alternative="greater").pvalue) if lost + won else 1.0
    state: Found = "drifted" if p <= RISK else "between" if p <= 5 * RISK else "fine"
    return Reading(
        name,
        state,
        f"recall@{TOP} of {len(pairs)} canaries is {new:.2f}, and was {old:.2f}: {lost} find less, {won} more",
        figure=new,
        limit=old,
        test=f"sign test of canaries that find less against those that find more: p = {p:.2g}, at most {RISK:g}",
        false_alarms=RISK,
        per="change of the index",
        do="look with 'rung search --explain' at one that finds less; then 'rung sync', or 'rung compare'"
        if state == "drifted"
        else "",
        evidence={"lost": lost, "won": won, "p": p, "before": old},
    )


def _searched(surroundings: Surroundings, cases: tuple[Case, ...], dense_weight: float) -> _Searched:
    import numpy as np

    from rung.knowledge.protocol import Fusion, Lookup
    from rung.knowledge.retrieval import readable

    embedder: Embedder = surroundings.engines.embedder
    snapshot = surroundings.snapshot
    if snapshot is None:
        raise InternalError("nothing is indexed, and canaries were to be searched")
    vectors = embedder.embed([readable(case.question) for case in cases], kind="query")
    fusion = Fusion(dense_weight, by=surroundings.project.settings.knowledge.fusion)
    searched = np.where(np.isfinite(vectors), vectors, np.float32(0))
    lookups = [Lookup(readable(case.question), searched[at], case.asker.groups, DEEP) for at, case in enumerate(cases)]
    return _Searched(cases, vectors, tuple(snapshot.search(lookups, fusion)))


def _cases(surroundings: Surroundings, ids: Sequence[str] | None = None) -> tuple[Case, ...]:
    """The canaries, or those of these ids, with their gold where it is in the documents now."""
    dataset, snapshot = surroundings.dataset, surroundings.snapshot
    named = None if ids is None else frozenset(ids)
    chosen = canaries(dataset) if named is None else tuple(case for case in dataset.cases if case.id in named)
    if snapshot is None:
        return chosen
    quoted = {id: [item for item in dataset.quotes.get(id, ()) if isinstance(item, dict)] for id in (c.id for c in chosen)}
    gold = {str(item.get("document")) for items in quoted.values() for item in items}
    gold |= {document for case in chosen for document in case.gold_documents}
    some = located(replace(dataset, cases=chosen), snapshot.documents(sorted(gold)))
    by_id = {case.id: case for case in some.cases}
    # one whose quote is gone is asked all the same, its gold unknown
    return tuple(by_id.get(case.id, replace(case, evidence=(), gold_documents=())) for case in chosen)


def _recalled(case: Case, ranking: Sequence[Passage]) -> float | None:
    """Share of a case's gold among the first `TOP`; None where it names none."""
    if not case.answerable or not has_gold(case):
        return None
    ranks = target_ranks(case, ranking[:TOP])
    return sum(rank is not None for rank in ranks) / len(ranks) if ranks else None


def _weight(surroundings: Surroundings) -> float:
    """Of the dense ranking: as `rung.yaml` says, else as the verdict settled it."""
    configured = surroundings.project.settings.knowledge.dense_weight
    if configured != "auto":
        return configured
    settled = surroundings.stored.facts.weight if surroundings.stored else None
    return float(settled["dense_weight"]) if settled else DEFAULT_DENSE_WEIGHT


def _versions() -> dict[str, str]:
    versions = dict[str, str]()
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _hashes(documents: Mapping[str, str]) -> NDArray[np.uint64]:
    """Eight bytes of each document as it is, in their order."""
    import numpy as np

    whole = b"".join(hashlib.sha256(f"{id}\0{one}".encode()).digest()[:8] for id, one in documents.items())
    return np.frombuffer(whole, dtype=np.uint64)


def _document(passage: str) -> str:
    return passage.rpartition("#")[0]


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
