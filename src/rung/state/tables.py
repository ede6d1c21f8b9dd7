"""The tables of the serving state. Their migrations are in `migrations/versions`; a test compares the two."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from rung.records import Json

METADATA = sa.MetaData()


class JsonText(TypeDecorator[Json]):
    """Any JSON value, kept as text in ASCII: what either database cannot hold in a text (NUL, half a surrogate pair) comes
    back as it was."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """JSON value -> its text."""
        del dialect
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Json:
        """Text -> the JSON value."""
        del dialect
        parsed: Json = None if value is None else json.loads(value)
        return parsed


class PlainText(TypeDecorator[str]):
    """A text to look for; what a database cannot hold (NUL, half a surrogate pair) is replaced."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Text -> a text that either database holds."""
        del dialect
        return None if value is None else value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


about = sa.Table(  # of the database itself
    "about",
    METADATA,
    sa.Column("name", PlainText, primary_key=True),
    sa.Column("value", PlainText, nullable=False),
)

answers = sa.Table(  # that can be rated; what was asked and said stays with the process that answered
    "answers",
    METADATA,
    sa.Column("id", PlainText, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("caller", PlainText, nullable=False),
    sa.Column("model", PlainText, nullable=False),  # the deployment's name
    sa.Column("digest", PlainText, nullable=False),
    sa.Column("process", PlainText, nullable=False),
)

feedback = sa.Table(  # only grows; `entry`: question, answer, documents, once the process that answered has written them
    "feedback",
    METADATA,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("answer", PlainText, nullable=False, index=True),  # its id, or "" where it is about a question
    sa.Column("caller", PlainText, nullable=False),
    sa.Column("rating", PlainText, nullable=False),
    sa.Column("details", JsonText, nullable=False),  # comment; of an import: where it stands, and by what it is known again
    sa.Column("entry", JsonText),
    sa.Column("process", PlainText, nullable=False, server_default=""),  # whose entry is still to come
)

expectations = sa.Table(  # only grows; what an answer should have been, which is no opinion of the one that was given
    "expectations",
    METADATA,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column(
        "remark", sa.BigInteger, nullable=False, index=True
    ),  # the rating that it came with, which has its entry; 0: none
    sa.Column("answer", PlainText, nullable=False, index=True),  # its id, or "" where it is about a question
    sa.Column("by", PlainText, nullable=False),
    sa.Column("expected", JsonText, nullable=False),  # answers, answerable, evidence
    sa.Column("about", JsonText, nullable=False),  # of an import: where it stands, and by what it is known again
    sa.Column("entry", JsonText),  # question, deployment, groups; as in feedback
)

traces = sa.Table(  # what lists and filters look at; `body`: the spans, compressed
    "traces",
    METADATA,
    sa.Column("id", PlainText, primary_key=True),  # the answer's
    sa.Column("trace", PlainText, nullable=False, index=True),  # W3C's: the caller's, where it sent one
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("deployment", PlainText, nullable=False),
    sa.Column("digest", PlainText, nullable=False),
    sa.Column("caller", PlainText, nullable=False),
    sa.Column("caller_id", PlainText, nullable=False),
    sa.Column("error", PlainText, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("cached_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("usd", sa.Float),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("has_content", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("deployment_id", PlainText, nullable=False, server_default=""),  # of what was promoted; "" where it was not
    sa.Index("ix_traces_at", "at"),
    sa.Index("ix_traces_deployment_at", "deployment", "at"),
    sa.Index("ix_traces_deployment_id_at", "deployment_id", "at"),
    sa.Index("ix_traces_caller_at", "caller", "at"),
    sa.Index("ix_traces_caller_id_at", "caller_id", "at"),
    sa.Index(
        "ix_traces_errors_at",
        "at",
        sqlite_where=sa.text("error != ''"),
        postgresql_where=sa.text("error != ''"),
    ),
)

deployments = sa.Table(  # `record`: of `rung.records.deployment`; never changed
    "deployments",
    METADATA,
    sa.Column("id", PlainText, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("record", JsonText, nullable=False),
)

deployment_events = sa.Table(  # only grows; what is served is what they come to, in the order of their numbers
    "deployment_events",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("deployment", PlainText, nullable=False),
    sa.Column("what", PlainText, nullable=False),
    sa.Column("by", PlainText, nullable=False),
    sa.Column("why", PlainText, nullable=False),
    sa.Column("figures", JsonText, nullable=False),
)

observations = sa.Table(  # an answer of a deployment; `trial`: which one was tried then, "" where none was
    "observations",
    METADATA,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("answer", PlainText, nullable=False, index=True),  # its id, by which feedback names it
    sa.Column("deployment", PlainText, nullable=False),
    sa.Column("trial", PlainText, nullable=False, index=True),
    sa.Column("end", PlainText, nullable=False),  # "answered", "failed" or "late"
    sa.Column("refused", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("asker", PlainText, nullable=False, server_default=""),  # of a trial: keyed digest of who asked
    sa.Index("ix_observations_of", "deployment", "number"),
)

differences = sa.Table(  # what a deployment in the shadow said otherwise than the one that was served
    "differences",
    METADATA,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("deployment", PlainText, nullable=False, index=True),
    sa.Column("answer", PlainText, nullable=False),
    sa.Column("question", JsonText, nullable=False),
    sa.Column("old", JsonText, nullable=False),
    sa.Column("new", JsonText, nullable=False),
)

alerts = sa.Table(  # what became of each thing that a watch reads; `record`: of `rung.records.alerts`
    "alerts",
    METADATA,
    sa.Column("detector", PlainText, primary_key=True),
    sa.Column("name", PlainText, primary_key=True),
    sa.Column("subject", PlainText, primary_key=True),
    sa.Column("state", PlainText, nullable=False),
    sa.Column("record", JsonText, nullable=False),
)

alert_events = sa.Table(  # only grows: an alert fired, or ended; `delivered`: to the webhook, or there was none
    "alert_events",
    METADATA,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("look", sa.BigInteger, nullable=False),
    sa.Column("detector", PlainText, nullable=False),
    sa.Column("state", PlainText, nullable=False),
    sa.Column("why", PlainText, nullable=False),
    sa.Column("reading", JsonText, nullable=False),
    sa.Column("delivered", sa.Boolean, nullable=False),
    sa.Index("ix_alert_events_delivered", "delivered", "number"),
)

baselines = sa.Table(  # what a deployment answered to canaries when it was promoted, by detector
    "baselines",
    METADATA,
    sa.Column("deployment", PlainText, primary_key=True),  # its id
    sa.Column("detector", PlainText, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("look", sa.BigInteger, nullable=False),
    sa.Column("value", JsonText, nullable=False),
)
