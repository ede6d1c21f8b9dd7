"""Which drafts are worth a person's time: those that only their own passage answers, once each, and what two facts make.

Words decide here, not a model: a draft falls that another sentence seems to answer otherwise, that gives its answer away, or
that nearly repeats another one. Finding facts is left to `asked_statements` and `stated_facts`.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from rung.commands.asked_statements import Asked, asked_of
from rung.dataset.near_duplicates import Read, near, normal
from rung.records import Document, digest
from rung.text.past_tense import is_participle
from rung.text.prose import prose
from rung.text.statement_words import DATE, is_person
from rung.text.support import content

T = TypeVar("T")
COVERED = 0.75  # of a question's words that a sentence has which may answer it, too
_YEAR = re.compile(r"\b(?:1\d|20)\d{2}\b")
_DAY = re.compile(DATE)
_LETTERS = re.compile(r"(?<![\w-])[A-Z]{3,5}(?![\w-])")
_OFTEN = 3
_ROMAN = frozenset("IVXLCDM")
_BY = re.compile(r"\bby (?:the )?[A-Z]")
_WORDS = re.compile(r"\b[a-z][a-z'’-]+\b")
_ASKED_YEAR = re.compile(r"In what year (?P<be>was|were) (?P<what>.*)\?")
_ASKED_WHO = re.compile(r"By (?:whom|which organisation or person) (?P<be>was|were) (?P<what>.*)\?")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document, its content words, and where it stands."""

    document: int
    start: int
    text: str
    words: frozenset[str]


class Corpus:
    """The documents that everybody may read, as sentences that can be looked up by their words."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = [document for document in documents if not document.groups]
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self.sentences: list[Sentence] = []
        for number, document in enumerate(self.documents):
            for start, end in prose(document.text):
                text = document.text[start:end].strip()
                words = content(text) | content(document.title)
                for word in words:
                    self._by_word[word].append(len(self.sentences))
                self.sentences.append(Sentence(number, document.text.index(text, start), text, words))

    @cached_property
    def common(self) -> frozenset[str]:
        """The words that stand anywhere in lower case: no names."""
        return frozenset(word for document in self.documents for word in _WORDS.findall(document.text))

    @cached_property
    def asked(self) -> list[tuple[Document, Asked]]:
        """What the statements of the documents answer, in their order."""
        return [
            (self.documents[sentence.document], one)
            for sentence in self.sentences
            for one in asked_of(
                sentence.text,
                sentence.start,
                title=self.documents[sentence.document].title.replace("_", " "),
                common=self.common,
            )
        ]

    def near(self, question: str, share: float = COVERED) -> Iterator[Sentence]:
        """The sentences that have such a share of a question's words."""
        words = content(question)
        if not words:
            return
        rare = sorted(words, key=lambda word: len(self._by_word.get(word, ())))
        some = {
            sentence
            for word in rare[: max(1, round(len(rare) * (1 - share)) + 1)]
            for sentence in self._by_word.get(word, ())
        }
        for sentence in sorted(some):
            if len(words & self.sentences[sentence].words) >= share * len(words):
                yield self.sentences[sentence]

    def naming(self, words: frozenset[str]) -> list[Sentence]:
        """The sentences that have all of these words, or stand under a title that has them."""
        if not words:
            return []
        rarest = min(words, key=lambda word: len(self._by_word.get(word, ())))
        return [one for number in self._by_word.get(rarest, ()) if words <= (one := self.sentences[number]).words]

    def beside(self, sentences: Sequence[Sentence]) -> Iterator[Sentence]:
        """These sentences, and of each the one before it and the two after it in its document, which may go on about it."""
        numbers: set[int] = set()
        for one in sentences:
            number = self._numbers[one.document, one.start]
            around = range(max(0, number - 1), min(number + 3, len(self.sentences)))
            numbers.update(near for near in around if self.sentences[near].document == one.document)
        yield from (self.sentences[number] for number in sorted(numbers))

    @cached_property
    def _numbers(self) -> dict[tuple[int, int], int]:
        return {(one.document, one.start): number for number, one in enumerate(self.sentences)}

    def is_only_answer(self, question: str, answer: str) -> bool:
        """Whether no sentence that is about as much about the question says anything but the answer; headings and questions
        say nothing."""
        others = (
            sentence.text
            for sentence in self.near(question)
            if not sentence.text.startswith("#") and sentence.text[-1:] != "?"
        )
        return all(answer.casefold() in text.casefold() for text in others)


class Unrepeated:
    """Questions that have come, so that one that nearly repeats another is known."""

    def __init__(self, questions: Sequence[str] = ()) -> None:
        self._read: list[Read] = []
        self._exact = set[str]()
        for question in questions:
            self.add(question)

    def add(self, question: str) -> bool:
        """Whether a question is new; it is not from now on."""
        text = normal(question)
        read = Read(text)
        if text in self._exact or any(near(read, other) for other in self._read):
            return False
        self._exact.add(text)
        self._read.append(read)
        return True


@dataclass(frozen=True, slots=True)
class Hop:
    """A question over two statements: `first` says whom `second` is about."""

    question: str
    answer: str
    first: tuple[Document, Asked]
    second: tuple[Document, Asked]


@dataclass(frozen=True, slots=True)
class Miss:
    """A question that the documents come near to and do not answer. `answers`: what a sentence would have that does."""

    document: Document
    question: str
    note: str
    answers: re.Pattern[str]


def near_misses(corpus: Corpus, letters: int) -> Iterator[Miss]:
    """Questions that a statement comes near to and nothing answers, of three kinds in turns: who did what it says was done,
    or in what year what it says who did; on what day; what letters stand for that are never written out, so many at most."""
    yield from alternating(_unsaid(corpus), _days(corpus), itertools.islice(_unexplained(corpus), letters))


def alternating(*some: Iterator[T]) -> Iterator[T]:
    """What several give, these taking turns."""
    queues = list(some)
    while queues:
        left = []
        for queue in queues:
            for one in itertools.islice(queue, 1):
                left.append(queue)
                yield one
        queues = left


def _days(corpus: Corpus) -> Iterator[Miss]:
    for document, one in corpus.asked:
        if one.question.startswith("In what year ") and one.answer.isdigit():
            question = f"On what day in {one.answer} {one.question[13:]}"
            if not any(_DAY.search(text) for text in _about(corpus, document, one)):
                note = f"'{document.text[one.start : one.end]}' has the year alone: check that nothing has the day"
                yield Miss(document, question, note, _DAY)


def _unexplained(corpus: Corpus) -> Iterator[Miss]:
    """Letters that come three times at least, and are never written out."""
    seen: dict[str, list[int]] = defaultdict(list)
    for sentence in corpus.sentences:
        for letters in _LETTERS.findall(sentence.text):
            seen[letters].append(sentence.document)
    whole = "\n".join(document.text for document in corpus.documents)
    explained = {one.subject for _, one in corpus.asked if one.slot == "letters"}
    for letters, places in sorted(seen.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(places) < _OFTEN or letters in explained or letters.lower() in corpus.common or set(letters) <= _ROMAN:
            continue
        words = r"[\w-]*(?:[ -]|, | of | and | for | the | in | to )+".join(letters)
        written = re.compile(rf"\b{words}\w*", re.IGNORECASE)
        if not written.search(whole) and f"({letters})" not in whole:
            note = f"'{letters}' comes {len(places)} times, and is never written out"
            question = f"What does {letters} stand for?"
            yield Miss(corpus.documents[places[0]], question, note, written)


def _unsaid(corpus: Corpus) -> Iterator[Miss]:
    for document, one in corpus.asked:
        year, who = _ASKED_YEAR.fullmatch(one.question), _ASKED_WHO.fullmatch(one.question)
        asked = year or who
        if asked is None or not is_participle(one.verb):
            continue
        if year and " by " not in year["what"]:
            question, answers = f"By whom {year['be']} {year['what']}?", _BY
        elif who and not _YEAR.search(who["what"]):
            question, answers = f"In what year {who['be']} {who['what']}?", _YEAR
        else:
            continue
        if not any(answers.search(text) for text in _about(corpus, document, one)):
            missing = "by whom" if year else "when"
            note = f"'{document.text[one.start : one.end]}' does not say {missing}: check that nothing does"
            yield Miss(document, question, note, answers)


def _about(corpus: Corpus, document: Document, one: Asked) -> Iterator[str]:
    """Every sentence that may say more of a statement: those of its document with its verb or its subject, and those
    anywhere that have half of its words."""
    own = content(one.subject) | {one.verb}
    for sentence in corpus.sentences:
        if corpus.documents[sentence.document] is document and (
            one.verb in sentence.text or content(one.subject) <= sentence.words
        ):
            yield sentence.text
    for sentence in corpus.near(f"{one.subject} {one.verb}", 0.5):
        if len(own & sentence.words) >= 2 or one.verb in sentence.text:
            yield sentence.text


def hops(corpus: Corpus) -> Iterator[Hop]:
    """Questions that take two statements: what is asked of somebody or something is asked of the words for it elsewhere."""
    by_subject: dict[str, list[tuple[Document, Asked]]] = defaultdict(list)
    for pair in corpus.asked:
        by_subject[bare_name(pair[1].subject)].append(pair)
    for first in corpus.asked:
        words = described(first[1])
        if not words:
            continue
        for second in by_subject[bare_name(first[1].answer)]:
            asked = second[1]
            is_other = asked.slot not in ("holder", "letters") and (second[0], asked.start) != (first[0], first[1].start)
            if is_other and asked.question.count(asked.subject) == 1 and asked.answer.casefold() not in words.casefold():
                question = asked.question.replace(asked.subject, words)
                if not corpus_answers(corpus, question, asked.answer):
                    yield Hop(question, asked.answer, first, second)


def corpus_answers(corpus: Corpus, question: str, answer: str) -> bool:
    """Whether a single sentence answers a question that is to take two."""
    return any(answer.casefold() in sentence.text.casefold() for sentence in corpus.near(question))


def described(one: Asked) -> str:
    """The words for the answer of a question: "the longest river in Germany", "the person who founded X"; "" where none
    fit."""
    if one.slot == "holder":
        return re.sub(r"^(?:What|Who) (?:is|was) |\?$", "", one.question)
    if one.slot == "agent" and one.question.startswith("Who ") and is_person(one.answer):
        return f"the person who {one.question[4:-1]}"
    if one.slot == "agent" and one.question.startswith("By whom ") and is_person(one.answer):
        be, _, rest = one.question[8:-1].partition(" ")
        subject = one.subject
        return f"the person by whom {subject} {be} {rest[len(subject) :].strip()}" if rest.startswith(subject) else ""
    return ""


def follow_ups(corpus: Corpus) -> Iterator[tuple[tuple[Document, Asked], tuple[Document, Asked], str]]:
    """(first, second, the second's question as it follows the first): two statements of one subject, named once."""
    by_subject: dict[tuple[str, str], list[tuple[Document, Asked]]] = defaultdict(list)
    things = {one.subject for _, one in corpus.asked if one.slot == "definition" and one.question.startswith("What ")}
    people = {
        one.subject
        for _, one in corpus.asked
        if one.verb in ("born", "died")
        or one.question.startswith("Who ")
        or (is_person(one.subject) and one.subject not in things)
    }
    for pair in corpus.asked:
        if pair[1].subject and pair[1].slot not in ("letters", "holder"):
            by_subject[pair[0].id, bare_name(pair[1].subject)].append(pair)
    steps = [step for pairs in by_subject.values() for step in itertools.pairwise(pairs)]
    # dates of birth come last: they are many, and all alike
    for first, second in sorted(steps, key=lambda step: step[1][1].verb in ("born", "died")):
        question = "" if second[1].slot == "definition" else _with_pronoun(second[1], people)
        if question and first[1].question != second[1].question and first[1].answer != second[1].answer:
            yield first, second, question


def _with_pronoun(one: Asked, people: Container[str]) -> str:
    """The question with a pronoun for its subject; "" where none fits."""
    if one.question.count(one.subject) != 1 or f"{one.subject}'" in one.question or one.question.startswith("Who "):
        return ""
    if one.subject in people:
        be = {"was": "were", "does": "do"}
        verb, _, rest = one.question.partition(one.subject)
        words = verb.split()
        return " ".join([*words[:-1], be.get(words[-1], words[-1]), "they"]) + rest if words else ""
    plural = re.search(rf"\b(?:were|are|do) {re.escape(one.subject)}", one.question)
    return one.question.replace(one.subject, "they" if plural else "it")


def bare_name(name: str) -> str:
    """A name as subjects are compared: without its article, in lower case."""
    return name.removeprefix("the ").removeprefix("The ").casefold()


def shuffled(documents: Sequence[Document]) -> list[Document]:
    """Always the same order, unlike that of the files: the first folder is not all that gets asked about."""
    return sorted(documents, key=lambda document: digest("draft", document.id))


def in_turns(of: Callable[[Document], Iterable[T]], documents: Sequence[Document]) -> Iterator[tuple[Document, T]]:
    """What open documents hold, these taking turns, so that no long one fills the list."""
    queues = [(document, iter(of(document))) for document in shuffled([d for d in documents if not d.groups])]
    while queues:
        left = []
        for document, queue in queues:
            for one in itertools.islice(queue, 1):
                left.append((document, queue))
                yield document, one
        queues = left


def by_slot(asked: Iterable[tuple[Document, Asked]]) -> Iterator[tuple[Document, Asked]]:
    """The same, what is asked for taking turns: not all drafts ask for birthdays."""
    queues: dict[str, list[tuple[Document, Asked]]] = {}
    for pair in asked:
        slot = "life" if pair[1].verb in ("born", "died") else pair[1].slot
        queues.setdefault(slot, []).append(pair)
    for some in itertools.zip_longest(*queues.values()):
        yield from (pair for pair in some if pair is not None)
