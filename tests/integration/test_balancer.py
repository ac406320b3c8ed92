"""A load balancer that changes while it serves loses no request."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import trustme

from tests.harness.emulators.parts.envoy import issue_certificate
from tests.harness.emulators.parts.load_balancers import (
    Balancer,
    Listener,
    LoadBalancerError,
    balancer,
    to_google_service,
)
from tests.harness.process.child import soon
from tests.harness.process.ports import answers, free_port
from tests.harness.process.supervisor import supervising

ROUTES = ({"match": {"prefix": "/"}, "route": {"cluster": "gateway", "timeout": "0s"}},)
PLAIN = Listener(80, "", ROUTES)
SECURE = Listener(443, "TLSv1_2", ROUTES)


class Named(http.server.BaseHTTPRequestHandler):
    """Answer with the port of the server; below /slow after a second."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path.startswith("/slow"):
            time.sleep(1)
        forwarded = self.headers.get("x-forwarded-proto")
        body = f"{cast(http.server.HTTPServer, self.server).server_port} {forwarded}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no access log."""


class Closing(Named):
    """Answer one request of a connection, and close it at the next one without an answer."""

    answered = False

    def do_GET(self) -> None:
        """Answer a request."""
        if self.answered:
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.answered = True
            super().do_GET()

    def do_POST(self) -> None:
        """Answer a request."""
        self.do_GET()


@pytest.fixture(scope="module")
def servers() -> Iterator[list[int]]:
    """The ports of two servers."""
    http_servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Named) for _ in range(2)]
    for server in http_servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [server.server_address[1] for server in http_servers]
    for server in http_servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def running() -> Iterator[Balancer]:
    with supervising() as supervisor:
        yield balancer(supervisor)


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_changing_servers_fails_no_request(
    running: Balancer, servers: list[int], client: requests.Session
) -> None:
    port, stopped = free_port(), threading.Event()
    running.update({port: PLAIN}, {"gateway": servers[0]})
    texts: list[str] = []

    def ask(path: str) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not stopped.is_set():
                try:
                    answer = session.get(f"http://127.0.0.1:{port}{path}", timeout=10)
                    texts.append(answer.text if answer.ok else f"status {answer.status_code}")
                except requests.RequestException as error:
                    texts.append(repr(error))

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/", "/a", "/slow")]
    for thread in threads:
        thread.start()
    errors = []
    for attempt in range(20):
        active = servers[(attempt + 1) % 2]
        running.update({port: PLAIN}, {"gateway": active})
        answer = client.get(f"http://127.0.0.1:{port}/", timeout=10).text
        if answer != f"{active} http":
            errors.append(f"{answer}, not {active}")
    stopped.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(texts) > 100
    assert set(texts) == {f"{server} http" for server in servers}


def test_servers_take_turns_and_none_gives_503(
    running: Balancer, servers: list[int], client: requests.Session
) -> None:
    port = free_port()
    running.update({port: PLAIN}, {"gateway": servers})
    texts = [client.get(f"http://127.0.0.1:{port}/", timeout=10).text for _ in range(6)]
    assert {texts.count(f"{server} http") for server in servers} == {3}
    running.update({port: PLAIN}, {"gateway": ()})
    assert client.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 503


def test_listeners_open_and_close(running: Balancer, servers: list[int]) -> None:
    first, second = free_port(), free_port()
    running.update({first: PLAIN}, {"gateway": servers[0]})
    assert (answers(first), answers(second)) == (True, False)
    running.update({first: PLAIN, second: PLAIN}, {"gateway": servers[0]})
    assert (answers(first), answers(second)) == (True, True)
    running.update({second: PLAIN}, {"gateway": servers[0]})
    assert (answers(first), answers(second)) == (False, True)
    running.update({first: PLAIN}, {"gateway": servers[0]})
    assert (answers(first), answers(second)) == (True, False)
    running.update({}, {})
    assert (answers(first), answers(second)) == (False, False)


def test_changed_routes_apply_to_open_connections(
    running: Balancer, servers: list[int], client: requests.Session
) -> None:
    port = free_port()
    running.update({port: PLAIN}, {"gateway": servers[0]})
    assert client.get(f"http://127.0.0.1:{port}/", timeout=10).ok
    refused = Listener(80, "", ({"match": {"prefix": "/"}, "direct_response": {"status": 404}},))
    running.update({port: refused}, {})
    assert client.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 404


def test_tls_listener_serves_its_certificate(
    running: Balancer, servers: list[int], client: requests.Session, tmp_path: Path
) -> None:
    port, authority = free_port(), trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    client.verify = str(file)
    running.update(
        {port: SECURE}, {"gateway": servers[0]}, issue_certificate(authority, "127.0.0.1")
    )
    # Envoy ignores the header of the client.
    headers = {"x-forwarded-proto": "http"}
    answer = client.get(f"https://127.0.0.1:{port}/", headers=headers, timeout=10)
    assert answer.text == f"{servers[0]} https"
    running.update(
        {port: SECURE}, {"gateway": servers[0]}, issue_certificate(trustme.CA(), "127.0.0.1")
    )
    # On a new connection: the open one has the old certificate.
    client.close()
    with pytest.raises(requests.exceptions.SSLError):
        client.get(f"https://127.0.0.1:{port}/", timeout=10)


def test_refused_envoy_configuration_changes_nothing(
    running: Balancer, servers: list[int], client: requests.Session
) -> None:
    port = free_port()
    running.update({port: PLAIN}, {"gateway": servers[0]})
    wrong = Listener(80, "", ({"match": {"prefix": "/"}, "route": {"cluster": "nobody"}},))
    with pytest.raises(LoadBalancerError, match="unknown cluster 'nobody'"):
        running.update({port: wrong}, {"gateway": servers[0]})
    assert client.get(f"http://127.0.0.1:{port}/", timeout=10).ok
    with pytest.raises(LoadBalancerError, match="port 443 has TLS, but no certificate"):
        running.update({port: SECURE}, {"gateway": servers[0]})
    running.update({}, {})
    assert soon(lambda: not answers(port))


@pytest.mark.parametrize(
    ("action", "method", "status"),
    [
        pytest.param(to_google_service("gateway"), "GET", 200, id="gcp-GET"),
        pytest.param(to_google_service("gateway"), "POST", 503, id="gcp-POST"),
        pytest.param({"route": ROUTES[0]["route"]}, "GET", 503, id="aws-GET"),
    ],
)
def test_lost_request_without_a_body_is_sent_again_on_google_cloud(
    running: Balancer, client: requests.Session, action: dict[str, Any], method: str, status: int
) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        listener = Listener(80, "", ({"match": {"prefix": "/"}, **action},))
        running.update({port: listener}, {"gateway": server.server_port})
        received = [
            client.request(method, f"http://127.0.0.1:{port}/", timeout=10) for _ in range(2)
        ]
        server.shutdown()
    assert [answer.status_code for answer in received] == [200, status]
