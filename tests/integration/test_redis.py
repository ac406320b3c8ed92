"""Redis, in plain text and with TLS."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
import trustme
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.emulators.parts import redis as local
from tests.harness.emulators.parts.envoy import issue_by_common_name, issue_certificate
from tests.harness.process.child import alive
from tests.harness.process.supervisor import supervising

# By default a client retries for seconds.
ONCE = Retry(NoBackoff(), 0)


@dataclass(frozen=True, slots=True)
class Server:
    """A Redis with a password, the port of its TLS proxy, and the certificate authority."""

    redis: local.Redis
    tls: int
    password: str
    authority: trustme.CA


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    password, authority = secrets.token_urlsafe(16), trustme.CA()
    with supervising() as supervisor:
        started = local.start(supervisor, password)
        tls = local.with_tls(supervisor, started, issue_certificate(authority, "127.0.0.1")).port
        yield Server(started, tls, password, authority)
    assert not alive(started.pid)


def plain(port: int, password: str | None = None) -> redis.Redis:
    return redis.Redis("127.0.0.1", port, password=password, retry=ONCE)


def over_tls(server: Server, authority: trustme.CA, folder: Path) -> redis.Redis:
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return redis.Redis(
        "127.0.0.1",
        server.tls,
        password=server.password,
        ssl=True,
        ssl_ca_certs=str(file),
        retry=ONCE,
    )


def test_value_set_over_tls_is_stored(server: Server, tmp_path: Path) -> None:
    with over_tls(server, server.authority, tmp_path) as client:
        assert client.set("greeting", "hello")
        assert client.get("greeting") == b"hello"
    with plain(server.redis.port, server.password) as client:
        assert client.get("greeting") == b"hello"


def test_other_authority_is_not_trusted(server: Server, tmp_path: Path) -> None:
    with (
        over_tls(server, trustme.CA(), tmp_path) as client,
        pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.ping()


def test_certificate_with_a_common_name_only_needs_no_host_check(tmp_path: Path) -> None:
    # As Memorystore's. LiteLLM's client checks the host name unless a variable says otherwise.
    authority, file = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    with supervising() as supervisor:
        certificate = issue_by_common_name(authority, "127.0.0.1")
        port = local.with_tls(supervisor, local.start(supervisor), certificate).port

        def client(check: bool) -> redis.Redis:
            return redis.Redis(
                "127.0.0.1",
                port,
                ssl=True,
                ssl_ca_certs=str(file),
                ssl_check_hostname=check,
                retry=ONCE,
            )

        with client(check=False) as unchecked:
            assert unchecked.ping()
        with (
            client(check=True) as checked,
            pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            checked.ping()


@pytest.mark.parametrize("password", ["wrong", None])
def test_client_without_the_password_is_refused(server: Server, password: str | None) -> None:
    with (
        plain(server.redis.port, password) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.get("greeting")


def test_plain_text_to_the_tls_port_is_not_answered(server: Server) -> None:
    with (
        plain(server.tls, server.password) as client,
        pytest.raises(redis.ConnectionError),
    ):
        client.ping()


def test_server_without_a_password_asks_for_none() -> None:
    with supervising() as supervisor:
        started = local.start(supervisor)
        with plain(started.port) as client:
            assert client.ping()
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
            assert client.config_get("save") == {"save": ""}
