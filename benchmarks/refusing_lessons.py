"""What the grounded model is taught in its second stage: which questions its passages nearly answer; see make_grounded.py.

A lesson block is one context (three passages as `rag` shows them, or one) and `ROWS` questions about it: those that it
answers, and beside them near misses, written by people about these very passages (SQuAD 2.0's training articles), else put
together by `swapped`. Blocks of the first stage's own lessons are among them, so that what it taught stays. Every second of
squad_train's articles that have a few near misses by people teaches nothing here: by those the threshold is set (`chosen`).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from grounded_lessons import MAX_WORDS, TASKS, Case, Context, Set, contexts, lessons, near, read

from rung.records import Example, digest

ROWS = 12  # of a block
UNANSWERABLE = 4.5 / 12  # of a block of near misses
A_FEW = 60  # near misses over one article, at most, of those by which the threshold is set
# how many of 100 blocks: passages a context, set, near misses by people (None: lessons of the first stage)
# the last kind fills up
BLOCKS: Mapping[tuple[int, str, bool | None], int] = {
    (3, "squad2", True): 28,
    (1, "squad2", True): 22,
    (3, "squad_train", True): 8,
    (1, "squad_train", True): 4,
    (3, "squad_train", False): 5,
    (1, "squad_train", False): 4,
    (3, "squadshifts_new_wiki", False): 4,
    (3, "", None): 25,
}
FIRST_STAGE = ("nq_passages", "tatqa", "wikitablequestions", "fairytaleqa", "squad_train", "squadshifts_new_wiki", "qamr")
_OPPOSITES = (
    *(("first", "last"), ("largest", "smallest"), ("highest", "lowest"), ("most", "least"), ("before", "after")),
    *(("oldest", "newest"), ("longest", "shortest"), ("north", "south"), ("east", "west"), ("more", "fewer")),
    *(("increase", "decrease"), ("began", "ended"), ("begin", "end"), ("won", "lost"), ("best", "worst")),
    *(("northern", "southern"), ("eastern", "western"), ("early", "late"), ("always", "never"), ("above", "below")),
    *(("major", "minor"), ("male", "female"), ("maximum", "minimum"), ("founded", "closed"), ("allowed", "forbidden")),
)
_OPPOSITE = {one: other for a, b in _OPPOSITES for one, other in ((a, b), (b, a))}
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_NAME = re.compile(r"(?<=[\w,] )[A-Z][\w'-]+(?: (?:of |the )?[A-Z][\w'-]+)*")


def swapped(case: Case, shown: str, elsewhere: str, rng: random.Random) -> Case | None:
    """The question with a name or number of the passages replaced by one that they lack, or a word by its opposite; None
    where it has none. `elsewhere`: text of other passages of the article, that names and numbers are taken from."""
    ways: list[str] = []
    low = shown.lower()
    for pattern in (_NAME, _NUMBER):
        there = [found.group() for found in pattern.finditer(case.question) if found.group().lower() in low]
        answers = " ".join(case.answers).lower()
        others = sorted({o for o in pattern.findall(elsewhere) if o.lower() not in low and o.lower() not in answers})
        if there and others:
            one = rng.choice(there)
            alike = [o for o in others if abs(len(o) - len(one)) <= 3] or others
            ways += [case.question.replace(one, rng.choice(alike))] * 2
    for word in re.findall(r"[a-z]+", case.question):
        if word in _OPPOSITE and _OPPOSITE[word] not in low:
            ways.append(re.sub(rf"\b{word}\b", _OPPOSITE[word], case.question))
    return Case(f"{case.id}:swapped", rng.choice(ways), [], case.document) if ways else None


def chosen(given: Set) -> list[str]:
    """The passages of the articles of squad_train by which a threshold is set: every second, by name, of those over which
    people wrote a few near misses."""
    missed = Counter(given.documents[k].title for k, cases in given.cases.items() for c in cases if by_a_person(c))
    articles = sorted(title for title, count in missed.items() if 0 < count <= A_FEW)[::2]
    return [k for k, passage in given.documents.items() if passage.title in articles]


def by_a_person(case: Case) -> bool:
    """Whether it is a near miss that a person wrote over the passage."""
    return not case.answers and ":derived:" not in case.id


def blocks(data: Path, count: int, *, seed: int = 0) -> list[list[Example]]:
    """So many blocks of `ROWS` lessons, of every kind its share, in an order drawn by the seed."""
    kept: dict[str, Set] = {}
    found: list[list[Example]] = []
    for kind, share in BLOCKS.items():
        passages, name, by_people = kind
        if by_people is None:
            found += _first_stage(data, count - len(found), seed)
            continue
        wanted = round(count * share / 100)
        given = kept.setdefault(name, _taught(data, name))
        rng = random.Random(digest("refusing", kind, seed))
        made = _near_misses(given, passages, by_people, rng)
        found += [next(made) for _ in range(wanted)]
    random.Random(digest("refusing order", seed)).shuffle(found)
    return found


def _taught(data: Path, name: str) -> Set:
    given = read(data, name)
    for key in chosen(given) if name == "squad_train" else ():
        given.cases.pop(key, None)
    return given


def _first_stage(data: Path, count: int, seed: int) -> list[list[Example]]:
    """Lessons as the first stage has them, half a block of a context, of contexts drawn by another seed."""
    size = ROWS // 2
    given = [c for name in FIRST_STAGE for c in list(contexts(_taught(data, name), name, seed + 1))[: count * 3]]
    some = [list(lessons(context))[:size] for context in given if len(context.asked) >= size]
    random.Random(digest("refusing, first stage", seed)).shuffle(some)
    return [[*some[2 * n], *some[2 * n + 1]] for n in range(count)]


def _near_misses(given: Set, passages: int, by_people: bool, rng: random.Random) -> Iterator[list[Example]]:
    """Blocks without end; passages and questions that were used least come first."""
    missed = {k: [c for c in cases if by_a_person(c)] for k, cases in given.cases.items()}
    chosen = [k for k, cases in given.cases.items() if bool(missed[k]) == by_people and any(c.answers for c in cases)]
    used: Counter[str] = Counter()
    size = ROWS if passages > 1 else ROWS // 2  # two short contexts make a block
    block: list[Example] = []
    while True:
        rng.shuffle(chosen)
        before = len(block) + used.total()
        for key in chosen:
            shown = _shown(given, key, passages, set(chosen), rng)
            asked = _asked(given, shown, _missed(given, shown, by_people, used, rng), size, used=used, rng=rng)
            if asked:
                context = Context(tuple(given.documents[k] for k in shown), tuple(asked), rng.choice(TASKS), "")
                block += lessons(context)
            if len(block) == ROWS:
                yield block
                block = []
        if len(block) + used.total() == before:
            raise ValueError("no passage has enough questions for a block")


def _shown(given: Set, key: str, passages: int, preferred: set[str], rng: random.Random) -> list[str]:
    """The passage among near ones, as far as `MAX_WORDS` go; those that have questions of the kind come first."""
    others = near(given, key, rng, passages) if passages > 1 else []
    others = sorted(others[:6], key=lambda k: (k not in preferred, rng.random()))
    shown, words = [key], len(given.documents[key].text.split())
    for other in others:
        more = len(given.documents[other].text.split())
        if len(shown) < passages and words + more <= MAX_WORDS:
            shown.append(other)
            words += more
    rng.shuffle(shown)
    return shown


def _missed(given: Set, shown: Sequence[str], by_people: bool, used: Counter[str], rng: random.Random) -> list[Case]:
    """Near misses of these passages, those used least first."""
    cases = [c for k in shown for c in given.cases.get(k, ())]
    rng.shuffle(cases)
    cases.sort(key=lambda c: used[c.id])
    if by_people:
        return [c for c in cases if by_a_person(c)]
    text = " ".join(given.documents[k].text for k in shown)
    article = next((ids for ids in given.groups.values() if shown[0] in ids), [])
    elsewhere = " ".join(given.documents[k].text for k in article if k not in shown)
    changed = [swapped(c, text, elsewhere, rng) for c in reversed(cases) if c.answers]
    return [c for c in changed if c is not None]


def _asked(
    given: Set, shown: Sequence[str], missed: Sequence[Case], size: int, *, used: Counter[str], rng: random.Random
) -> list[tuple[Case, int]]:
    """So many questions of these passages, answerable ones and near misses; none where they have too few."""
    answerable = [c for k in shown for c in given.cases.get(k, ()) if c.answers]
    rng.shuffle(answerable)
    answerable.sort(key=lambda c: used[c.id])
    share = size * UNANSWERABLE
    refused = min(len(missed), int(share) + (rng.random() < share - int(share)))
    if refused < size // 4 or len(answerable) < size - refused:
        return []
    taken = [*((c, shown.index(c.document) + 1) for c in answerable[: size - refused]), *((c, 0) for c in missed[:refused])]
    used.update(c.id for c, _ in taken)
    rng.shuffle(taken)
    return taken
