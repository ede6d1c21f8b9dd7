"""The section `prices` of `rung.yaml`: what costs how much, of all models or of one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

OF_TOKENS = ("prompt_usd_per_million", "completion_usd_per_million", "cached_prompt_usd_per_million")
BATCH_PRICES = ("batch_prompt_usd_per_million", "batch_completion_usd_per_million")  # of comparisons alone: none of a rung's
HOURS = 730.5  # in a month


class PriceSettings(BaseModel):
    """Prices that Rung cannot know. None stays unknown; it never becomes 0."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    machine_usd_per_hour: float | None = Field(default=None, ge=0)
    prompt_usd_per_million: float | None = Field(default=None, ge=0)
    completion_usd_per_million: float | None = Field(default=None, ge=0)
    cached_prompt_usd_per_million: float | None = Field(default=None, ge=0)
    batch_prompt_usd_per_million: float | None = Field(default=None, ge=0)
    batch_completion_usd_per_million: float | None = Field(default=None, ge=0)
    hosting_usd_per_hour: float | None = Field(default=None, ge=0)
    hosting_hours_per_month: float = Field(default=HOURS, gt=0, le=744)
    hosting_tokens_per_second: float | None = Field(default=None, gt=0)
    machine_concurrency: float = Field(default=1, ge=1)
    gpu_usd_per_hour: float | None = Field(default=None, ge=0)
    labour_usd_per_hour: float | None = Field(default=None, ge=0)
    documents_hours: float | None = Field(default=None, ge=0)
    examples_hours: float | None = Field(default=None, ge=0)
    storage_usd_per_gb_month: float | None = Field(default=None, ge=0)
    months: float = Field(default=12, gt=0)
