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
_MARK = "rung"  # the key of a job's metadata that holds its mark
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
        """The marker is the suffix of the model's name; OpenAI shows it before that has one, too."""
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
            body["metadata"] = {_MARK: job.marker}
        return required(self.api.post(_JOBS, body, once=True), "id", self.api.endpoint.url)

    def find(self, job: Submission) -> str:
        """By its mark, in the list of jobs. Where a host shows none, the newest that learns from its file: a job of another
        mark is another attempt, or learns with other settings from the same file."""
        unmarked = ""
        for row in listed(self.api.get, _JOBS, pages=MAX_PAGES):
            marks = _marks(row)
            if job.marker in marks:
                return text(row.get("id"))
            is_likely = not marks and row.get("training_file") == job.train and row.get("id") not in job.former
            unmarked = unmarked or (text(row.get("id")) if is_likely else "")
        return unmarked

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


def _marks(row: Mapping[str, Json]) -> set[str]:
    """What a job says that it, or what came of it, was to be called: the suffix, or parts of `ft:base:team:suffix:id`."""
    named = (text(row.get(key)) for key in ("user_provided_suffix", "suffix", "fine_tuned_model"))
    parts = {text(mapping(row.get("metadata")).get(_MARK)), *(part for name in named for part in name.split(":")[-4:])}
    return {part for part in parts if part.startswith("rung-")}
