"""Self-made replay: what a model answers before it is tuned, mixed in among what it learns, so that it keeps answering so.

General prompts, put together from the topics and forms below, are answered by the base itself, greedily; an answer that
does not keep to the form that its prompt asks for, or does not end, teaches nothing and is left out. No text of anybody
else is learnt (self-distillation for rehearsal: Huang and others 2024, arXiv:2403.01244). None of the prompts is one of
the probe that measures forgetting.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rung.models.weights import SMOLLM2
from rung.records import Example, Json, Message, digest
from rung.records.steps import Conversation, Generate, generate
from rung.training.following import follows

VERSION = 1  # raise it when the prompts are others
MAX_TOKENS = 200  # of an answer
MOST = 400  # different chats
PROMPTS_A_CHAT = 2.8  # of the shipped model's answers 36 in 100 end and keep to what was asked
FEWEST = 8  # prompts that are asked together
MOST_ROUNDS = 3  # of prompts: a model that answers none of so many answers none of more
SHIPPED = Path(__file__).parent / "self_chats.jsonl"  # of smollm2-135m-instruct, by benchmarks/self_chats.py

_TOPICS = (
    *("rivers", "bicycles", "bread", "the moon", "libraries", "coffee", "trains", "honey bees", "glass", "winter"),
    *("chess", "volcanoes", "cotton", "maps", "elephants", "bridges", "salt", "the violin", "rain", "gardening"),
    *("lighthouses", "paper", "potatoes", "deserts", "clocks", "cheese", "football", "dinosaurs", "silk", "photography"),
    *("swimming", "soap", "castles", "oranges", "steam engines", "whales", "poetry", "the human heart", "money", "islands"),
    *("cameras", "mountains", "apples", "the Roman Empire", "electricity", "owls", "rice", "theatre", "magnets", "sleep"),
    *("painting", "ships", "spiders", "a school", "earthquakes", "chocolate", "running", "weather", "languages", "forests"),
    *("batteries", "a hospital", "dogs", "tea", "astronomy", "fishing", "shoes", "wind power", "museums", "mathematics"),
    *("a birthday party", "tomatoes", "the desert fox", "aeroplanes", "vaccines", "a small shop", "camping", "recycling"),
)

Form = tuple[str, Mapping[str, Json]]  # a prompt with {topic}, {number}, {name}, and the check that its answer has to pass
_FORMS: tuple[Form, ...] = (
    ("Tell me something about {topic} in two sentences.", {"kind": "prose", "sentences": 2}),
    ("Explain {topic} to a child of ten, in three sentences.", {"kind": "prose", "sentences": 2}),
    ("Why do people care about {topic}? Answer in one or two sentences.", {"kind": "prose", "sentences": 1}),
    ("What should one know about {topic}? Answer in a short paragraph.", {"kind": "prose", "sentences": 2}),
    ("Sum up in a sentence or two what you know about {topic}.", {"kind": "prose", "sentences": 1}),
    ("Write a very short story, of four sentences, in which {topic} play a part.", {"kind": "prose", "sentences": 3}),
    ("Write a note of three sentences to {name} about {topic}.", {"kind": "prose", "sentences": 2}),
    ("Give {number} facts about {topic} as a numbered list.", {"kind": "numbered", "least": 3}),
    ("List {number} words that have to do with {topic}, as a bulleted list.", {"kind": "list", "least": 3}),
    ("Name {number} things that somebody needs for {topic}. Write a list.", {"kind": "list", "least": 3}),
    ("Describe {topic} in one sentence of at most 30 words.", {"kind": "words", "most": 30}),
    ("Write a headline about {topic} in at most 12 words.", {"kind": "words", "most": 12}),
    (
        'Write a JSON object about {topic} with the keys "name" and "description".',
        {"kind": "json", "keys": ["name", "description"]},
    ),
    ('Write a JSON object with the keys "topic" and "year" for {topic}.', {"kind": "json", "keys": ["topic", "year"]}),
    ("Write a poem of four lines about {topic}.", {"kind": "lines", "least": 4}),
    ("Write a dialogue of four lines about {topic}, between {name} and a friend.", {"kind": "lines", "least": 4}),
)
_NAMES = ("Mira", "Jonas", "Aisha", "Pedro", "Lucy", "Tom")
_NUMBERS = {3: "three", 4: "four", 5: "five"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A general prompt, and the form that an answer to it has to keep."""

    text: str
    check: Mapping[str, Json]


def general_prompts() -> tuple[Asked, ...]:
    """All prompts, shuffled: every topic in every form. The first so many are of all forms, each about as often."""
    pairs = [(form, topic) for topic in _TOPICS for form in range(len(_FORMS))]
    rng = random.Random(digest("self replay", VERSION, 0))
    rng.shuffle(pairs)
    prompts: list[Asked] = []
    for form, topic in pairs:
        text, check = _FORMS[form]
        name, number = rng.choice(_NAMES), rng.choice(list(_NUMBERS))
        filled: dict[str, Json] = dict(check)
        if "{number}" in text and "least" in check:
            filled["least"] = number
        prompts.append(Asked(text.format(topic=topic, name=name, number=_NUMBERS[number]), filled))
    return tuple(prompts)


def answered_by_itself(prompt: Asked) -> Conversation[Example | None]:
    """A chat of a model with itself: prompt and greedy answer; None where that does not end, or does not keep its form."""
    result = yield from generate(Generate((Message("user", prompt.text),), max_tokens=MAX_TOKENS))
    text = result.text.strip()
    if result.completion_tokens >= MAX_TOKENS or not follows(text, prompt.check):
        return None
    return Example(f"self:{digest(prompt.text)[:12]}", (Message("user", prompt.text), Message("assistant", text)))


def chats_for(rows: int, share: float) -> int:
    """Different chats that are replayed so that they are that share of all rows; beyond `MOST` they come again."""
    return min(MOST, math.ceil(rows * share / (1 - share)))


def prompts_for(chats: int) -> int:
    """Prompts to ask so that about so many answers end and keep their form."""
    return max(FEWEST, math.ceil(chats * PROMPTS_A_CHAT))


def shipped(model: str) -> Path | None:
    """The file of chats that a packaged model gave to these very prompts; None for any other model."""
    return SHIPPED if model == SMOLLM2.name else None
