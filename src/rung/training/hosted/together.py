"""Together's `/fine-tunes`.

Read 2026-11-30: Together's own client (together 3.1.1: `/v1/fine-tunes`, `/v1/files` with its redirection to where the file
is put, `/v1/fine-tunes/estimate-price`), https://docs.together.ai/docs/fine-tuning-pricing (tokens of all passes, no least
price).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rung.errors import ServerError
from rung.models.http_calls import Outgoing
from rung.models.http_retries import RequestFailed
from rung.models.wire.chat import ChatCompletions
from rung.models.wire.shapes import rows, text
from rung.records import Json
from rung.training.hosted.host_api import HostApi, required
from rung.training.hosted.protocol import FileRules, JobState, Phase, Submission, TuningFile

_JOBS = "/fine-tunes"
_PHASES: Mapping[str, Phase] = {
    "pending": "queued",
    "queued": "queued",
    "running": "running",
    "compressing": "running",
    "uploading": "running",
    "cancel_requested": "running",
    "cancelled": "cancelled",
    "user_error": "failed",
    "error": "failed",
    "completed": "succeeded",
}


@dataclass
class Together:
    """Together."""

    api: HostApi
    base: str

    name = "together"
    wire = ChatCompletions()
    takes = ("epochs", "learning_rate", "rank", "alpha", "batch_rows", "seed")
    deploys = ""
    rules = FileRules(
        source="https://docs.together.ai/docs/fine-tuning, and its client 3.1.1, read 2026-11-30",
        max_file_bytes=5 * 2**30,  # larger ones go in parts
    )

    @property
    def identity(self) -> str:
        """See `TuningHost`."""
        return f"{self.api.endpoint.url}{_JOBS}#{self.base}"

    def check(self) -> None:
        """Nothing but the key is needed."""

    def upload(self, file: TuningFile) -> str:
        """It says where the file is put, and is told when it lies there. A file of the same content is there already."""
        fields = {
            "purpose": "fine-tune",
            "file_name": file.name,
            "file_type": "jsonl",
            "checksum": hashlib.sha256(file.content).hexdigest(),
        }
        try:
            answer = self.api.send_form("/files", fields, redirects=True)
        except RequestFailed as error:
            if error.complaint is not None and error.complaint.status == 409 and (there := self._named(file.name)):
                return there
            raise
        id, location = answer.headers.get("x-together-file-id", ""), answer.sends_to
        if not id or "://" not in location:
            raise ServerError(f"{self.api.endpoint.url}/files does not say where the file is put: its API may have changed")
        self.api.client.call(Outgoing("PUT", location, file.content, headers={"Content-Type": "application/octet-stream"}))
        self.api.post(f"/files/{id}/preprocess", {})
        return id

    def _named(self, name: str) -> str:
        listed = rows(self.api.get("/files").get("data"))
        return next((text(row.get("id")) for row in listed if row.get("filename") == name), "")

    def quote(self, job: Submission) -> float | None:
        """`/fine-tunes/estimate-price`, where it has looked at the file already."""
        body: dict[str, Json] = {"training_file": job.train, "model": self.base, "n_epochs": job.settings.get("epochs", 1)}
        if job.validation:
            body |= {"validation_file": job.validation, "n_evals": 1}
        try:
            answer = self.api.post(f"{_JOBS}/estimate-price", body)
        except RequestFailed:
            return None
        usd = answer.get("estimated_total_price") if answer.get("estimation_available") else None
        return float(usd) if isinstance(usd, int | float) else None

    def start(self, job: Submission) -> str:
        """LoRA on all linear layers, the answers alone learnt."""
        settings = job.settings
        body: dict[str, Json] = {
            "model": self.base,
            "training_file": job.train,
            "suffix": job.marker,
            "n_epochs": settings.get("epochs", 1),
            "n_checkpoints": 1,
            "training_method": {"method": "sft", "train_on_inputs": False},
        }
        if job.validation:
            body |= {"validation_file": job.validation, "n_evals": 1}
        if isinstance(rank := settings.get("rank"), int):
            alpha = settings.get("alpha", 2 * rank)
            body["training_type"] = {
                "type": "Lora",
                "lora_r": rank,
                "lora_alpha": alpha,
                "lora_trainable_modules": "all-linear",
            }
        body |= job.named({"learning_rate": "learning_rate", "batch_rows": "batch_size", "seed": "random_seed"})
        return required(self.api.post(_JOBS, body, once=True), "id", self.api.endpoint.url)

    def find(self, job: Submission) -> str:
        """By the file that it learns from, in the list of jobs."""
        listed = rows(self.api.get(_JOBS).get("data"))
        mine = (row for row in listed if row.get("training_file") == job.train)  # of one content there is one file
        called = re.compile(rf"{re.escape(job.marker)}(?!\d)")  # the eleventh attempt is not the first
        same = next((row for row in mine if called.search(f"{row.get('suffix')} {row.get('model_output_name')}")), None)
        return text(same.get("id")) if same else ""

    def state(self, id: str) -> JobState:
        """See `TuningHost`."""
        job = self.api.job(f"{_JOBS}/{id}")
        status = text(job.get("status"))
        events = [text(event.get("message")) for event in rows(job.get("events"))]
        tokens = job.get("token_count")
        return JobState(
            _PHASES.get(status, "running"),
            model=text(job.get("model_output_name")) or text(job.get("model_object_name")),
            reason=events[-1] if events else "",
            tokens=tokens if isinstance(tokens, int) else None,
            note=status,
        )

    def cancel(self, id: str) -> None:
        """See `TuningHost`."""
        self.api.end(f"{_JOBS}/{id}/cancel")
