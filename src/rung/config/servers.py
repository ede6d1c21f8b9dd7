"""The section `server` of `rung.yaml`: with how much patience, and within which limits, a model server is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ServerSettings(BaseModel):
    """How to treat a model server."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    timeout_seconds: float = Field(default=60, gt=0)
    retries: int = Field(default=4, ge=0, le=20)
    concurrency: int = Field(default=8, ge=1, le=256)
    requests_per_minute: float | None = Field(default=None, gt=0)
    context_tokens: int = Field(default=8192, ge=256)
    reasoning_tokens: int = Field(default=0, ge=0, le=131072)
    api: Literal["chat", "responses"] = "chat"
    adapters_at: str = ""
    batch: bool = False
