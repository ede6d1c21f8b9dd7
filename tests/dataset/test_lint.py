"""Does each check find what it is for, and let pass what merely looks like it?"""

from __future__ import annotations

import pytest

from rung.dataset import Finding, lint
from rung.dataset.balance import balance
from rung.dataset.credentials import masked, secrets
from rung.dataset.declining import declines
from rung.dataset.lint import Kind
from rung.dataset.minhash import candidates
from rung.dataset.near_duplicates import Read, near, normal
from rung.dataset.personal import personal
from rung.records import Case, Example, Message

FILE = "rows.jsonl"


def rows(*pairs: tuple[str, str], system: str = "", file: str = FILE) -> list[Example]:
    turns = (Message("system", system),) if system else ()
    return [
        Example(str(n), (*turns, Message("user", asked), Message("assistant", said)), place=f"{file}:{n}")
        for n, (asked, said) in enumerate(pairs, 1)
    ]


def found(examples: list[Example], kind: Kind, *cases: Case) -> list[tuple[int, ...]]:
    return [finding.rows for finding in lint(examples, cases).findings if finding.kind == kind]


def test_equal_rows_are_duplicates_whatever_case_and_white_space() -> None:
    examples = rows(("Is it dear?", "Yes."), ("Why?", "So."), ("is  it DEAR", "yes"), ("Is it dear?", "No."))
    assert found(examples, "duplicate") == []
    assert found(examples, "near_duplicate") == [(1, 3)]  # marks differ
    assert found(rows(("Is it dear?", "Yes."), ("is  it DEAR?", " yes.")), "duplicate") == [(1, 2)]
    assert found(examples, "contradiction") == [(1, 3, 4)]
    assert found(rows(("a b c", '{"x": 1, "y": [2]}'), ("a b c", '{"y":[2],"x":1}')), "contradiction") == []


def test_another_instruction_is_another_input() -> None:
    mixed = [*rows(("Hello there", "Hi"), system="Be kind."), *rows(("Hello there", "Go away"), system="Be rude.", file="b")]
    assert lint(mixed).findings == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset my password?", "How can I reset my password please?"),
        ("Where is the parcel that I ordered?", "Where is the parcell that I ordered?"),
        ("I want to return two shoes I bought", "i want to return two shoes i've bought!"),
        ("My card has been declined at the shop", "my cards have been declined at the shop"),
        (
            "Our coffee machine, bought in spring, leaks from below each morning since Monday; what can we do about it?",
            "Our coffee machine, bought in spring, leaks from beneath each morning since Monday; what can we do about it?",
        ),
    ],
)
def test_rewordings_are_near_duplicates(one: str, other: str) -> None:
    assert found(rows((one, "x"), ("something else entirely", "y"), (other, "x")), "near_duplicate") == [(1, 3)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I activate my card?", "How do I deactivate my card?"),
        ("How do I change my password?", "How do I change my pin?"),
        ("Cancel the order", "Track the order"),
        ("I can pay by card", "I can't pay by card"),
        ("Set an alarm for 7 in the morning", "Set an alarm for 9 in the morning"),
        ("Book a flight from Paris to Rome", "Book a flight from Rome to Paris"),
        ("What is the weather in Oslo today?", "What is the weather in Bergen today?"),
        ("yes", "no"),
        ("如何重置密码", "如何更改号码"),
    ],
)
def test_other_questions_that_look_alike_are_none(one: str, other: str) -> None:
    assert not near(Read(normal(one)), Read(normal(other)))


def test_nearly_equal_inputs_with_other_outputs_disagree_but_are_no_findings() -> None:
    told = lint(rows(("how do i verify my identity", "verify"), ("how can i verify my identity", "why_verify")))
    assert told.findings == ()
    assert [finding.rows for finding in told.disagreements] == [(1, 2)]


def test_long_outputs_may_differ_in_small_words_but_not_in_signs() -> None:
    sql = "SELECT name FROM people JOIN town ON home = id WHERE age {} 56 ORDER BY name"
    asked = ("List the people in town over some age, please", "List the people in the town over some age")
    assert found(rows((asked[0], sql.format(">")), (asked[1], sql.format(">"))), "near_duplicate") == [(1, 2)]
    assert found(rows((asked[0], sql.format(">")), (asked[1], sql.format("<"))), "near_duplicate") == []


def test_what_many_inputs_share_is_given_not_asked() -> None:
    schema = "Schema: people(id, name, age, home), town(id, name, country, mayor, people), road(id, start, end)"
    asked = ["count the mayors", "list every road", "names of the people", "which country is largest"]
    assert found(rows(*((f"{schema}\n{one}", "SELECT 1") for one in asked)), "near_duplicate") == []


def test_a_case_may_not_be_taught() -> None:
    case = Case("c", "How long may I return an unused item?", ("30 days",), place="cases.jsonl:1")
    long = Case(
        "d", "What is your policy?", ("We take back every item within thirty days of its delivery if it is unused.",)
    )
    examples = rows(
        ("how long may i return an unused item", "30 days"),
        ("How long can I return an unused item, please?", "30 days"),
        ("Answer by the text.\nQuestion: How long may I return an unused item?\nAnswer:", "30 days"),
        ("Tell me how it works", "We take back every item within thirty days of its delivery if it is unused."),
        ("How long may I return a used car?", "never"),
    )
    assert found(examples, "leak", case, long) == [(1,), (2,), (3,), (4,)]
    whys = [finding.why for finding in lint(examples, [case, long]).findings if finding.kind == "leak"]
    assert ["question" in why for why in whys] == [True, True, True, False]
    assert "(cases.jsonl:1)" in whys[0]


def test_a_follow_up_is_judged_with_the_turns_before_it() -> None:
    case = Case("c", "Yes, please", messages=(Message("user", "Shall I cancel?"), Message("assistant", "Shall I?")))
    assert found(rows(("Yes, please", "Done")), "leak", case) == []


def test_findings_over_files_name_the_others() -> None:
    both = [*rows(("a question", "b"), file="a.jsonl"), *rows(("x", "y"), ("a question", "b"), file="b.jsonl")]
    assert [(f.file, f.rows, f.why) for f in lint(both).findings] == [
        ("a.jsonl", (1,), "the same input and output (also b.jsonl:2)"),
        ("b.jsonl", (2,), "the same input and output (also a.jsonl:1)"),
    ]
    told = Finding("pii", (1,), "x", "a.jsonl").as_json(several=True)
    assert told == {"kind": "pii", "rows": [1], "file": "a.jsonl", "why": "a.jsonl: x"}


def test_rows_without_an_answer_are_empty_and_nothing_else() -> None:
    examples = rows(("a", ""), ("a", " "), ("b", "c"))
    examples.append(Example("4", (Message("user", "only asked"),), place=f"{FILE}:4"))
    told = lint(examples)
    assert [(f.kind, f.rows) for f in told.findings] == [("empty", (1,)), ("empty", (2,)), ("empty", (4,))]
    assert (told.rows, told.sound) == (4, 1)


def test_what_would_be_cut_is_told() -> None:
    assert [(f.kind, f.rows, f.why) for f in lint(rows(("a", "b")), too_long={0: "why"}).findings] == [
        ("too_long", (1,), "why")
    ]


REFUSING = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I cannot assist with that request.",
    "As an AI language model, I do not have personal opinions.",
    "I cannot provide that information.",
    "Sorry, but I'm unable to help you with this.",
    "I must decline to answer this.",
    "I don't know.",
    "I can't do that.",
    "That goes against my guidelines.",
    "Unfortunately, I am not able to fulfill this request.",
]
ANSWERING = [
    "I'm sorry to hear that. We will send a new one.",
    "We cannot refund an item after 30 days.",
    "Sorry for the delay: your parcel left today.",
    "You can't pay by cheque, but cards are fine.",
    "AI models are trained on text.",
    "I can help you with that!",
    "Unfortunately, the shop is closed on Sundays.",
]


@pytest.mark.parametrize("text", REFUSING)
def test_refusals_are_found(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize("text", ANSWERING)
def test_answers_are_no_refusals(text: str) -> None:
    assert not declines(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write to jane.doe@gmail.com", "e-mail"),
        ("write to jane.doe@example.com", "e-mail"),
        ("call +49 170 1234567 now", "phone"),
        ("call (415) 555-2671", "phone"),
        ("my number is 01632 960 983", "phone"),
        ("Phone: 4155552671", "phone"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN"),
        ("GB82WEST12345698765432", "IBAN"),
        ("ES9121000418450200051332 is what we have", "IBAN"),
        ("call 001-612-799-7220x03322", "phone"),
        ("call (0117)4960322", "phone"),
        ("card 4111 1111 1111 1111", "card"),
        ("378282246310005", "card"),
        ("card 180016070420458", "card"),  # JCB's older ones, of 15 digits
        ("my card number is 501800000009", "card"),  # Maestro's may have 12
        ("Phone:\n(71) 4233-6306", "phone"),
        ("Fax: 9498777106", "phone"),
        ("Tel.: (+86)28 85423680", "phone"),
        ("082 490 1693-Office", "phone"),
        ("781 1704 office\n12 Hoog St", "phone"),
        ("I want no messages to 699 956 915", "phone"),
        ("text me back on 781 1704.", "phone"),
        ("04 76 85 12 33", "phone"),
        ("0489 25 37 29", "phone"),
        ("SSN 123-45-6789", "social security"),
        ("I am at 203.0.113.42 today", "IP"),
        ("2001:db8:85a3:0:0:8a2e:370:7334", "IP"),
        ("date of birth: 12/03/1984", "birth"),
    ],
)
def test_personal_data_is_found(text: str, what: str) -> None:
    assert [what in name for name, _ in personal(text)] == [True]


def test_a_telephone_number_is_recognised_without_the_words_beside_it() -> None:
    assert list(personal("Mobile: 03.93.92.16.85, or message me on +44 7700 208815.")) == [
        ("a phone number", "+44 7700 208815"),
        ("a phone number", "03.93.92.16.85"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "cancel order 113542617735902",
        "invoice #00123842 of 2024-01-15 at 12:30:05",
        "write to support@acme.io or user@example.com",
        "DE89 3704 0044 0532 0130 01",
        "card 4111 1111 1111 1112",
        "my card number is 501800000008",
        "parcel 501800000009",
        "version 10.4.200.1, v1.2.3.4, section 3.4.5.6",
        "127.0.0.1 and 192.168.1.10",
        "48/2 = <<48/2=24>>24, then 1,250,000 - 999,000 = 251,000",
        "between 1000-2000 and 3000 - 4000 units at 12.50 each",
        "ISBN 978-3-16-148410-0",
        "@ada said 5 @ 3",
        "a clock in the brain. Cell 1998 93 791 804",
        "call me on 12.05.2024, or text us at 2024-05-12",
        "78-75-75-74=302, 1 250 000 people, 30/06/1980",
        "the answer is 12345678; the registered number 11311066",
        "Windows 2 000 000 home computers",
        "mysql://root:pa55word@db.host/app",
    ],
)
def test_numbers_of_things_are_not_personal(text: str) -> None:
    assert list(personal(text)) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("AKIA" + "IOSFODNN7EXAMPLE", "AWS"),
        ("ghp_" + "a1B2" * 9, "GitHub"),
        ("-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE", "private key"),
        ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "Stripe"),
        ("xoxb-" + "1234567890-abcdefghij", "Slack"),
        ("api_key = 'x8f3kq0Zl2m9Pq7rT4'", "'api_key'"),
        ('"password": "hunter2!Zq"', "'password'"),
        ("my password is Tr0ub4dor&3", "'password'"),
        ("postgres://bob:s3cr3tpw@db.host/x", "URL"),
        ("eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN", "web token"),
    ],
)
def test_secrets_are_found_and_never_shown(text: str, what: str) -> None:
    said = list(secrets(text))
    assert [what in name for name, _ in said] == [True]
    example = rows(("see", text))
    (finding,) = [f for f in lint(example).findings if f.kind == "secret"]
    assert said[0][1] not in finding.why
    assert masked(said[0][1]) in finding.why


@pytest.mark.parametrize(
    "text",
    [
        "my password is wrong",
        "The password must have 8 characters",
        "api_key = YOUR_API_KEY_1",
        "token: ${TOKEN_2}",
        "reset_password_123",
        "the access token expired after 3600 seconds",
        "password=<your password 1>",
        "secret: changeme1",
    ],
)
def test_talk_of_secrets_is_none(text: str) -> None:
    assert list(secrets(text)) == []


def test_labels_that_are_rare_are_named() -> None:
    told = lint(rows(*((f"question number {n} on topic {n * 7}", "yes" if n % 10 else "no") for n in range(1, 31))))
    assert [(f.kind, f.rows) for f in told.findings] == [("imbalance", (10, 20, 30))]
    assert told.labels is not None
    assert told.labels.counts == (("yes", 27), ("no", 3))


def test_even_labels_and_free_text_are_not_unbalanced() -> None:
    even = balance(["a", "b", "c"] * 10)
    assert even is not None
    assert even.why == ""
    assert balance([f"answer {n}" for n in range(30)]) is None
    assert balance(["a long answer of many words that is no label at all"] * 30) is None
    assert balance(["yes"] * 5) is None


def test_candidates_hold_every_pair_that_shares_most() -> None:
    texts = [f"an utterance about topic {n} with some words of its own {n * n}" for n in range(300)]
    texts += [text.replace("some words", "some word") for text in texts[:50]]
    pairs = set(candidates(texts))
    assert {(n, 300 + n) for n in range(50)} <= pairs
    assert all(a < b for a, b in pairs)
    across = set(candidates(texts, across=300))
    assert {(n, 300 + n) for n in range(50)} <= across
    assert all(a < 300 <= b for a, b in across)
    assert list(candidates(["alone"])) == []
