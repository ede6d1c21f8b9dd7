"""The section `tuning` of one of the models of `rung.yaml`: its host tunes it, and answers by what came of that."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class TuningSettings(BaseModel):
    """How a model is tuned by its host.

    `base`: what the host calls the model that it tunes, where that is not the one that answers. `answers_as`: what it calls
    the tuned one, where somebody had to deploy it first. `bucket`, `role`: where Bedrock and Vertex read the files, and as
    whom Bedrock does. `usd_per_million_tokens`: of training, each pass counted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    base: str = ""
    answers_as: str = ""
    usd_per_million_tokens: float | None = Field(default=None, ge=0)
    bucket: str = ""
    role: str = ""

    @field_validator("bucket")
    @classmethod
    def _a_bucket(cls, bucket: str) -> str:
        if bucket and not re.fullmatch(r"(?:s3|gs)://[\w.-]+(?:/[\w./-]*)?", bucket):
            raise ValueError("must be s3://BUCKET/PREFIX (Bedrock) or gs://BUCKET/PREFIX (Vertex)")
        return bucket.rstrip("/")

    @field_validator("role")
    @classmethod
    def _a_role(cls, role: str) -> str:
        if role and not re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:role/.+", role):
            raise ValueError("must be the ARN of a role, as arn:aws:iam::123456789012:role/NAME")
        return role
