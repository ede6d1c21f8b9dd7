"""The section `serve` of `rung.yaml`: whom the server lets in beside those with a key, and what it keeps of answers."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JwtSettings(_Section):
    """Whose tokens are taken (OIDC): issued by whom, for whom, checked with which keys; which claim names the groups."""

    issuer: str = ""
    audience: tuple[str, ...] = ()
    jwks: str = ""
    groups_claim: str = Field(default="groups", min_length=1)

    @field_validator("audience", mode="before")
    @classmethod
    def _one_or_several(cls, audience: object) -> object:
        return (audience,) if isinstance(audience, str) else audience

    @field_validator("jwks")
    @classmethod
    def _kept_safe(cls, jwks: str) -> str:
        if "://" in jwks and not re.match(r"https://[^/]|http://(localhost|127\.0\.0\.1|\[::1\])([:/]|$)", jwks):
            raise ValueError("must be https://…, or http:// on this machine: who can change keys on their way is let in")
        return jwks

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        required = {"issuer": self.issuer, "audience": self.audience and all(self.audience), "jwks": self.jwks}
        missing = [key for key, value in required.items() if not value]
        if missing and self.model_fields_set:
            raise ValueError(f"needs {' and '.join(missing)} too: tokens are checked by all of issuer, audience and jwks")
        return self


class ProxySettings(_Section):
    """Which machines say by headers who asks, since they have checked it, and in which ones. None: nobody is believed."""

    addresses: tuple[str, ...] = ()
    user: str = "X-User"
    groups: str = "X-Groups"

    @field_validator("addresses")
    @classmethod
    def _networks(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            ip_network(address)
        return addresses

    @field_validator("user", "groups")
    @classmethod
    def _a_header(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or name.lower() in ("authorization", "x-api-key", "cookie"):
            raise ValueError("must be the name of a header such as X-User")
        return name


class TracesSettings(_Section):
    """What is kept of each answer, and for how long. `content`: texts too, masked; `sample`: of traces, those with a failure
    always."""

    content: bool = False
    sample: float = Field(default=1, ge=0, le=1)
    days: float = Field(default=30, gt=0, le=36_500)
    rows: int = Field(default=1_000_000, ge=1, le=1_000_000_000)


class RetentionSettings(_Section):
    """For how many days is kept what deployments are judged by: `observations`, an answer's end and seconds, without a word
    of it, and in a trial a digest of who asked; `differences`, a question with both answers, where the one in the shadow
    answered otherwise."""

    observations: float = Field(default=365, gt=0, le=36_500)
    differences: float = Field(default=30, gt=0, le=36_500)


class CacheSettings(_Section):
    """Answers given again to an equal request of equal rights: for so many `seconds` (0: never), at most so many."""

    seconds: float = Field(default=0, ge=0, le=30 * 86_400)
    answers: int = Field(default=10_000, ge=1, le=1_000_000)


class ServeSettings(_Section):
    """Who is let in by `rung serve` beside those with a key, and what is kept of answers."""

    jwt: JwtSettings = JwtSettings()
    proxy: ProxySettings = ProxySettings()
    traces: TracesSettings = TracesSettings()
    retention: RetentionSettings = RetentionSettings()
    cache: CacheSettings = CacheSettings()
