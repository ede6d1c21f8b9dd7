"""Amazon Bedrock's model customisation, for Nova. Files lie in a bucket of S3; requests are signed (`models.aws`).

Read 2026-11-30: AWS's own description of the API (botocore 1.44: CreateModelCustomizationJob and its neighbours), its pages
on preparing data for Nova (user and assistant in turn, the user first; reserved words), on Nova 2 (no rows held out, no
tools), on hyperparameters (1 to 5 passes).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rung.errors import UserError
from rung.models import aws
from rung.models.http_calls import Outgoing
from rung.models.vendors import Vendor
from rung.models.wire.bedrock import Converse
from rung.models.wire.shapes import text
from rung.records import Json
from rung.training.hosted.host_api import HostApi, bucket_and_key, required
from rung.training.hosted.protocol import FileRules, JobState, Phase, Submission, TuningFile

_JOBS = "control:/model-customization-jobs"
_PHASES: Mapping[str, Phase] = {"Completed": "succeeded", "Failed": "failed", "Stopped": "cancelled"}
_S3 = Vendor(name="s3", wire=Converse(), keys={"AWS_ACCESS_KEY_ID": ""}, wants_key=False)


@dataclass
class Bedrock:
    """Amazon Bedrock. `bucket`: s3://BUCKET/PREFIX; `role`: the ARN of the role that reads it."""

    api: HostApi
    base: str
    bucket: str
    role: str

    name = "bedrock"
    wire = Converse()
    takes = ("epochs", "learning_rate")
    deploys = "deploy it there (on demand, or with provisioned throughput), and say its ARN: 'tuning: {answers_as: …}'"
    rules = FileRules(
        source="https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html, 2026-11-30",
        weighs=False,
        validates=False,
        max_epochs=5,
        reserved=("User:", "Bot:", "Assistant:", "System:", "<image>", "<video>", "[EOS]"),
    )

    @property
    def identity(self) -> str:
        """See `TuningHost`."""
        return f"{self.api.endpoint.url}/model-customization-jobs#{self.base}"

    def check(self) -> None:
        """It reads files from a bucket, as a role."""
        if not self.bucket.startswith("s3://"):
            raise UserError("bedrock reads what it learns from a bucket: say 'tuning: {bucket: s3://BUCKET/PREFIX}'")
        if not self.role:
            raise UserError("bedrock reads the bucket as a role: say 'tuning: {role: arn:aws:iam::ACCOUNT:role/NAME}'")

    def upload(self, file: TuningFile) -> str:
        """Into the bucket; the same file is written over."""
        bucket, key = bucket_and_key(self.bucket, file.name)
        instead = os.environ.get("AWS_ENDPOINT_URL_S3", "").rstrip("/")
        root = f"{instead}/{bucket}" if instead else f"https://{bucket}.s3.{aws.region()}.amazonaws.com"
        headers = aws.signed("PUT", f"{root}/{key}", file.content, service="s3")
        self.api.store(root, _S3, Outgoing("PUT", f"{root}/{key}", file.content, headers=headers))
        return f"s3://{bucket}/{key}"

    def quote(self, job: Submission) -> float | None:  # noqa: ARG002 - the protocol's
        """It foretells none."""
        return None

    def start(self, job: Submission) -> str:
        """The marker is the job's name, the model's, and the token by which a second request is the first one again."""
        hyper = job.named({"epochs": "epochCount", "learning_rate": "learningRate"})
        body: dict[str, Json] = {
            "jobName": job.marker,
            "customModelName": job.marker,
            "roleArn": self.role,
            "clientRequestToken": job.marker,
            "baseModelIdentifier": self.base,
            "customizationType": "FINE_TUNING",
            "trainingDataConfig": {"s3Uri": job.train},
            "outputDataConfig": {"s3Uri": f"{self.bucket}/{job.marker}"},
            "hyperParameters": {name: str(value) for name, value in hyper.items()},
        }
        required(self.api.post(_JOBS, body, once=True), "jobArn", self.api.endpoint.url)
        return job.marker

    def find(self, job: Submission) -> str:
        """By its name."""
        return job.marker if self.api.has_job(f"{_JOBS}/{job.marker}") else ""

    def state(self, id: str) -> JobState:
        """See `TuningHost`."""
        job = self.api.job(f"{_JOBS}/{id}")
        status = text(job.get("status"))
        return JobState(
            _PHASES.get(status, "running"),
            model=text(job.get("outputModelArn")),
            reason=text(job.get("failureMessage")),
            note=status,
        )

    def cancel(self, id: str) -> None:
        """See `TuningHost`."""
        self.api.end(f"{_JOBS}/{id}/stop")
