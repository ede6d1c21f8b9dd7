"""Help pages and policies as questions: what their readers ask, what is left alone, headings, tables, near misses."""

from __future__ import annotations

import pytest

from rung.commands.asked_headings import answers, heading_question
from rung.commands.asked_statements import asked_of
from rung.commands.draft_cases import draft
from rung.commands.draft_checks import Corpus
from rung.commands.guide_misses import guide_misses
from rung.commands.stated_facts import facts
from rung.records import Document
from rung.text.persons import is_instruction, to_reader
from rung.text.prose import plain, prose

ASKED = [
    ("Standard delivery takes 3 to 5 working days.", "How long does standard delivery take?", "3 to 5 working days"),
    ("Express delivery costs 9.90 EUR per parcel.", "How much does express delivery cost?", "9.90 EUR per parcel"),
    (
        "Returns are accepted within 30 days of delivery.",
        "Within what time are returns accepted?",
        "within 30 days of delivery",
    ),
    ("Gift cards are valid for three years.", "How long are gift cards valid?", "three years"),
    ("Our support desk is open from 9 am to 5 pm.", "When is your support desk open?", "from 9 am to 5 pm"),
    ("We ship to 12 countries in Europe.", "How many countries do you ship to in Europe?", "12"),
    ("Parcels over 30 kg are sent by freight.", "How are parcels over 30 kg sent?", "by freight"),
    ("The showroom is on Harbour Street 4.", "Where is the showroom?", "on Harbour Street 4"),
    ("The default port is 8080 on all machines.", "What is the default port?", "8080 on all machines"),
    ("Reset codes expire after 10 minutes.", "When do reset codes expire?", "after 10 minutes"),
    ("Passwords must be changed every 90 days.", "How often must passwords be changed?", "every 90 days"),
    ("You have 30 days to return an item.", "How long do I have to return an item?", "30 days"),
    ("It takes 3 days to cancel an order.", "How long does it take to cancel an order?", "3 days"),
    ("You can add up to five users per account.", "How many users can I add per account?", "up to five"),
    ("You can pay by card or bank transfer.", "How can I pay?", "by card or bank transfer"),
    ("You can find invoices in your account settings.", "Where can I find invoices?", "in your account settings"),
    ("We answer letters within two weeks.", "Within what time do you answer letters?", "within two weeks"),
    (
        *("If you forgot your password, select **Forgot password** on the sign-in page.",),
        *("What should I do if I forgot my password?", "select Forgot password on the sign-in page"),
    ),
    (*("If you want to close your account, write to us.", "How can I close my account?", "write to us"),),
    ("To delete your account, go to [Settings](/settings).", "How do I delete my account?", "go to Settings"),
    (
        *(
            "If you lose a parcel, your deposit will be kept.",
            "What happens if I lose a parcel?",
            "your deposit will be kept",
        ),
    ),
]


@pytest.mark.parametrize(("sentence", "question", "answer"), ASKED, ids=lambda value: str(value)[:40])
def test_what_readers_of_a_guide_ask(sentence: str, question: str, answer: str) -> None:
    asked = {one.question: one.answer for one in asked_of(sentence, 0)}
    assert asked.get(question) == answer, asked


@pytest.mark.parametrize(
    "sentence",
    [
        "If this happens, select the first entry of the list.",  # what?
        "Once you are on the account page, select the entry that you want.",  # a step after another
        "If you are in doubt, please reach out to your manager.",
        "To update the plugin, remove it and add it again.",  # which one?
        "To continue, follow step 3 followed by step 4 of the page.",
        "If you use Duo, see {% page x %} for the codes.",  # a template
        "To open it, visit <https://a.example/b> and sign in.",
        "If you specify `n`, your server will not use a certificate.",
        "The summit of the mountain is located in the south of Norway.",
        "It takes a while until everything is done and sent.",
    ],
)
def test_what_cannot_be_asked_by_itself_is_left_alone(sentence: str) -> None:
    assert list(asked_of(sentence, 0)) == []


def test_a_name_that_begins_a_sentence_keeps_its_capital() -> None:
    (one,) = asked_of("Alta is located on Route 16 north of the bridge.", 0, common=frozenset({"the", "bridge"}))
    assert one.question == "Where is Alta located?"


def test_wrapped_lines_are_one_sentence_and_short_lines_are_not() -> None:
    text = "Returns are accepted in all of our shops and by mail\nwithin 30 days.\n\nShort line\nAnother\n- an item\n"
    assert [text[a:b] for a, b in prose(text)] == [
        "Returns are accepted in all of our shops and by mail\nwithin 30 days.",
        "Short line",
        "Another",
        "- an item",
    ]


@pytest.mark.parametrize(
    ("markdown", "read"),
    [
        ("* See [the *long* list](https://a/b(c)) of `codes`.", "See the long list of codes."),
        ("![An image](a.png) of it", "An image of it"),
        ("Open {{ site.url }} now.", ""),
        ("A snake_case_name and 2*3*4 stay.", "A snake_case_name and 2*3*4 stay."),
    ],
)
def test_markdown_as_it_is_read(markdown: str, read: str) -> None:
    assert plain(markdown) == read


def test_you_is_i_and_we_is_you() -> None:
    assert to_reader("you gave us your number and we text you a code") == "I gave you my number and you text me a code"
    assert is_instruction("you must call")
    assert not is_instruction("you may get a letter")


PAGE = """\
# How do I cancel an order?

Open the order in your account and press
Cancel before it is packed. More below.

## Can I change the address?

Thanks for asking!

## How to track a parcel

Use the number of the parcel on the carrier's page.

## What is a locker?

Lockers are not open on Sundays.

## When is this reviewed?

Every year in May.

| service | price | used by | how |
|---|---|---|---|
| Express | **9 EUR** | all | see [here](https://a.example) |
| `code` | 3 EUR | none | x |

| step | owner |
|---|---|
| Packing | Ada Byron |
"""


def test_headings_and_tables_are_asked_where_they_answer() -> None:
    asked = {fact.question: fact.answer for fact in facts(Document("page.md", PAGE))}
    assert asked == {
        "How do I cancel an order?": "Open the order in your account and press Cancel before it is packed.",
        "How do I track a parcel?": "Use the number of the parcel on the carrier's page.",
        "What is the price of Express?": "9 EUR",
    }


@pytest.mark.parametrize(
    ("question", "sentence", "answered"),
    [
        ("Why is my parcel late?", "Storms may keep ships in port.", True),
        ("Why is my parcel late?", "Parcels travel by ship.", False),
        ("When do you ship?", "Orders leave on Monday.", True),
        ("When do you ship?", "Orders leave by ship.", False),
        ("How much is express?", "Express is 9 EUR.", True),
        ("How much is express?", "Express is fast.", False),
        ("Do you ship abroad?", "No.", True),
        ("Do you ship abroad?", "Great question about where to ship.", False),
        ("What if I lose a parcel?", "If a parcel is lost, call the carrier.", True),
        ("What is express mail?", "Express mail is a service by air.", True),
        ("How do I pay?", "Do the following steps.", False),
    ],
)
def test_whether_a_sentence_is_of_the_kind_that_is_asked_for(question: str, sentence: str, answered: bool) -> None:
    assert answers(question, sentence) is answered
    assert heading_question(question) == question


def test_what_it_costs_is_a_near_miss_where_nothing_says_so() -> None:
    told = "To cancel an order, call the shop.\n\nStandard delivery takes 3 days by mail."
    misses = [miss.question for miss in guide_misses(Corpus([Document("a", told)]))]
    assert "How much does it cost to cancel an order?" in misses
    free = f"{told}\n\nIt is free."
    assert not any("cost" in miss.question for miss in guide_misses(Corpus([Document("a", free)])))


def test_short_help_pages_give_drafts() -> None:
    page = "\n\n".join(sentence for sentence, _, _ in ASKED)
    drafts = draft(None, [Document("help.md", page)], each=12, by="rules", excluded=frozenset()).drafts
    assert sum(one.kind == "answerable" for one in drafts) == 12
    assert all(one.quote in page for one in drafts)
