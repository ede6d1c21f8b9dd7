"""What a model server says when it does not answer, in whichever form it says it: its own words, and what they concern.

An error may come with an HTTP status of its own, within a body of status 200, in an event of a stream, or as a web page of
something between here and the server.
"""

from __future__ import annotations

import email.utils
import html
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rung.records import Json
from rung.text.parsing import json_of

AGAIN, NEVER = (408, 409, 425, 429), (501, 505, 511)  # statuses worth another try, besides 500 and above; and not
_LONGEST_ASKED = 300.0  # seconds that a server may ask to wait
LONGEST = 300  # characters of a server's words that are shown
_BUSY_CODES = re.compile(r"rate.?limit|too.?many|overload|server_error|internal_error|unavailable|timeout|engine_error")
_BUSY_WORDS = re.compile(
    r"overload|rate.?limit|too many requests|temporar|unavailable|try again|retry|capacity|timed? ?out|\bbusy\b"
    r"|loading model|internal (?:server )?error",
    re.IGNORECASE,
)
_SPENT = re.compile(
    r"insufficient.?(?:quota|balance|credit|funds)|billing.?(?:hard.?limit|not.?active)"
    r"|credit balance is too low|out of credits|payment required",
    re.IGNORECASE,
)
_OVER_QUOTA = re.compile(r"exceeded your (?:current )?quota", re.IGNORECASE)
_FOR_A_WHILE = re.compile(r"retry|per.?minute|per.?second|rate.?limit", re.IGNORECASE)  # Google says both in one breath
_NO_MODEL = re.compile(
    r"model_not_found|invalid model name|model identifier is invalid|on-demand throughput|DeploymentNotFound"
    r"|(?:no such|unknown|unsupported) model|no model (?:named|called)|server is pinned to ['\"]"
    r"|\bmodel:? ['\"`“]?[\w./:@+-]+['\"`”]? (?:was |is )?"
    r"(?:not found|(?:does|do)(?: not|n['’]t) exist|not loaded|not available|not supported)",
    re.IGNORECASE,
)
_NO_KEY = re.compile(
    r"invalid.?api.?key|incorrect api key|authentication_error|unauthorized|api.?key (?:is )?not (?:valid|found)"
    r"|api.?key (?:is |has )?expired|api_key_invalid",
    re.IGNORECASE,
)
_EXPIRED = re.compile(r"expired", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|model_context_window_exceeded|prompt is too long|input is too long"
    r"|(?:maximum|max|available|exceeds? the|exceeds? its|model['’]s) context (?:length|size|window)"
    r"|exceeds the maximum number of (?:input )?tokens",
    re.IGNORECASE,
)
_DELAY = re.compile(r'"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"')  # Google's RetryInfo
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|(?:does|do)(?: not|n['’]t) support|unavailable|unrecogni[sz]ed|unknown|unexpected"
    r"|extra inputs|not permitted|not allowed|no longer|not implemented|is deprecated|only the default",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a server did not answer. `status`: the HTTP status; where that was 200, the one that its error names (0: none).

    `code` is its own name of the error, `param` the parameter that it names, `words` what it says of it.
    """

    status: int
    words: str
    code: str = ""
    param: str = ""
    inside: bool = False  # within a body of status 200

    def __str__(self) -> str:
        words = f": {self.words}" if self.words else ""
        if not self.inside:
            return f"HTTP {self.status}{words}"
        return f"the server answered with an error{f' {self.status}' if self.status else ''}{words}"

    @property
    def is_too_long(self) -> bool:
        """Whether the prompt has more tokens than the model reads."""
        return bool(_TOO_LONG.search(f"{self.code} {self.words}"))

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed a little later."""
        if self.is_spent:
            return False
        if self.status:
            return self.status in AGAIN or (self.status >= 500 and self.status not in NEVER)
        return bool(_BUSY_CODES.search(self.code.lower()) or _BUSY_WORDS.search(self.words))

    @property
    def is_spent(self) -> bool:
        """Whether there is no money or quota left: waiting does not help."""
        text = f"{self.code} {self.words}"
        over = _OVER_QUOTA.search(text) and not _FOR_A_WHILE.search(text)
        return self.status == 402 or bool(over or _SPENT.search(text))

    @property
    def is_about_the_key(self) -> bool:
        """Whether the key is missing or wrong."""
        return self.status in (401, 403) or (self.status in (0, 400) and bool(_NO_KEY.search(f"{self.code} {self.words}")))

    @property
    def is_about_the_model(self) -> bool:
        """Whether the server has no such model, or nothing at this path."""
        return self.status == 404 or (self.status in (0, 400, 422) and bool(_NO_MODEL.search(f"{self.code} {self.words}")))

    @property
    def is_expired(self) -> bool:
        """Whether the key is one that was good once."""
        return self.status in (401, 403) and bool(_EXPIRED.search(f"{self.code} {self.words}"))

    def refuses(self, parameter: str) -> bool:
        """Whether it does not know or take a parameter at all, whatever its value; `parameter`: its name, an expression."""
        if self.status not in (400, 422, 501):
            return False
        named = re.fullmatch(parameter, self.param) or re.search(rf"\b(?:{parameter})\b", self.words)
        return bool(named and _UNSUPPORTED.search(f"{self.code} {self.words}"))


def complaint(status: int, text: str) -> Complaint:
    """What a response with an error's status says.

    >>> str(complaint(422, '{"detail": [{"loc": ["body", "n"], "msg": "Field required"}]}'))
    'HTTP 422: body.n: Field required'
    >>> str(complaint(502, "<html><title>Bad gateway</title><body>nginx</body></html>"))
    'HTTP 502: (a web page) Bad gateway: Bad gateway nginx'
    """
    try:
        value = json_of(text)
    except ValueError:
        return Complaint(status, words_of(text))
    taken = _taken(value)
    return Complaint(status, taken.words or shortened(text), taken.code, taken.param)


def asked_to_wait(headers: Mapping[str, str], text: str = "") -> float | None:
    """Seconds that a server asks to wait, at most five minutes: `retry-after-ms` (OpenAI, Anthropic), Retry-After in
    seconds or as a date (RFC 9110, 10.2.3), or Google's RetryInfo in the body. None: it does not say.

    >>> asked_to_wait({"retry-after": "2"}), asked_to_wait({}, '{"retryDelay": "7.5s"}'), asked_to_wait({})
    (2.0, 7.5, None)
    """
    delay = _DELAY.search(text)
    for asked, unit in ((headers.get("retry-after-ms"), 1e-3), (headers.get("retry-after"), 1.0), (delay and delay[1], 1.0)):
        try:
            seconds = float(asked or "") * unit
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(asked or "").timestamp() - time.time()
            except ValueError:
                continue
        return min(max(0.0, seconds), _LONGEST_ASKED)
    return None


def error_within(value: Json | Mapping[str, Json]) -> Complaint | None:
    """The error that a body (or an event of a stream) of status 200 holds in the place of an answer; None without one.

    >>> str(error_within({"error": {"message": "overloaded", "code": 503}}))
    'the server answered with an error 503: overloaded'
    """
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if not isinstance(value, dict):
        return None
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict):
        return _inside(first) if first.get("error") else None
    is_error = value.get("error") or value.get("object") == "error" or value.get("type") == "error"
    return _inside(value) if is_error else None


def words_of(text: str) -> str:
    """A text that is no JSON, as words: a web page without its tags.

    >>> words_of("<html>gateway</html>")
    '(a web page) gateway'
    """
    if not re.search(r"<(?:!doctype|html|head|body|title|h1)\b", text, re.IGNORECASE):
        return shortened(text)
    title = _TITLE.search(text)
    body = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text)))
    parts = [" ".join(part.split()) for part in (html.unescape(title[1]) if title else "", body)]
    return shortened(f"(a web page) {': '.join(dict.fromkeys(part for part in parts if part))}")


def shortened(text: str) -> str:
    """On one line, and not too long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[:LONGEST]}…"


def _inside(value: dict[str, Json]) -> Complaint:
    taken = _taken(value)
    return Complaint(taken.status, taken.words or shortened(json.dumps(value)), taken.code, taken.param, inside=True)


def _taken(value: Json) -> Complaint:
    """The first of the forms in which servers put an error that fits."""
    if isinstance(value, list) and len(value) == 1:  # Google's
        value = value[0]
    if isinstance(value, str):
        return Complaint(0, shortened(value))
    if not isinstance(value, dict):
        return Complaint(0, "")
    inner = value.get("error")
    held = inner if isinstance(inner, dict) else value
    words = next((text for key in ("message", "detail", "error", "errors", "msg") if (text := _message(held.get(key)))), "")
    codes = [held.get(key) for key in ("code", "status", "status_code", "type")]
    number = next((int(c) for c in codes if isinstance(c, (int, str)) and re.fullmatch(r"[45]\d\d", str(c))), 0)
    named = " ".join(str(c) for c in codes if isinstance(c, str) and not c.isdigit())
    param = held.get("param")
    return Complaint(number, shortened(words), named, param if isinstance(param, str) else "")


def _message(value: Json) -> str:
    if isinstance(value, list):
        return "; ".join(part for part in map(_message, value) if part)
    if isinstance(value, dict):
        where = value.get("loc")
        what = next((text for key in ("message", "msg", "detail", "error") if (text := _message(value.get(key)))), "")
        return ": ".join(part for part in (".".join(_path(where)), what) if part)
    return value.strip() if isinstance(value, str) else ""


def _path(where: Json) -> Iterator[str]:
    if isinstance(where, list):
        yield from map(str, where)
