"""A process that serves: its port, its signals, its end."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from errno import EADDRINUSE
from typing import TYPE_CHECKING

import uvicorn

from rung.errors import UserError
from rung.progress import say
from rung.report.numbers import count

if TYPE_CHECKING:
    from fastapi import FastAPI

_BACKLOG = 2048


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def listening(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to from now on.

    Raises:
        UserError: the port is taken, or there is no such address here.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        # by its protocol asyncio knows TCP, and sends a response's second part without waiting for word of the first (40 ms)
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"'{host}' is no address of this machine: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == EADDRINUSE:
            raise UserError(f"port {port} of {host} is taken by another program: choose another with --port") from error
        raise UserError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from error
    return listener


def serve(app: FastAPI, listener: socket.socket, *, seconds: float) -> None:
    """Answer until SIGTERM or Ctrl-C; then no new request is taken, and open answers may take so many seconds to end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # else X-Forwarded-For says where a connection of this machine comes from, and who is trusted
        timeout_graceful_shutdown=max(1, round(seconds)),
    )
    with closing(listener), _ending_quietly():
        _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says that it stops, as open answers may take a while."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        left = count(len(self.server_state.tasks), "open request")
        say(f"stopping: nothing new is taken, and {left} may be finished")
        await super().shutdown(sockets)


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """uvicorn raises the signal that stopped it again when it has ended: that must not kill what is closed after it."""
    former = {name: signal.signal(name, lambda _number, _frame: None) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in former.items():
            signal.signal(name, handler)
