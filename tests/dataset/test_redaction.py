"""What may stand in no trace is replaced in texts; what is like it and is none stays."""

from __future__ import annotations

import pytest

from rung.dataset.redaction import redacted
from rung.tracing.content import MAX_ALL, MAX_TEXT, Content

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----"
RUNG_KEY = "rung_0a1b2c3d4e5f_" + "Ab3-" * 10 + "xyz"


@pytest.mark.parametrize(
    "secret",
    [
        "ann.miller@corp.de",
        "4111 1111 1111 1111",
        "GB82 WEST 1234 5698 7654 32",
        "AKIAQ4EXAMP7LETWIN23",
        RUNG_KEY,
        "k7Qz2mNpR8sT4vWx",
        "MIIEvQIBADANBg",
        "kqhkiG9w0BAQEF",
    ],
)
def test_secrets_and_personal_data_are_replaced(secret: str) -> None:
    text = (
        "Ann (ann.miller@corp.de) paid with 4111 1111 1111 1111 or GB82 WEST 1234 5698 7654 32.\n"
        f"AKIAQ4EXAMP7LETWIN23 and {RUNG_KEY}\nAuthorization: Bearer k7Qz2mNpR8sT4vWx\n{KEY}\nShe wrote on 2026-11-29."
    )
    shown, count = redacted(text)
    assert secret not in shown
    assert secret[:12] not in shown
    assert count == 7
    assert shown.endswith("[a private key]\nShe wrote on 2026-11-29.")


def test_basic_and_a_long_word_are_no_credential() -> None:
    assert redacted("the basic non-discrimination-clause")[1] == 0
    assert redacted("Authorization: Basic dXNlcjpwYXNzd29yZA==")[0] == "Authorization: Basic [a credential]"


def test_a_key_without_an_end_is_replaced_to_the_end() -> None:
    assert redacted(KEY[:60])[0] == "[a private key]"


def test_an_ordinary_text_stays() -> None:
    text = "Order 20261129-4711 costs 9.50 euros; write to support@corp.de. Section 4.1.2 of version 10.2.3.4."
    assert redacted(text) == (text, 0)


def test_texts_are_masked_wherever_they_stand_and_counted() -> None:
    content = Content()
    kept = content.kept({"a": ["x", {"b@corp.de": "c@corp.de"}], "n": 3, "none": None})
    assert kept == {"a": ["x", {"[an e-mail address]": "[an e-mail address]"}], "n": 3, "none": None}
    assert (content.masked, content.cut) == (2, 0)


def test_all_texts_of_a_conversation_have_a_limit() -> None:
    content = Content()
    kept = content.kept({str(n): "x" * 30_000 for n in range(40)})
    lengths = [len(str(text)) for text in kept.values()]
    assert MAX_ALL - 30_000 < sum(lengths) <= MAX_ALL
    assert content.cut == 40 - lengths.count(30_000)
    assert lengths[-1] == 0


@pytest.mark.parametrize("before", [MAX_TEXT - 40, MAX_TEXT - 4, MAX_TEXT, MAX_TEXT + 500])
def test_a_cut_leaves_no_half_of_what_is_masked(before: int) -> None:
    content = Content()
    kept = content.kept({"a": "x" * before + " 4111 1111 1111 1111" + " y" * 2_000})["a"]
    assert isinstance(kept, str)
    assert len(kept) <= MAX_TEXT
    assert "4111" not in kept
    assert content.cut == 1
