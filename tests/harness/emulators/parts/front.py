"""The front of a PostgreSQL server: TLS, and the sign-in with a token of IAM.

The packaged PostgreSQL has no TLS. The databases of both clouds encrypt, and RDS accepts a token in
place of the password of a member of ``rds_iam``. A front listens on loopback, terminates TLS,
checks the tokens, and passes everything else on. All fronts of an emulator run in one thread.

The messages are those of PostgreSQL's frontend/backend protocol 3.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.harness.emulators.parts.envoy import Certificate

# The codes in place of a protocol version. Source: PostgreSQL, message formats.
_TLS, _GSS, _CANCEL = 80877103, 80877104, 80877102
_CLEARTEXT = b"R" + struct.pack("!ii", 8, 3)
_START_SECONDS = 10
_CHUNK = 1 << 16

Check = Callable[[str, str], str | None]
"""The reason to refuse a user's token; None if it is accepted."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The server behind a front.

    ``by_token`` tells whether a user signs in with a token, which ``check`` verifies. PostgreSQL
    itself must trust such a user.
    """

    host: str
    port: int
    by_token: Callable[[str], bool] = lambda _: False
    check: Check = lambda _user, _token: None


class Fronts:
    """The fronts of an emulator, in the event loop of :func:`running`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._servers: dict[tuple[str, int], asyncio.Server] = {}

    def open(self, host: str, port: int, certificate: Certificate, upstream: Upstream) -> None:
        """Listen on an address.

        Raises:
            OSError: the address is in use.
        """
        context = _context(certificate)

        async def listen() -> None:
            self._servers[host, port] = await asyncio.start_server(
                lambda reader, writer: _served(reader, writer, context, upstream), host, port
            )

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result(_START_SECONDS)

    def close(self, host: str, port: int) -> None:
        """Stop listening. Open connections end with the server behind."""
        self._loop.call_soon_threadsafe(self._servers.pop((host, port)).close)

    async def end(self) -> None:
        """Close every front and its connections."""
        for server in self._servers.values():
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def running() -> Iterator[Fronts]:
    """Run the event loop of the fronts in a thread for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fronts", daemon=True)
    thread.start()
    fronts = Fronts(loop)
    try:
        yield fronts
    finally:
        asyncio.run_coroutine_threadsafe(fronts.end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The module ssl reads files only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(certificate.chain + certificate.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def _served(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    context: ssl.SSLContext,
    upstream: Upstream,
) -> None:
    # A client or a server that goes away ends the connection.
    with contextlib.suppress(OSError, EOFError, ssl.SSLError):
        try:
            startup = await _startup(reader, writer, context)
            await _passed(reader, writer, startup, upstream)
        finally:
            writer.close()


async def _startup(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> bytes:
    """The first message of a client, after the negotiation of TLS."""
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!ii", head)
        if code == _TLS:
            writer.write(b"S")
            await writer.start_tls(context)
        elif code == _GSS:
            writer.write(b"N")
        else:
            return head + await reader.readexactly(length - 8)


async def _passed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, startup: bytes, upstream: Upstream
) -> None:
    user = "" if struct.unpack("!i", startup[4:8])[0] == _CANCEL else _user(startup)
    with_token = bool(user) and await asyncio.to_thread(lambda: upstream.by_token(user))
    if with_token:
        writer.write(_CLEARTEXT)
        _, length = struct.unpack("!ci", await reader.readexactly(5))
        token = (await reader.readexactly(length - 4)).rstrip(b"\0").decode()
        reason = await asyncio.to_thread(lambda: upstream.check(user, token))
        if reason is not None:
            writer.write(_error(f'PAM authentication failed for user "{user}"', reason))
            await writer.drain()
            return
    behind, ahead = await asyncio.open_connection(upstream.host, upstream.port)
    try:
        ahead.write(startup)
        copies = [asyncio.create_task(_copy(a, b)) for a, b in ((reader, ahead), (behind, writer))]
        # The end of one direction is the end of the connection.
        _, rest = await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
    finally:
        ahead.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()


def _user(startup: bytes) -> str:
    words = startup[8:].split(b"\0")
    return dict(zip(words[::2], words[1::2], strict=False)).get(b"user", b"").decode()


def _error(message: str, detail: str) -> bytes:
    """An ErrorResponse with the code of a failed authentication, as RDS sends it."""
    fields = {"S": "FATAL", "V": "FATAL", "C": "28000", "M": message, "D": detail}
    body = b"".join(f"{key}{value}\0".encode() for key, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body
