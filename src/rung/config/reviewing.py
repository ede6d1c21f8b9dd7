"""The section `review` of `rung.yaml`: whose approval training and deployment wait for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReviewSettings(BaseModel):
    """High stakes: `required` holds training and deployment back until people approved what is trained on and what is
    deployed; `reviewers`: how many different people an approval takes, that of a draft too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    reviewers: int = Field(default=1, ge=1, le=10)
