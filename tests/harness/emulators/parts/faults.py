"""A proxy before a local cloud that records calls and injects faults of an API.

It hits changing calls only: a read has no effect that could be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yarl
from aiohttp import web

from tests.harness.emulators.aws.control_plane import call as calls

KINDS = ("error", "throttling", "timeout", "dropped", "expired", "lost")
"""Each kind of fault: 500; 429 or Throttling; no answer, and the call is lost; no answer, but the
call is done; credentials that expire from then on; and a network that is lost from then on."""
_LASTING = ("expired", "lost")
_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_READS = ("Describe", "List", "Get", "Head", "Lookup")
_MAX_BYTES = 256 * 1024 * 1024
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Called:
    """A call: method and path with query; for AWS also service and operation, if it is named."""

    method: str
    path: str
    service: str = ""
    operation: str = ""

    @property
    def changes(self) -> bool:
        """Whether the call can change something."""
        if self.operation:
            return not self.operation.startswith(_READS)
        return self.method not in ("GET", "HEAD", "OPTIONS")

    def __str__(self) -> str:
        return f"{self.service} {self.operation}".strip() or f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its kind, the number of the first changing call that it hits, and how many."""

    kind: str
    first: int
    count: int = 1
    hold_seconds: float = 2.0


@dataclass(slots=True)
class Faults:
    """A running proxy: its URL, what it injects, and what it saw.

    ``hit`` lists the calls that a fault hit.
    """

    url: str
    upstream: str
    fault: Fault | None = None
    calls: list[Called] = field(default_factory=list)
    hit: list[Called] = field(default_factory=list)
    changing: int = 0

    def inject(self, fault: Fault | None) -> None:
        """Inject another fault, or none, and begin to count again."""
        self.fault, self.changing = fault, 0
        self.calls.clear()
        self.hit.clear()

    def hits(self, called: Called) -> Fault | None:
        """Count a call; returns the fault that hits it."""
        self.calls.append(called)
        self.changing += called.changes
        fault = self.fault
        if fault is None or self.changing < fault.first:
            return None
        if fault.kind not in _LASTING and (
            not called.changes or self.changing >= fault.first + fault.count
        ):
            return None
        self.hit.append(called)
        return fault


def _called(request: web.Request, body: bytes) -> tuple[Called, calls.Call]:
    call = calls.read(request.headers, body)
    path = request.raw_path
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    signed = "AWS4-HMAC" in request.headers.get("Authorization", "")
    return Called(request.method, path, call.service if signed else "", call.operation), call


def _refused(call: calls.Call, aws: bool, kind: str) -> web.Response:
    """The answer of a fault, in the protocol of the call."""
    codes = {
        "error": ("InternalFailure", 500, "INTERNAL"),
        "throttling": ("Throttling", 400 if aws else 429, "RESOURCE_EXHAUSTED"),
        "expired": ("ExpiredToken", 403 if aws else 401, "UNAUTHENTICATED"),
    }
    code, status, rpc = codes[kind]
    if aws:
        if call.service == "s3":
            text = f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
            return web.Response(status=status, text=text, content_type="application/xml")
        status, content, body = calls.refusal(call, calls.Refusal(code, "injected", status))
        return web.Response(status=status, body=body, content_type=content)
    reasons = {"error": "backendError", "throttling": "rateLimitExceeded", "expired": "authError"}
    item = {"message": "injected", "domain": "global", "reason": reasons[kind]}
    error = {"code": status, "message": "injected", "status": rpc, "errors": [item]}
    return web.Response(
        status=status, text=json.dumps({"error": error}), content_type="application/json"
    )


async def _forwarded(
    session: aiohttp.ClientSession, upstream: str, request: web.Request, path: str, body: bytes
) -> web.Response:
    headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _HOP | {"expect"}]
    if not request.raw_path.startswith("/"):
        headers = [(k, v) for k, v in headers if k.lower() != "host"]
    url = yarl.URL(upstream + path, encoded=True)
    async with session.request(
        request.method, url, headers=headers, data=body, allow_redirects=False
    ) as answer:
        data = await answer.read()
        response = web.Response(status=answer.status, body=data)
        for name, value in answer.headers.items():
            lower = name.lower()
            if lower in _HOP or (lower == "content-length" and request.method != "HEAD"):
                continue
            if lower in {"content-type", "content-length"}:
                response.headers[name] = value
            else:
                response.headers.add(name, value)
        return response


def _application(faults: Faults) -> web.Application:
    app = web.Application(client_max_size=_MAX_BYTES)
    sessions: list[aiohttp.ClientSession] = []

    async def connection(_: web.Application) -> Any:
        async with aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=300),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as session:
            sessions.append(session)
            yield

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        called, call = _called(request, body)
        local = called.path.startswith("/local/")
        fault = None if local else faults.hits(called)
        if fault and fault.kind == "timeout":
            await asyncio.sleep(fault.hold_seconds)
        if fault and fault.kind not in ("timeout", "dropped", "lost"):
            return _refused(call, bool(called.service), fault.kind)
        if fault is None or fault.kind == "dropped":
            answer = await _forwarded(sessions[0], faults.upstream, request, called.path, body)
            if fault is None:
                return answer
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)

    app.cleanup_ctx.append(connection)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


@contextlib.contextmanager
def serving(upstream: str) -> Iterator[Faults]:
    """A proxy before ``upstream`` on a free loopback port, in a thread of this process."""
    faults = Faults("", upstream)
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(_application(faults), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        faults.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def work() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    if not ready.wait(_START_SECONDS):
        raise RuntimeError(f"the proxy before {upstream} does not start")
    try:
        yield faults
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_SECONDS)
