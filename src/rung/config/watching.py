"""The section `watch` of `rung.yaml`: who is told when what is served drifts, and what looking may take."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rung.config.addresses import has_password

ELSEWHERE = "RUNG_WEBHOOK"  # the environment variable that goes before the file


class WatchSettings(BaseModel):
    """Whom `rung watch` tells, how old documents may be, and how many questions it asks of models behind servers.

    `canaries`: of each such model, in a look; 0: none. `judged`: answers that the judge is asked about, about so many of
    4,000; 0: it is not asked. `stale_days`: None: documents are old by what they say of themselves
    alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: str = ""
    stale_days: float | None = Field(default=None, gt=0, le=36_500)
    canaries: int = Field(default=20, ge=0, le=500)
    judged: int = Field(default=0, ge=0, le=2_000)

    @field_validator("webhook")
    @classmethod
    def _an_address(cls, webhook: str) -> str:
        if webhook and not re.match(r"https?://[^/\s]+\S*$", webhook):
            raise ValueError("must be an address, https://…")
        if has_password(webhook):
            raise ValueError(f"must hold no login: give the whole address by the environment variable {ELSEWHERE}")
        return webhook
