"""Secrets in a text: keys and tokens known by their form, and whatever is given as a password and looks like one.

A table of its own rather than a dependency: the forms are few, public and stable, and scanners of source code look line by
line for more kinds of noise than a chat has.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

KNOWN: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (what, hints, re.compile(pattern))  # a hint is in every text that the pattern matches: looking for it is quick
    for what, hints, pattern in (
        ("a private key", ("PRIVATE KEY",), r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
        (
            "an AWS access key",
            ("AKIA", "ASIA", "ABIA", "ACCA"),
            r"(?<![A-Za-z0-9/+])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{3}[A-Z0-9]{13}(?![A-Za-z0-9/+])",
        ),
        (
            "a GitHub token",
            ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            r"\b(?:gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{40,255})",
        ),
        (
            "a GitLab token",
            ("glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glsoat-"),
            r"\bgl(?:pat|ptt|dt|rt|cbt|soat)-[A-Za-z0-9_-]{20,}",
        ),
        ("a Slack token", ("xox", "xapp-"), r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}"),
        (
            "a Slack webhook",
            ("hooks.slack",),
            r"hooks\.slack\.com/(?:services|workflows)/T[A-Za-z0-9_]+/[A-Za-z0-9_]+/[A-Za-z0-9_]+",
        ),
        (
            "a Stripe key",
            ("k_live_", "k_test_", "whsec_"),
            r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9]{24,}",
        ),
        ("an Anthropic key", ("sk-ant-",), r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
        ("an OpenAI key", ("sk-",), r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
        (
            "a Google key",
            ("AIza", "ya29.", "GOCSPX-"),
            r"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{20,}",
        ),
        ("a Rung key", ("rung_",), r"\brung_[0-9a-f]{12}_[A-Za-z0-9_-]{43}"),
        ("a Hugging Face token", ("hf_",), r"\bhf_[A-Za-z0-9]{30,}"),
        ("an npm token", ("npm_",), r"\bnpm_[A-Za-z0-9]{36}"),
        ("a package index token", ("pypi-",), r"\bpypi-[A-Za-z0-9_-]{50,}"),
        ("a SendGrid key", ("SG.",), r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,}"),
        ("a Twilio key", ("SK", "AC"), r"\b(?:SK|AC)[0-9a-f]{32}\b"),
        ("a DigitalOcean token", ("_v1_",), r"\bdo[opr]_v1_[a-f0-9]{64}"),
        ("a Telegram token", (":AA",), r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{32,33}(?![A-Za-z0-9_-])"),
        ("an Azure key", ("Key=",), r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}"),
        ("a JSON web token", ("eyJ",), r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
        (
            "a password in a URL",
            ("://",),
            r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:(?![^\s@]*(?:password|<|\{|\*))[^\s:/@]{3,128}@[\w.-]+",
        ),
    )
)
_ASSIGNED = re.compile(
    r"(?i)(?<![A-Za-z])(?P<name>(?:[\w-]{0,30}[_-])?(?:api[ _-]?key|apikey|secret(?:[ _-]?(?:access[ "
    r"_-]?)?key)?|access[ _-]?(?:key|token)"
    r"|auth[ _-]?token|client[ _-]?secret|private[ _-]?key|token|bearer|passw(?:or)?d|pwd|passphrase|credentials?))"
    r"['\"]?(?: is|\s*[:=]=?>?)\s*(?:bearer )?(?P<quote>['\"`]?)(?P<value>[^\s'\"`,;<>{}()\[\]]{6,200})(?P=quote)"
)
_HINTS = ("key", "secret", "token", "bearer", "passw", "pwd", "passphrase", "credential")
_ANY = tuple({hint.casefold() for hint in (*(h for _, hints, _ in KNOWN for h in hints), *_HINTS)})
_PASSWORDS = re.compile(r"(?i)passw|pwd|passphrase|credential")
_PLACEHOLDER = re.compile(
    r"(?i)your|example|changeme|placeholder|redacted|dummy|sample|insert|replace|xxx|\*\*\*|\.\.\.|…|"
    r"^\$|^%|^env|os\.|process\.|getenv"
    r"|^(?:null|none|true|false|required|optional|string|password|passwd|secret|token|invalid|"
    r"incorrect|wrong|expired|correct)\W*$"
)
PASSWORD_BITS, KEY_BITS = 2.3, 3.0  # of entropy a character; words have less


def secrets(text: str) -> Iterator[tuple[str, str]]:
    """(what it is, the characters) of every secret that is recognised, each once."""
    folded = text.casefold()
    if not any(hint in folded for hint in _ANY):  # some ten times as quick as one pattern of them all
        return
    taken: list[tuple[int, int]] = []
    for what, hints, pattern in KNOWN:
        for match in pattern.finditer(text) if any(hint in text for hint in hints) else ():
            if not any(start < match.end() and match.start() < end for start, end in taken):
                taken.append(match.span())
                yield what, match[0]
    for match in _ASSIGNED.finditer(text) if any(hint in folded for hint in _HINTS) else ():
        inside = any(start < match.end() and match.start() < end for start, end in taken)
        if not inside and _is_secret(match["name"], match["value"]):
            yield f"a value for '{match['name']}'", match["value"]


def masked(text: str) -> str:
    """Enough of a secret or of personal data to find it, and no more.

    >>> masked("AKIAIOSFODNN7EXAMPLE")
    'AK…LE'
    """
    return f"{text[:2]}…{text[-2:]}" if len(text) > 6 else "…"


def _is_secret(name: str, value: str) -> bool:
    """Whether a value given under such a name is random enough; a word, a place holder or a sentence's next word is not."""
    value = value.rstrip(".!?:")
    kinds = sum(
        (any(map(str.isdigit, value)), any(map(str.islower, value)), any(map(str.isupper, value)), not value.isalnum())
    )
    if _PLACEHOLDER.search(value) or kinds < 2 or not any(map(str.isdigit, value)):
        return False
    if _PASSWORDS.search(name):
        return len(value) >= 6 and _bits(value) >= PASSWORD_BITS
    return len(value) >= 12 and _bits(value) >= KEY_BITS


def _bits(value: str) -> float:
    """Shannon entropy of the characters, in bits each."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
