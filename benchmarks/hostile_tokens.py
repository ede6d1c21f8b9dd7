"""Tokens that are wrong in one way each, and one that is right: for `hostile_requests`, all of our own making."""

from __future__ import annotations

import base64
import hmac
import json
import random
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

ISSUER, AUDIENCE = "https://login.example.com/", "rung"


class Tokens:
    """The tokens of a provider whose keys are made here."""

    def __init__(self) -> None:
        self._rsa = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
        self._ec = ECKey.generate_key("P-256", {"kid": "ec"})
        self._other = RSAKey.generate_key(2048, {"kid": "rsa"})

    def published(self) -> bytes:
        """The JWKS."""
        return json.dumps(KeySet([self._rsa, self._ec]).as_dict(private=False)).encode()

    def good(self) -> str:
        """A token of a caller without groups."""
        return self._signed(self._rsa, "RS256", groups=[])

    def bad(self, rng: random.Random) -> list[str]:
        """Each claims the group staff, and is to be refused."""
        now, good = int(time.time()), self._signed(self._rsa, "RS256")
        head, claims, signature = good.split(".")
        richer = _part({**_claims(), "groups": ["staff", "partners"]})
        return [
            self._signed(self._rsa, "RS256", exp=now - 3_600),
            self._signed(self._rsa, "RS256", nbf=now + 3_600),
            self._signed(self._rsa, "RS256", iss="https://evil.example/"),
            self._signed(self._rsa, "RS256", aud="other"),
            self._signed(self._rsa, "RS256", sub=""),
            self._signed(self._rsa, "RS256", exp="never"),
            self._signed(self._other, "RS256"),
            self._signed(self._rsa, "RS256", header={"kid": "../../jwks.json"}),
            self._signed(self._rsa, "RS256", header={"kid": "ec"}),
            self._signed(self._other, "RS256", header={"kid": "x", "jku": "https://evil.example/jwks"}),
            self._signed(self._other, "RS256", header={"kid": "rsa", "jwk": self._other.as_dict(private=False)}),
            self._with_the_public_key(),
            f"{_part({'alg': 'none', 'kid': 'rsa'})}.{_part(_claims())}.",
            f"{head}.{richer}.{signature}",
            f"{head}.{claims}.",
            f"{head}.{claims}.{signature[:-4]}AAAA",
            f"{head}.{claims}",
            f"{good}.{good}",
            "..",
            "a.b.c",
            ".".join(base64.urlsafe_b64encode(rng.randbytes(60)).decode().rstrip("=") for _ in range(3)),
        ]

    def _signed(self, key: Any, algorithm: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
        head = {"alg": algorithm, "kid": key.kid, **(header or {})}
        return jwt.encode(head, {**_claims(), **claims}, key, algorithms=[algorithm])

    def _with_the_public_key(self) -> str:
        """Signed by HS256, the secret being what everybody may read."""
        signed = f"{_part({'alg': 'HS256', 'kid': 'rsa'})}.{_part(_claims())}"
        signature = hmac.digest(self._rsa.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _claims() -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "exp": int(time.time()) + 86_400, "groups": ["staff"]}


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
