"""JSON and files to the API by which a host tunes, over the one client of servers."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rung.errors import ServerError
from rung.models.endpoint import Endpoint
from rung.models.http_calls import Incoming, Outgoing, form, posted
from rung.models.http_client import Client
from rung.models.http_retries import RequestFailed
from rung.models.http_words import shortened
from rung.models.protocol import Server
from rung.models.vendors import Vendor
from rung.records import Json
from rung.text.parsing import Malformed, json_of
from rung.training.hosted.protocol import JobGone, TuningFile

MAX_PAGES = 20  # of a list of jobs that is looked through


class HostApi:
    """One host's API."""

    def __init__(self, endpoint: Endpoint, server: Server) -> None:
        self.endpoint = endpoint
        self.client = Client(endpoint, server)

    def get(self, path: str) -> Mapping[str, Json]:
        """The object at a path; raises as `Client.call`."""
        return self._object(self.client.call(Outgoing("GET", path)))

    def post(self, path: str, body: Mapping[str, Json], *, once: bool = False) -> Mapping[str, Json]:
        """The object that answers. `once`: it is not sent again, whatever happens."""
        return self._object(self.client.call(posted(path, body), once=once))

    def job(self, path: str) -> Mapping[str, Json]:
        """The job at a path.

        Raises:
            JobGone: there is none.
        """
        try:
            return self.get(path)
        except RequestFailed as error:
            raise _gone(error) from error

    def has_job(self, path: str) -> bool:
        """Whether there is a job at a path."""
        try:
            self.job(path)
        except JobGone:
            return False
        return True

    def end(self, path: str) -> None:
        """POST to where a job is cancelled; raises as `job`. One that has ended is left as it is."""
        try:
            self.client.call(posted(path, {}))
        except RequestFailed as error:
            if error.complaint is None or error.complaint.status not in (400, 409, 412):
                raise _gone(error) from error

    def store(self, root: str, vendor: Vendor, sent: Outgoing) -> None:
        """One request to where the host keeps files, which is another server; raises as `Client.call`."""
        storage = Client(Endpoint(root, "", vendor), self.client.server)
        try:
            storage.call(sent)
        finally:
            storage.close()

    def send_form(
        self, path: str, fields: Mapping[str, str], file: TuningFile | None = None, *, redirects: bool = False
    ) -> Incoming:
        """POST a form, with a file in it. `redirects`: a redirection is awaited, and it is not sent again."""
        sent = form(path, fields, None if file is None else (file.name, file.content))
        return self.client.call(sent, once=redirects, redirects=redirects)

    def send_form_for(self, path: str, fields: Mapping[str, str], file: TuningFile | None = None) -> Mapping[str, Json]:
        """The object that answers a form."""
        return self._object(self.send_form(path, fields, file))

    def _object(self, incoming: Incoming) -> Mapping[str, Json]:
        try:
            value = json_of(incoming.text) if incoming.text.strip() else {}
        except Malformed as error:
            raise RequestFailed(f"{self.endpoint.url} answers with no JSON: {shortened(incoming.text)}", 1) from error
        if not isinstance(value, dict):
            raise RequestFailed(f"{self.endpoint.url} answers with no JSON object: {json.dumps(value)[:80]}", 1)
        return value


def _gone(error: RequestFailed) -> RequestFailed | JobGone:
    """What a request about a job that failed is raised as."""
    return JobGone() if error.complaint is not None and error.complaint.status == 404 else error


def bucket_and_key(folder: str, name: str) -> tuple[str, str]:
    """Where a file of this name is, in a folder such as gs://BUCKET/PREFIX.

    >>> bucket_and_key("gs://rows/of/us", "train.jsonl"), bucket_and_key("s3://rows", "train.jsonl")
    (('rows', 'of/us/train.jsonl'), ('rows', 'train.jsonl'))
    """
    bucket, _, prefix = folder.partition("://")[2].partition("/")
    return bucket, f"{prefix}/{name}" if prefix else name


def required(row: Mapping[str, Json], key: str, url: str) -> str:
    """A text that the host's answer must have.

    Raises:
        ServerError: it has not.
    """
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise ServerError(f"{url} answered without '{key}' ({json.dumps(dict(row))[:120]}): look whether its API changed")
    return value
