"""An Envoy with the planned load balancer routes each path as the routing model does."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import trustme

from tests.harness.emulators.parts import load_balancers
from tests.harness.emulators.parts.envoy import issue_certificate
from tests.harness.emulators.parts.load_balancers import LoadBalancerError
from tests.harness.plan import routing
from tests.harness.plan.view import Plan
from tests.harness.process.supervisor import supervising
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.integration.conftest import planned

HOST = "llm.example.com"
TLS: Mapping[str, Mapping[str, Any]] = {
    "aws": {
        "acm_certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b",
        "alb_domain_name": HOST,
        "allow_plaintext_alb": False,
    },
    "gcp": {"lb_domains": [HOST], "allow_plaintext_lb": False},
}


class Echo(http.server.BaseHTTPRequestHandler):
    """Answer with the component, the path and the forwarded protocol."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet. Otherwise each answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer a request of any method."""
        answer = {"component": self.server.component, "path": self.path}  # type: ignore[attr-defined]
        body = json.dumps({**answer, "proto": self.headers.get("x-forwarded-proto")}).encode()
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Write no access log."""


@pytest.fixture(scope="module")
def upstreams() -> Iterator[Mapping[str, int]]:
    """A server for each component; yields their ports."""
    servers = {}
    for component in ("gateway", "backend", "ui"):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        server.component = component  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers[component] = server
    yield {component: server.server_address[1] for component, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Stack:
    """A planned stack, and the Envoy in place of its load balancer."""

    plan: Plan
    ports: Mapping[int, int]
    authority: trustme.CA

    def send(self, session: requests.Session, method: str, path: str, port: int) -> Any:
        """Send a request; returns the response, without following redirects."""
        scheme = "https" if port == 443 else "http"
        return session.request(
            method,
            f"{scheme}://127.0.0.1:{self.ports[port]}{path}",
            headers={"Host": HOST},
            allow_redirects=False,
            timeout=10,
        )


PLAIN = [pytest.param((name, False), id=f"{name}-plaintext") for name in sorted(STACKS)]
SAFE = [pytest.param((name, True), id=f"{name}-tls") for name in sorted(STACKS)]


@pytest.fixture(scope="module", params=[*PLAIN, *SAFE])
def stack(
    request: pytest.FixtureRequest,
    resolved_session: planning.Session,
    upstreams: Mapping[str, int],
) -> Iterator[Stack]:
    name, tls = request.param
    plan = planned(resolved_session, name, TLS[name] if tls else None)
    authority = trustme.CA()
    certificate = issue_certificate(authority, HOST, "127.0.0.1")
    with supervising() as supervisor:
        ports = load_balancers.start(
            supervisor, load_balancers.listeners(plan), upstreams, certificate
        )
        yield Stack(plan, ports, authority)


@pytest.fixture
def client(stack: Stack, tmp_path: Any) -> Iterator[requests.Session]:
    """A client that trusts the certificates of the test."""
    authority = tmp_path / "authority.pem"
    stack.authority.cert_pem.write_to_path(str(authority))
    with requests.Session() as session:
        session.verify = str(authority)
        session.trust_env = False
        yield session


def paths(plan: Plan) -> list[str]:
    """For each pattern a path that matches, a path below it, and a path with the same prefix."""
    candidates = {"/", "/key/generate", "/health", "/nobody/knows", "/v1", "/x.txt"}
    candidates |= {"/teams/__next.!KGRhc2hib2FyZCk.teams.__PAGE__.txt", "/chat/logs.txt", "/.txt"}
    for rule in routing.path_rules(plan):
        for pattern in rule.paths:
            stem = pattern.replace("*", "")
            candidates |= {
                stem,
                f"{stem.rstrip('/')}/a/b",
                f"{stem.rstrip('/')}/a.txt",
                f"{stem.rstrip('/')}x",
                f"{stem}?a=/ui/",
            }
    return sorted(path for path in candidates if path.startswith("/"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_envoy_agrees_with_the_routing_model(
    stack: Stack, client: requests.Session, method: str
) -> None:
    model = routing.balancer(stack.plan)
    errors = []
    candidates = paths(stack.plan)
    for path in candidates:
        answer = stack.send(client, method, path, model.serving)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
        expected = model.answer(method, path.split("?")[0])
        if answer.json()["component"] != expected:
            errors.append(f"{method} {path}: {answer.json()['component']}, not {expected}")
        assert answer.json()["path"] == path
    assert len(candidates) > 500
    assert errors == []


def test_server_sees_the_forwarded_protocol(stack: Stack, client: requests.Session) -> None:
    serving = routing.balancer(stack.plan).serving
    proto = stack.send(client, "GET", "/", serving).json()["proto"]
    assert proto == {443: "https", 80: "http"}[serving]


@pytest.mark.parametrize("stack", SAFE, indirect=True)
def test_port_80_redirects_to_tls(stack: Stack, client: requests.Session) -> None:
    answer = stack.send(client, "GET", "/v1/models?a=b", 80)
    assert answer.status_code == 301
    assert answer.headers["location"].replace(":443", "") == f"https://{HOST}/v1/models?a=b"


@pytest.mark.parametrize("stack", PLAIN, indirect=True)
def test_only_port_80_serves_without_a_certificate(stack: Stack, client: requests.Session) -> None:
    assert list(stack.ports) == [80]
    assert stack.send(client, "GET", "/v1/models", 80).json()["component"] == "gateway"


@pytest.mark.parametrize("stack", SAFE, indirect=True)
def test_older_tls_client_is_refused(stack: Stack) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # The client must allow old versions.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", stack.ports[443]), timeout=5) as raw,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        context.wrap_socket(raw)


def test_tls_listener_without_certificate_is_refused(
    resolved_session: planning.Session,
) -> None:
    plan = planned(resolved_session, "aws", TLS["aws"])
    with supervising() as supervisor, pytest.raises(LoadBalancerError, match="port 443 has TLS"):
        load_balancers.start(supervisor, load_balancers.listeners(plan), {})
