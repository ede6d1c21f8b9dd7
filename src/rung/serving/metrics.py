"""What a server counts, in Prometheus' form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self.requests = Counter("rung_requests", "Requests by route and status.", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "rung_request_seconds", "Until a response was whole.", ["route"], buckets=_SECONDS, registry=own
        )
        self.answers = Counter("rung_answers", "Answers by deployment and how they ended.", ["model", "end"], registry=own)
        self.first_token = Histogram(
            "rung_first_token_seconds",
            "From the start of a conversation to its text.",
            ["model"],
            buckets=_SECONDS,
            registry=own,
        )
        self.waited = Histogram("rung_queue_seconds", "Until a conversation had its turn.", buckets=_SECONDS, registry=own)
        self.steps = Histogram("rung_step_seconds", "Steps of answers by kind.", ["kind"], buckets=_SECONDS, registry=own)
        self.prompt_tokens = Counter("rung_prompt_tokens", "Tokens of prompts.", ["model"], registry=own)
        self.completion_tokens = Counter("rung_completion_tokens", "Tokens that were generated.", ["model"], registry=own)
        self.withheld = Counter("rung_withheld_citations", "Citations to what their asker may not read.", registry=own)
        self.feedback = Counter("rung_feedback", "Ratings of answers.", ["rating"], registry=own)
        self.deployment = Gauge(
            "rung_deployment_info",
            "Deployments that are served or tried; refused: not as promoted on this server.",
            ["deployment", "rung", "state"],
            registry=own,
        )
        self.deployment_events = Counter("rung_deployment_events", "What happened to deployments.", ["what"], registry=own)
        self.trial = Gauge(
            "rung_trial_answers",
            "Of a trial under way, on all servers: answers and ratings by deployment.",
            ["deployment", "of"],
            registry=own,
        )
        self.shadows = Counter(
            "rung_shadow_answers", "Answers in the shadow, against the served ones.", ["how"], registry=own
        )
        self.open = Gauge("rung_open_conversations", "Conversations that are carried out now.", registry=own)
        self.waiting = Gauge("rung_waiting_conversations", "Conversations that wait for their turn.", registry=own)

    def exposition(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)
