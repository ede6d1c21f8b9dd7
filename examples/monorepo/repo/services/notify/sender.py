"""Mails and push messages to customers, each at most once."""

from __future__ import annotations

from dataclasses import dataclass

from libs.flags import enabled
from libs.store import Store

QUIET_HOURS = (21, 8)  # no push in these hours of the customer's own time
MAX_PER_DAY = 3  # messages to one customer; what is above waits for tomorrow
TEMPLATE_FOLDER = "templates/v3"


@dataclass(frozen=True)
class Message:
    """What is to be sent. `key` makes it unique: equal keys are sent once."""

    customer: str
    template: str
    key: str


class Sender:
    """Sends what may be sent now and keeps the rest."""

    def __init__(self, store: Store, hour_of: HourOf) -> None:
        self._store, self._hour_of = store, hour_of

    def send(self, message: Message) -> str:
        """'sent', 'known', 'quiet' or 'too many'."""
        if self._store.has("notify", message.key):
            return "known"
        hour = self._hour_of(message.customer)
        if enabled("notify.quiet_hours") and (hour >= QUIET_HOURS[0] or hour < QUIET_HOURS[1]):
            self._store.push("notify.later", message)
            return "quiet"
        if self._store.count_today("notify", message.customer) >= MAX_PER_DAY:
            self._store.push("notify.later", message)
            return "too many"
        self._store.put("notify", message.key, message)
        return "sent"
