"""Questions over two documents that compare: who was born first, which was founded first, by the years of two statements.

Statements of one verb about subjects of one kind are compared, where the years differ and nothing else is said.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator

from rung.commands.asked_statements import Asked
from rung.commands.draft_checks import Corpus, Hop, alternating
from rung.records import Document, digest
from rung.text.statement_words import YEAR, is_person
from rung.text.support import content

Pair = tuple[Document, Asked]
_BEGINNING = 400  # characters of a document that say what it is about
_MIN_ALIKE = 0.08  # of the words of two beginnings: who compares a boxer with a bridge?
_MOST = 150  # statements of one verb that are compared with each other
_OF_PEOPLE = ("born", "died", "die")
_WHEN = re.compile(r"(?:In what year|On what date) (?P<be>was|were|did) (?P<rest>.+)\?")


def comparisons(corpus: Corpus) -> Iterator[Hop]:
    """Hops whose answer is the one of two subjects that came first."""
    groups: dict[tuple[str, str, bool], list[tuple[Pair, int]]] = defaultdict(list)
    for pair in corpus.asked:
        one, match = pair[1], _WHEN.fullmatch(pair[1].question)
        years = re.findall(YEAR, one.answer)
        if match and len(years) == 1 and one.subject and match["rest"].startswith(one.subject):
            done = match["rest"].removeprefix(one.subject).strip()
            if done and " " not in done and _is_name(one.subject):
                persons = is_person(one.subject) or done in _OF_PEOPLE
                groups[match["be"], done, persons].append((pair, int(years[0])))
    some = sorted(groups.items())
    yield from alternating(
        *(_compared(corpus, be, done, "Who" if persons else "Which", dated) for (be, done, persons), dated in some)
    )


def _is_name(subject: str) -> bool:
    return subject.removeprefix("the ")[:1].isupper()


def _compared(corpus: Corpus, be: str, done: str, ask: str, dated: list[tuple[Pair, int]]) -> Iterator[Hop]:
    """Of each subject one comparison with a subject of another document, those first whose documents are most alike."""
    about = {pair[0].id: content(pair[0].text[:_BEGINNING]) for pair, _ in dated}
    paired: set[str] = set()
    some = sorted(dated, key=lambda one: digest("compared", one[0][1].question))[:_MOST]
    alike = [(_alike(about[one[0].id], about[other[0].id]), one, year, other, later) for (one, year), (other, later)
             in itertools.combinations(some, 2) if one[0].id != other[0].id and year != later]  # fmt: skip
    for likeness, one, year, other, later in sorted(alike, key=lambda pair: -pair[0]):
        names = one[1].subject, other[1].subject
        if likeness < _MIN_ALIKE:
            return
        if paired.isdisjoint(names) and not content(names[0]) & content(names[1]) and not _is_said(corpus, names):
            paired.update(names)
            verb = one[1].verb if be == "did" else f"was {done}"
            first, second = (one, other) if year < later else (other, one)
            shown = sorted(names, key=lambda name: digest("compared", name))
            yield Hop(f"{ask} {verb} first, {shown[0]} or {shown[1]}?", first[1].subject, first, second)


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _is_said(corpus: Corpus, names: tuple[str, str]) -> bool:
    """Whether one sentence speaks of both."""
    return any(content(names[1]) <= content(sentence.text) for sentence in corpus.naming(content(names[0])))
