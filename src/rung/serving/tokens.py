"""Who comes with a token of an identity provider (OIDC): a JWT, checked against the provider's published keys.

Nothing of a token is believed before its signature is checked by a key whose type belongs to its algorithm; then issuer,
audience and times. Signing algorithms are those of key pairs only: a shared secret, or none, is never one.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rung.config.serving import JwtSettings
from rung.errors import MissingExtra
from rung.records import Json
from rung.serving.callers import Caller
from rung.serving.headers import MAX_CREDENTIAL, not_good
from rung.serving.jwks import PublishedKeys

if TYPE_CHECKING:
    from joserfc.jws import JWSRegistry
    from joserfc.jwt import JWTClaimsRegistry

# algorithm -> the only type of key, and curve, that it may be checked with; Ed25519 is RFC 9864's name of the EdDSA there
ALGORITHMS: Mapping[str, tuple[str, str]] = {
    "RS256": ("RSA", ""),
    "PS256": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
LEEWAY = 60  # seconds that two clocks may differ
MAX_HEADER = 8_192  # bytes; providers put chains of certificates there
MAX_NAME = 200


class TokenIdentity:
    """Who comes with a token. `clock`: seconds since 1970."""

    def __init__(self, settings: JwtSettings, keys: PublishedKeys, *, clock: Callable[[], float] = time.time) -> None:
        try:
            from joserfc.errors import SecurityWarning
            from joserfc.jws import JWSRegistry
            from joserfc.jwt import JWTClaimsRegistry
        except ImportError as error:
            raise MissingExtra("serve", "checking tokens") from error
        # providers still name it so, and it is refused for every curve but Ed25519
        warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)
        self._settings, self._keys = settings, keys
        # what nobody understands in a header is to be ignored (RFC 7515, section 4), unless it is said to be critical
        self._rules: JWSRegistry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        self._rules.max_header_length = MAX_HEADER
        self._claims: JWTClaimsRegistry = JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": list(settings.audience)},
            exp={"essential": True},
            sub={"essential": True},
        )

    def of(self, token: str) -> Caller:
        """The caller that this token names.

        Raises:
            Refused: 401 where it is not good, for whatever reason, which only the log has; 503 where the provider's keys
                cannot be had.
        """
        if len(token) > MAX_CREDENTIAL:
            raise not_good(f"a token of {len(token):,} characters")
        from joserfc.errors import JoseError

        try:
            return self._caller(token)
        except (JoseError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise not_good(f"a token: {type(error).__name__}: {str(error)[:200]!r}") from error

    def _caller(self, token: str) -> Caller:
        from joserfc import jws, jwt

        header = jws.extract_compact(token.encode("ascii"), registry=self._rules).headers()
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise not_good(f"a token signed by {str(algorithm)[:20]!r}; it may be {', '.join(ALGORITHMS)}")
        if not isinstance(kid, str) or not kid:
            raise not_good("a token that does not say by which key it is signed (kid)")
        key = self._keys.find(kid, algorithm, *ALGORITHMS[algorithm])
        if key is None:
            raise not_good(f"a token signed by the key {kid[:80]!r}, which the provider does not publish for {algorithm}")
        claims: dict[str, Json] = jwt.decode(token, key, registry=self._rules).claims
        self._claims.validate(claims)
        name = claims["sub"]
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise not_good("a token whose subject is no name")
        return Caller(name, groups_in(claims, self._settings.groups_claim), told_by="token")


def groups_in(claims: Mapping[str, Json], path: str) -> frozenset[str]:
    """The groups that a token names: a list of texts, or one text with commas. Absent ones are none.

    Args:
        claims: of a token that was checked.
        path: the claim's name, dots leading into objects ("realm_access.roles"); a name that itself has dots is tried first.

    Raises:
        ValueError: what stands there names no groups.
    """
    value: Json = claims.get(path)
    if path not in claims:
        value = dict(claims)
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return frozenset()
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"the claim '{path}' is no list of groups")
    return frozenset(name.strip() for name in names if isinstance(name, str) and name.strip())
