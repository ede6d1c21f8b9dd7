"""OpenAI's `/fine_tuning/jobs`, and hosts that have the same below their base URL.

Read 2026-11-30: the types of OpenAI's own client (openai 3.57: `JobCreateParams`, `FineTuningJob`), its guide to supervised
fine-tuning (at least 10 rows). OpenAI itself takes no new jobs from 2027-01-06: see `hosts.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rung.models.wire.chat import ChatCompletions
from rung.models.wire.shapes import listed, mapping, text
from rung.records import Json
from rung.training.hosted.host_api import MAX_PAGES, HostApi, required
from rung.training.hosted.protocol import FileRules, JobState, Phase, Submission, TuningFile

_JOBS = "/fine_tuning/jobs"
_PHASES: Mapping[str, Phase] = {
    "validating_files": "queued",
    "queued": "queued",
    "pending": "queued",
    "running": "running",
    "paused": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}


@dataclass
class OpenAIShape:
    """OpenAI, or a host of its shape (`is_compatible`: settings stand where older versions of the API had them)."""

    api: HostApi
    base: str
    name: str = "openai"
    is_compatible: bool = False

    wire = ChatCompletions()
    takes = ("epochs", "batch_rows", "seed")
    deploys = ""
    rules = FileRules(
        source="https://developers.openai.com/api/docs/guides/supervised-fine-tuning, read 2026-11-30",
        min_rows=10,
        max_file_bytes=512 * 2**20,
        max_row_tokens=65_536,
    )

    @property
    def identity(self) -> str:
        """See `TuningHost`."""
        return f"{self.api.endpoint.url}{_JOBS}#{self.base}"

    def check(self) -> None:
        """Nothing but the key is needed."""

    def upload(self, file: TuningFile) -> str:
        """`/files`, for the purpose `fine-tune`."""
        return required(self.api.send_form_for("/files", {"purpose": "fine-tune"}, file), "id", self.api.endpoint.url)

    def quote(self, job: Submission) -> float | None:  # noqa: ARG002 - the protocol's
        """It foretells none."""
        return None

    def start(self, job: Submission) -> str:
        """The marker is the suffix of the model's name."""
        hyper = job.named({"epochs": "n_epochs", "batch_rows": "batch_size"})
        body: dict[str, Json] = {"model": self.base, "training_file": job.train, "suffix": job.marker}
        if job.validation:
            body["validation_file"] = job.validation
        if "seed" in job.settings:
            body["seed"] = job.settings["seed"]
        if self.is_compatible:
            body["hyperparameters"] = hyper
        else:
            body["method"] = {"type": "supervised", "supervised": {"hyperparameters": hyper}}
        return required(self.api.post(_JOBS, body, once=True), "id", self.api.endpoint.url)

    def find(self, job: Submission) -> str:
        """By the file that it learns from, in the list of jobs: the newest comes first."""
        jobs = listed(self.api.get, _JOBS, pages=MAX_PAGES)
        return next((text(row.get("id")) for row in jobs if row.get("training_file") == job.train), "")

    def state(self, id: str) -> JobState:
        """See `TuningHost`."""
        job = self.api.job(f"{_JOBS}/{id}")
        status, error = text(job.get("status")), mapping(job.get("error"))
        reason = ": ".join(filter(None, (text(error.get("code")), text(error.get("message")))))
        tokens = job.get("trained_tokens")
        return JobState(
            _PHASES.get(status, "running"),
            model=text(job.get("fine_tuned_model")),
            reason=reason,
            tokens=tokens if isinstance(tokens, int) else None,
            note=status,
        )

    def cancel(self, id: str) -> None:
        """See `TuningHost`."""
        self.api.end(f"{_JOBS}/{id}/cancel")
