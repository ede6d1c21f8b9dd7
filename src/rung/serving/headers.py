"""What a request says of who sends it: one credential, of one header.

What is said twice, in two ways or in characters that no credential has is refused: a server and what stands before it might
each read another one of them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from rung.serving.callers import Refused

AUTHORIZATION, API_KEY = "authorization", "x-api-key"
NOT_GOOD = "no valid credential: send one as 'Authorization: Bearer KEY' or 'x-api-key: KEY'"
MAX_CREDENTIAL = 16_384  # characters; what is longer is refused before anything of it is read
log = logging.getLogger(__name__)
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)  # RFC 6750, section 2.1
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")


def credential(headers: Mapping[str, str]) -> str:
    """The key or token that a request comes with; "" where it comes with none.

    Args:
        headers: names in whatever case; a mapping whose `items` has a name more than once, as Starlette's, shows them all.

    Raises:
        Refused: 401, it comes with several, or with what is no credential.
    """
    bearer, plain = single(headers, AUTHORIZATION), single(headers, API_KEY)
    given = [_matched(_BEARER, bearer)] if bearer is not None else []
    given += [_matched(_TOKEN, plain)] if plain is not None else []
    if len(set(given)) > 1:
        raise unauthorized(f"two different credentials: send one of '{AUTHORIZATION}' and '{API_KEY}'")
    return given[0] if given else ""


def single(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value; None where it is not there.

    Raises:
        Refused: 401, it is there more than once.
    """
    values = [value for key, value in headers.items() if key.lower() == name.lower()]
    if len(values) > 1:
        raise unauthorized(f"the header '{name}' stands more than once")
    return values[0] if values else None


def unauthorized(message: str) -> Refused:
    """A refusal that says how to come in."""
    return Refused(401, message, headers={"WWW-Authenticate": "Bearer"})


def not_good(why: str) -> Refused:
    """A refusal that is the same for every credential; why it is none, the log alone says."""
    log.warning("refused: %s", why)
    return unauthorized(NOT_GOOD)


def _matched(form: re.Pattern[str], value: str) -> str:
    match = form.fullmatch(value.strip()) if len(value) <= MAX_CREDENTIAL else None
    if match is None:
        raise unauthorized("the credential is too long, or has characters that none has")
    return match[match.lastindex or 0]
