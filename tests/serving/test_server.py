"""Does what is listened on send at once what it has to send?"""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

from rung.serving.server import listening


def test_no_part_of_a_response_waits_until_the_client_has_confirmed_the_one_before() -> None:
    """Nagle's algorithm and a client's delayed acknowledgement would be 40 ms for each response and each event."""
    at_once: list[int] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_once.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def ask(listener: socket.socket) -> None:
        async with await asyncio.start_server(answer, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()

    with closing(listening("127.0.0.1", 0)) as listener:
        asyncio.run(ask(listener))
    assert len(at_once) == 1
    assert at_once[0] != 0
