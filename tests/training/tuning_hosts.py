"""Hosts on this machine that tune, each by the API that it documents: files are taken in, jobs queue, run and end.

A host keeps every file, refuses rows that are none of its form, starts a job for each request to start one, and says what
`phases` tell it to; what is `odd` about it happens once, at the first request that the words are in.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.models.listening import Listening

CLOSE = "close"  # an odd reply: the request is carried out, and the connection ends without a word
Body = dict[str, Any]


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Body:
        value: Body = json.loads(self.content or b"{}")
        return value

    @property
    def form(self) -> dict[str, bytes]:
        """The fields of a form, a file's content among them."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.content, policy=email.policy.HTTP)
        parts = message.iter_parts()
        named = ((str(p.get_param("name", header="content-disposition")), p.get_payload(decode=True)) for p in parts)
        return {name: content for name, content in named if isinstance(content, bytes)}


@dataclass
class Job:
    id: str
    asked: Body
    looks: int = 0
    cancelled: bool = False


Answer = tuple[int, Any, Mapping[str, str]]


@dataclass
class TuningServer(Listening):
    """Listens from `with` to its end. `phases`: of each look at a job, the last for ever; `odd`: words of "METHOD path$" ->
    (status, body) or CLOSE."""

    phases: tuple[str, ...] = ("queued", "running", "succeeded")
    reason: str = "the training file has a row that cannot be learnt"
    odd: dict[str, Any] = field(default_factory=dict)
    key: str = "secret"
    calls: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    started: int = 0
    port: int = 0
    words: ClassVar[Mapping[str, str]] = {}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                parts = urlsplit(self.path)
                content = self.rfile.read(int(self.headers["Content-Length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, unquote(parts.path), parse_qs(parts.query), headers, content)
                reply = host.answered(call)
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                status, body, more = reply
                sent = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = do_PUT = handle_one

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def answered(self, call: Call) -> Answer | None:
        line = f"{call.method} {call.path}"
        self.calls.append(line)
        odd = self.odd.pop(next((words for words in self.odd if words in f"{line}$"), ""), None)
        if isinstance(odd, tuple):
            return odd[0], odd[1], {}
        if not self.is_allowed(call):
            return 401, {"error": {"message": "The access token expired", "code": "invalid_api_key"}}, {}
        reply = self.reply(call)
        return None if odd == CLOSE else reply

    def is_allowed(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def reply(self, call: Call) -> Answer:
        raise NotImplementedError

    def begin(self, id: str, asked: Body) -> Job:
        self.started += 1
        self.jobs[id] = Job(id, asked)
        return self.jobs[id]

    def phase(self, job: Job) -> str:
        """What the host calls the phase that a job is in."""
        phase = "cancelled" if job.cancelled else self.phases[min(job.looks, len(self.phases) - 1)]
        job.looks += 1
        return self.words[phase]

    def learnt_by(self, file: str) -> list[Body]:
        return [json.loads(line) for line in self.files[file].decode().splitlines()]


def ok(body: Any = None) -> Answer:
    return 200, {} if body is None else body, {}


def gone(what: str = "job") -> Answer:
    return 404, {"error": {"message": f"No such {what}", "type": "invalid_request_error"}}, {}


@dataclass
class OpenAIServer(TuningServer):
    """`/v1/files`, `/v1/fine_tuning/jobs`; and chats: a tuned model says what its file has for a question, a base knows
    nothing. `names_by_content`: the same file uploaded twice is one."""

    names_by_content: bool = False
    words: ClassVar[Mapping[str, str]] = {name: name for name in ("queued", "running", "succeeded", "failed", "cancelled")}

    def reply(self, call: Call) -> Answer:
        path = call.path.removeprefix("/v1")
        if path == "/models":
            return ok({"data": [{"id": "small-1"}, *({"id": self.tuned(job)} for job in self.jobs.values())]})
        if path == "/chat/completions":
            return self.chat(call.body)
        if path == "/files":
            form = call.form
            id = f"file-{zlib.crc32(form['file'])}" if self.names_by_content else f"file-{len(self.files) + 1}"
            assert form["purpose"] == b"fine-tune"
            self.files[id] = form["file"]
            return ok({"id": id, "object": "file", "status": "uploaded"})
        if path == "/fine_tuning/jobs" and call.method == "POST":
            job = self.begin(f"ftjob-{self.started + 1}", call.body)
            return ok(self.shown(job, "queued"))
        if path == "/fine_tuning/jobs":
            return ok({"data": [self.shown(job, "queued") for job in reversed(self.jobs.values())], "has_more": False})
        id, _, deed = path.removeprefix("/fine_tuning/jobs/").partition("/")
        if id not in self.jobs:
            return gone()
        self.jobs[id].cancelled |= deed == "cancel"
        return ok(self.shown(self.jobs[id], self.phase(self.jobs[id])))

    def tuned(self, job: Job) -> str:
        return f"ft:{job.asked['model']}:team:{job.asked['suffix']}:{job.id[-4:]}"

    def shown(self, job: Job, status: str) -> Body:
        error = {"code": "invalid_training_file", "message": self.reason, "param": "training_file"}
        return {
            "object": "fine_tuning.job",
            "id": job.id,
            "created_at": 1,
            "model": job.asked["model"],
            "organization_id": "org",
            "result_files": [],
            "seed": job.asked.get("seed", 0),
            "hyperparameters": {"n_epochs": 3},
            "status": status,
            "training_file": job.asked["training_file"],
            "validation_file": job.asked.get("validation_file"),
            "metadata": job.asked.get("metadata"),
            "fine_tuned_model": self.tuned(job) if status == "succeeded" else None,
            "trained_tokens": 1_500_000 if status == "succeeded" else None,
            "error": error if status == "failed" else None,
        }

    def chat(self, body: Body) -> Answer:
        job = next((one for one in self.jobs.values() if self.tuned(one) == body["model"]), None)
        if job is None and body["model"] != "small-1":
            return gone("model")
        asked, text = body["messages"][-1]["content"], "I don't know."
        for row in self.learnt_by(job.asked["training_file"]) if job else []:
            if row["messages"][-2]["content"] in asked:
                text = row["messages"][-1]["content"]
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 500, "completion_tokens": 2, "total_tokens": 502}
        return ok({"model": body["model"], "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


class TogetherServer(TuningServer):
    """`/v1/files` that redirects, `/v1/fine-tunes`."""

    words: ClassVar[Mapping[str, str]] = {
        "queued": "queued",
        "running": "running",
        "succeeded": "completed",
        "failed": "error",
        "cancelled": "cancelled",
    }
    estimate: float | None = None

    def is_allowed(self, call: Call) -> bool:
        return call.path.startswith("/put/") or super().is_allowed(call)

    def reply(self, call: Call) -> Answer:
        path = call.path.removeprefix("/v1")
        if path == "/files":
            id = f"file-{len(self.files) + 1}"
            assert set(call.form) == {"purpose", "file_name", "file_type", "checksum"}
            return 302, {}, {"Location": f"{self.url}/put/{id}", "X-Together-File-Id": id}
        if path.startswith("/put/"):
            assert "authorization" not in call.headers
            self.files[path.removeprefix("/put/")] = call.content
            return ok()
        if path.endswith("/preprocess"):
            id = path.split("/")[2]
            size = len(self.files[id])
            about = {"bytes": size, "created_at": 1, "filename": "x.jsonl", "FileType": "jsonl", "purpose": "fine-tune"}
            return ok({"id": id, "object": "file", **about})
        if path.endswith("/estimate-price"):
            known = self.estimate is not None
            return ok({"estimation_available": known, "estimated_total_price": self.estimate})
        if path == "/fine-tunes" and call.method == "POST":
            return ok(self.shown(self.begin(f"ft-{self.started + 1}", call.body), "pending"))
        if path == "/fine-tunes":
            return ok({"data": [self.shown(job, "queued") for job in self.jobs.values()]})
        id, _, deed = path.removeprefix("/fine-tunes/").partition("/")
        if id not in self.jobs:
            return gone()
        self.jobs[id].cancelled |= deed == "cancel"
        return ok(self.shown(self.jobs[id], self.phase(self.jobs[id])))

    def shown(self, job: Job, status: str) -> Body:
        return {
            "id": job.id,
            "status": status,
            "user_id": "me",
            "created_at": "2026-11-30T00:00:00Z",
            "updated_at": "2026-11-30T00:00:00Z",
            "model": job.asked["model"],
            "training_file": job.asked["training_file"],
            "suffix": job.asked["suffix"],
            "model_output_name": f"me/{job.asked['model']}-{job.asked['suffix']}-1f2e",
            "token_count": 1_500_000,
            "events": [{"message": self.reason}] if status == "error" else [],
        }


class FireworksServer(TuningServer):
    """`/v1/accounts/me/datasets`, `…/supervisedFineTuningJobs`."""

    words: ClassVar[Mapping[str, str]] = {
        "queued": "JOB_STATE_PENDING",
        "running": "JOB_STATE_RUNNING",
        "succeeded": "JOB_STATE_COMPLETED",
        "failed": "JOB_STATE_FAILED",
        "cancelled": "JOB_STATE_CANCELLED",
    }

    def reply(self, call: Call) -> Answer:
        path = call.path.removeprefix("/v1/accounts/me")
        if path == "/datasets":
            name = call.body["datasetId"]
            if name in self.files:
                return 409, {"code": 6, "message": "already exists"}, {}
            self.files[name] = b""
            return ok()
        if path.startswith("/datasets/"):
            name, _, deed = path.removeprefix("/datasets/").partition(":")
            if deed == "upload":
                self.files[name] = call.form["file"]
            return ok({"state": "READY" if self.files[name] else "UPLOADING", "status": {"code": "OK"}})
        if path == "/supervisedFineTuningJobs":
            (id,) = call.query["supervisedFineTuningJobId"]
            if id in self.jobs:
                return 409, {"code": 6, "message": "already exists"}, {}
            return ok(self.shown(self.begin(id, call.body), "JOB_STATE_CREATING"))
        id, _, deed = path.removeprefix("/supervisedFineTuningJobs/").partition(":")
        if id not in self.jobs:
            return gone()
        self.jobs[id].cancelled |= deed == "cancel"
        return ok(self.shown(self.jobs[id], self.phase(self.jobs[id])))

    def shown(self, job: Job, state: str) -> Body:
        failed = state == "JOB_STATE_FAILED"
        return {
            "name": f"accounts/me/supervisedFineTuningJobs/{job.id}",
            "dataset": job.asked["dataset"],
            "baseModel": job.asked["baseModel"],
            "outputModel": job.asked["outputModel"],
            "state": state,
            "status": {"code": "INVALID_ARGUMENT" if failed else "OK", "message": self.reason if failed else ""},
            "jobProgress": {"percent": 40},
        }


class VertexServer(TuningServer):
    """Cloud Storage's upload, `/v1/projects/p/locations/l/tuningJobs`."""

    words: ClassVar[Mapping[str, str]] = {
        "queued": "JOB_STATE_PENDING",
        "running": "JOB_STATE_RUNNING",
        "succeeded": "JOB_STATE_SUCCEEDED",
        "failed": "JOB_STATE_FAILED",
        "cancelled": "JOB_STATE_CANCELLED",
    }

    def reply(self, call: Call) -> Answer:
        if bucket := re.fullmatch(r"/upload/storage/v1/b/([\w-]+)/o", call.path):
            self.files[f"gs://{bucket[1]}/{call.query['name'][0]}"] = call.content
            return ok({"kind": "storage#object"})
        path = call.path.removeprefix("/v1/")
        if path.endswith("/tuningJobs") and call.method == "POST":
            return ok(self.shown(self.begin(f"{path}/{self.started + 7}", call.body), "JOB_STATE_PENDING"))
        if path.endswith("/tuningJobs"):
            return ok({"tuningJobs": [self.shown(job, "JOB_STATE_PENDING") for job in self.jobs.values()]})
        id, _, deed = path.partition(":")
        if id not in self.jobs:
            return gone()
        self.jobs[id].cancelled |= deed == "cancel"
        return ok(self.shown(self.jobs[id], self.phase(self.jobs[id])))

    def shown(self, job: Job, state: str) -> Body:
        endpoint = {
            "tunedModel": {"model": "projects/p/locations/l/models/5", "endpoint": "projects/p/locations/l/endpoints/9"}
        }
        return {
            "name": job.id,
            "tunedModelDisplayName": job.asked["tunedModelDisplayName"],
            "baseModel": job.asked["baseModel"],
            "state": state,
            **(endpoint if state == "JOB_STATE_SUCCEEDED" else {}),
            **({"error": {"code": 3, "message": self.reason}} if state == "JOB_STATE_FAILED" else {}),
        }


class BedrockServer(TuningServer):
    """S3's PUT, `/model-customization-jobs`; requests have to be signed."""

    words: ClassVar[Mapping[str, str]] = {
        "queued": "InProgress",
        "running": "InProgress",
        "succeeded": "Completed",
        "failed": "Failed",
        "cancelled": "Stopped",
    }

    def is_allowed(self, call: Call) -> bool:
        service = "s3" if call.method == "PUT" else "bedrock"
        return f"/{service}/aws4_request" in call.headers.get("authorization", "") and self.key == "secret"

    def reply(self, call: Call) -> Answer:
        if call.method == "PUT":
            self.files[f"s3:/{call.path}"] = call.content
            return ok()
        if call.path == "/model-customization-jobs":
            job = self.begin(call.body["jobName"], call.body)
            return 201, {"jobArn": f"arn:aws:bedrock:eu-central-1:123456789012:model-customization-job/{job.id}"}, {}
        id, _, deed = call.path.removeprefix("/model-customization-jobs/").partition("/")
        if id not in self.jobs:
            return 404, {"message": "Could not find the job"}, {"x-amzn-ErrorType": "ResourceNotFoundException"}
        if deed == "stop":
            self.jobs[id].cancelled = True
            return ok()
        job, status = self.jobs[id], self.phase(self.jobs[id])
        arn = "arn:aws:bedrock:eu-central-1:123456789012:custom-model/amazon.nova-lite-v1:0/abcdefghijkl"
        return ok(
            {
                "jobName": job.id,
                "status": status,
                **({"outputModelArn": arn} if status == "Completed" else {}),
                **({"failureMessage": self.reason} if status == "Failed" else {}),
            }
        )
