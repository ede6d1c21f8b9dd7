"""Vertex AI's `tuningJobs`, for Gemini. Files lie in a bucket of Cloud Storage.

Read 2026-11-30: https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/projects.locations.tuningJobs, the page on
supervised tuning of Gemini (131,072 tokens a row, 1 GB, a million rows of text, 5,000 held out, adapter sizes 1 to 16),
`tunings` of Google's client (google-genai 3.6).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from rung.errors import UserError
from rung.models import google_cloud
from rung.models.http_calls import Outgoing
from rung.models.wire.gemini import Gemini
from rung.models.wire.shapes import listed_by_token, mapping, text
from rung.records import Json
from rung.training.hosted.host_api import MAX_PAGES, HostApi, bucket_and_key, required
from rung.training.hosted.protocol import FileRules, JobState, Phase, Submission, TuningFile

_STORAGE = "https://storage.googleapis.com"
_SIZES = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN"}
_PHASES: Mapping[str, Phase] = {
    "JOB_STATE_QUEUED": "queued",
    "JOB_STATE_PENDING": "queued",
    "JOB_STATE_SUCCEEDED": "succeeded",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "succeeded",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
}


@dataclass
class Vertex:
    """Gemini on Vertex AI. `bucket`: gs://BUCKET/PREFIX."""

    api: HostApi
    base: str
    bucket: str

    name = "vertex"
    wire = Gemini()
    takes = ("epochs", "rank")
    deploys = ""
    rules = FileRules(
        source="https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-text-models-supervised, read 2026-11-30",
        max_rows=1_000_000,
        max_row_tokens=131_072,
        max_file_bytes=2**30,
        max_validation_rows=5_000,
        ranks=tuple(_SIZES),
        weighs=False,
    )

    @property
    def identity(self) -> str:
        """See `TuningHost`."""
        return f"{self.api.endpoint.url}/{self._home}/tuningJobs#{self.base}"

    def check(self) -> None:
        """It reads files from a bucket."""
        _ = self._home
        if not self.bucket.startswith("gs://"):
            raise UserError("vertex reads what it learns from a bucket: say 'tuning: {bucket: gs://BUCKET/PREFIX}'")

    @property
    def _home(self) -> str:
        return f"projects/{google_cloud.project()}/locations/{google_cloud.location()}"

    def upload(self, file: TuningFile) -> str:
        """Into the bucket; the same file is written over."""
        bucket, key = bucket_and_key(self.bucket, file.name)
        root = os.environ.get("STORAGE_EMULATOR_HOST") or _STORAGE
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
        self.api.store(root.rstrip("/"), self.api.endpoint.vendor, Outgoing("POST", path, file.content, "application/jsonl"))
        return f"gs://{bucket}/{key}"

    def quote(self, job: Submission) -> float | None:  # noqa: ARG002 - the protocol's
        """It foretells none."""
        return None

    def start(self, job: Submission) -> str:
        """The marker is the tuned model's display name."""
        hyper: dict[str, Json] = {"epochCount": str(job.settings["epochs"])} if "epochs" in job.settings else {}
        if (rank := job.settings.get("rank")) is not None:
            hyper["adapterSize"] = f"ADAPTER_SIZE_{_SIZES[int(str(rank))]}"
        spec: dict[str, Json] = {"trainingDatasetUri": job.train, "hyperParameters": hyper}
        if job.validation:
            spec["validationDatasetUri"] = job.validation
        body: dict[str, Json] = {
            "baseModel": self.base,
            "supervisedTuningSpec": spec,
            "tunedModelDisplayName": job.marker,
        }
        return required(self.api.post(f"/v1/{self._home}/tuningJobs", body, once=True), "name", self.api.endpoint.url)

    def find(self, job: Submission) -> str:
        """By the display name, in the list of jobs."""
        jobs = listed_by_token(self.api.get, f"/v1/{self._home}/tuningJobs", "tuningJobs", pages=MAX_PAGES)
        return next((text(row.get("name")) for row in jobs if row.get("tunedModelDisplayName") == job.marker), "")

    def state(self, id: str) -> JobState:
        """See `TuningHost`. What answers is the endpoint that the job made."""
        job = self.api.job(f"/v1/{id}")
        state, tuned = text(job.get("state")), mapping(job.get("tunedModel"))
        statistics = mapping(mapping(job.get("tuningDataStats")).get("supervisedTuningDataStats"))
        tokens = text(statistics.get("totalBillableTokenCount"))
        return JobState(
            _PHASES.get(state, "running"),
            model=text(tuned.get("endpoint")) or text(tuned.get("model")),
            reason=text(mapping(job.get("error")).get("message")),
            tokens=int(tokens) if tokens.isdecimal() else None,
            note=state.removeprefix("JOB_STATE_").lower(),
        )

    def cancel(self, id: str) -> None:
        """See `TuningHost`."""
        self.api.end(f"/v1/{id}:cancel")
