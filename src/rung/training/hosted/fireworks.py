"""Fireworks' `supervisedFineTuningJobs`.

Read 2026-11-30: https://docs.fireworks.ai/fine-tuning/fine-tuning-via-api (files under 150 MB), its fine-tuning-models page
(3 rows to 3 million; the system's turn first; a tuned model answers on a deployment of one's own alone), its client
(fireworks-ai 1.2.30).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rung.errors import ServerError, UserError
from rung.models.http_retries import RequestFailed
from rung.models.wire.chat import ChatCompletions
from rung.models.wire.shapes import mapping, text
from rung.records import Json
from rung.training.hosted.host_api import HostApi
from rung.training.hosted.protocol import FileRules, JobState, Phase, Submission, TuningFile

_PHASES: Mapping[str, Phase] = {
    "JOB_STATE_CREATING": "queued",
    "JOB_STATE_CREATING_INPUT_DATASET": "queued",
    "JOB_STATE_PENDING": "queued",
    "JOB_STATE_VALIDATING": "queued",
    "JOB_STATE_RE_QUEUEING": "queued",
    "JOB_STATE_COMPLETED": "succeeded",
    "JOB_STATE_EARLY_STOPPED": "succeeded",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
    "JOB_STATE_DELETING": "cancelled",
    "JOB_STATE_DELETING_CLEANING_UP": "cancelled",
}
_LOOKS = 60  # at a file that is being taken in, a second apart at most


@dataclass
class Fireworks:
    """Fireworks."""

    api: HostApi
    base: str

    name = "fireworks"
    wire = ChatCompletions()
    takes = ("epochs", "learning_rate", "rank")
    deploys = "deploy it there, on a deployment of your own, and say its name under 'tuning: {answers_as: …}'"
    rules = FileRules(
        source="https://docs.fireworks.ai/fine-tuning/fine-tuning-models, read 2026-11-30",
        min_rows=3,
        max_rows=3_000_000,
        max_file_bytes=150 * 2**20,
    )

    @property
    def identity(self) -> str:
        """See `TuningHost`."""
        return f"{self.api.endpoint.url}/supervisedFineTuningJobs#{self.base}"

    def check(self) -> None:
        """The account is part of every path."""
        _ = self._home

    @property
    def _home(self) -> str:
        return f"//v1/{self._account}"

    @property
    def _account(self) -> str:
        account = os.environ.get("FIREWORKS_ACCOUNT_ID")
        if not account:
            raise UserError("fireworks: no account is named: set FIREWORKS_ACCOUNT_ID to the id of yours")
        return f"accounts/{account}"

    def upload(self, file: TuningFile) -> str:
        """A data set is made, the file put into it, and looked at until it is ready."""
        id = file.name.removesuffix(".jsonl")
        path, name = f"{self._home}/datasets/{id}", f"{self._account}/datasets/{id}"
        body: dict[str, Json] = {
            "datasetId": id,
            "dataset": {"userUploaded": {}, "exampleCount": str(file.rows), "format": "CHAT"},
        }
        try:
            self.api.post(f"{self._home}/datasets", body, once=True)
        except RequestFailed as error:
            if error.complaint is None or error.complaint.status != 409:  # it is there from an earlier try
                raise
        if text(self.api.get(path).get("state")) == "READY":
            return name
        self.api.send_form(f"{path}:upload", {}, file)
        for look in range(_LOOKS):
            dataset = self.api.get(path)
            if text(dataset.get("state")) == "READY":
                return name
            if text(mapping(dataset.get("status")).get("code")) not in ("", "OK"):
                raise ServerError(f"fireworks does not take the file: {text(mapping(dataset.get('status')).get('message'))}")
            time.sleep(min(1.0, 0.05 * 2**look))
        raise ServerError(f"fireworks has not taken the file in ({name}) after {_LOOKS} looks: run the command again later")

    def quote(self, job: Submission) -> float | None:  # noqa: ARG002 - the protocol's
        """It foretells none before the job is there."""
        return None

    def start(self, job: Submission) -> str:
        """The marker is the job's id: a second one of that id is refused."""
        body: dict[str, Json] = {
            "dataset": job.train,
            "baseModel": self.base,
            "displayName": job.marker,
            "outputModel": f"{self._account}/models/{job.marker}",
            **job.named({"epochs": "epochs", "learning_rate": "learningRate", "rank": "loraRank"}),
        }
        if job.validation:
            body["evaluationDataset"] = job.validation
        path = f"{self._home}/supervisedFineTuningJobs?supervisedFineTuningJobId={job.marker}"
        self.api.post(path, body, once=True)
        return job.marker

    def find(self, job: Submission) -> str:
        """By its id."""
        return job.marker if self.api.has_job(f"{self._home}/supervisedFineTuningJobs/{job.marker}") else ""

    def state(self, id: str) -> JobState:
        """See `TuningHost`."""
        job = self.api.job(f"{self._home}/supervisedFineTuningJobs/{id}")
        state, percent = text(job.get("state")), mapping(job.get("jobProgress")).get("percent")
        return JobState(
            _PHASES.get(state, "running"),
            model=text(job.get("outputModel")),
            reason=text(mapping(job.get("status")).get("message")),
            note=f"{state.removeprefix('JOB_STATE_').lower()}{f' {percent} %' if isinstance(percent, int) else ''}",
        )

    def cancel(self, id: str) -> None:
        """See `TuningHost`."""
        self.api.end(f"{self._home}/supervisedFineTuningJobs/{id}:cancel")
