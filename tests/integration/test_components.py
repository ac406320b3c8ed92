"""The planned containers, started as processes, behave as the images."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping

import pytest
import redis
import requests
import trustme

from tests.harness.emulators.parts import redis as local_redis
from tests.harness.emulators.parts.envoy import issue_certificate
from tests.harness.litellm import containers as components
from tests.harness.litellm import release
from tests.harness.litellm.containers import BROKEN_TAG, Component, ComponentError
from tests.harness.plan.containers import Container, containers
from tests.harness.process.child import soon
from tests.harness.process.ports import answers, fetched
from tests.harness.process.supervisor import Supervisor, supervising
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.integration.conftest import planned

KEY = "sk-a-master-key-of-the-test-0123456789"
IMAGE = "ghcr.io/berriai/litellm-{}:main-stable"
PROBES = {"gateway": "/health/readiness", "backend": "/health/readiness", "ui": "/healthz"}
WITH_KEY = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with supervising() as owner:
        yield owner


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def ready(supervisor: Supervisor, component: str, running: Component) -> str:
    """The URL of a container, once its probe answers 200."""

    def done() -> bool:
        up = fetched(running.port, PROBES[component])[0] == 200
        return up or not supervisor.running(running.pid)

    assert soon(done, 120)
    assert supervisor.running(running.pid), running.log.read_text()[-2000:]
    return f"http://127.0.0.1:{running.port}"


def started(
    supervisor: Supervisor,
    component: str,
    container: Container,
    overlaid: Mapping[str, str],
    authority: str,
) -> str:
    """Start a planned container with overridden variables and the texts of its files."""
    environment = {name: value or KEY for name, value, _ in container.entries}
    environment |= overlaid
    texts = {"CONFIG_FILE_PATH": "{}", "SSL_CERT_FILE": authority}
    files = {environment[name]: text for name, text in texts.items() if name in environment}
    running = components.start(
        supervisor,
        release.installed(),
        container.image,
        container.command,
        environment,
        files,
        component,
    )
    return ready(supervisor, component, running)


@pytest.fixture(scope="module", params=sorted(STACKS))
def stack(
    request: pytest.FixtureRequest, resolved_session: planning.Session, supervisor: Supervisor
) -> Mapping[str, str]:
    """The URLs of the containers of a stack without database, and its Redis."""
    inputs = {
        "create_database": False,
        "proxy_config": {"litellm_settings": {"drop_params": True}},
    }
    held = containers(planned(resolved_session, request.param, inputs))
    store, authority = local_redis.start(supervisor), trustme.CA()
    pem = authority.cert_pem.bytes()
    tls = local_redis.with_tls(supervisor, store, issue_certificate(authority, "127.0.0.1")).port
    trusted = {
        "aws": {"SSL_CERT_FILE": "/etc/ssl/certs/local.pem"},
        "gcp": {"REDIS_CA_PEM_B64": base64.b64encode(pem).decode()},
    }
    overlaid = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(tls), **trusted[request.param]}
    return {
        "redis": str(store.port),
        **{name: started(supervisor, name, held[name], overlaid, pem.decode()) for name in PROBES},
    }


def test_gateway_lists_models_with_the_key(
    stack: Mapping[str, str], client: requests.Session
) -> None:
    url = f"{stack['gateway']}/v1/models"
    assert client.get(url, headers=WITH_KEY, timeout=10).status_code == 200
    assert client.get(url, timeout=10).status_code == 401


# LiteLLM loads some routers at their first request, such as those of /v1/agents and /v1/evals.
@pytest.mark.parametrize("path", ["/v1/models", "/v1/evals", "/v1/realtime/client_secrets"])
def test_backend_has_no_gateway_path(
    stack: Mapping[str, str], client: requests.Session, path: str
) -> None:
    statuses = {
        name: client.get(stack[name] + path, headers=WITH_KEY, timeout=30).status_code
        for name in ("gateway", "backend")
    }
    assert statuses["gateway"] != 404
    assert statuses["backend"] == 404


@pytest.mark.parametrize("path", ["/key/list", "/v1/agents", "/guardrails/list", "/spend/logs"])
def test_gateway_has_no_backend_path(
    stack: Mapping[str, str], client: requests.Session, path: str
) -> None:
    statuses = {
        name: client.get(stack[name] + path, headers=WITH_KEY, timeout=30).status_code
        for name in ("gateway", "backend")
    }
    assert statuses["backend"] != 404
    assert statuses["gateway"] == 404


@pytest.mark.parametrize("path", ["/ui/", "/_next/static/x.js", "/litellm-asset-prefix/_next/x"])
def test_only_the_ui_serves_the_dashboard(
    stack: Mapping[str, str], client: requests.Session, path: str
) -> None:
    for name in ("gateway", "backend"):
        assert client.get(stack[name] + path, timeout=10).status_code == 404


@pytest.mark.parametrize("path", ["/health/readiness", "/health/liveliness"])
def test_gateway_and_backend_answer_probes(
    stack: Mapping[str, str], client: requests.Session, path: str
) -> None:
    for name in ("gateway", "backend"):
        assert client.get(stack[name] + path, timeout=10).status_code == 200


def test_litellm_connects_to_redis_over_tls(stack: Mapping[str, str]) -> None:
    with redis.Redis("127.0.0.1", int(stack["redis"])) as client:
        # The client of the test, and at least one of each proxy.
        assert soon(lambda: len(client.client_list()) >= 3), client.client_list()


# ---- The dashboard ----


@pytest.mark.parametrize("path", ["/login", "/ui/login", "/ui/login/"])
def test_deep_link_serves_its_page(
    stack: Mapping[str, str], client: requests.Session, path: str
) -> None:
    answer = client.get(stack["ui"] + path, timeout=10)
    assert answer.status_code == 200
    assert answer.text != client.get(f"{stack['ui']}/", timeout=10).text


def test_unknown_link_serves_the_first_page(
    stack: Mapping[str, str], client: requests.Session
) -> None:
    first = client.get(f"{stack['ui']}/", timeout=10)
    assert first.headers["content-type"].startswith("text/html")
    for path in ("/ui", "/ui/", "/ui/no/such/page", "/nowhere"):
        assert client.get(stack["ui"] + path, timeout=10).text == first.text, path


def test_page_assets_exist(stack: Mapping[str, str], client: requests.Session) -> None:
    loaded = set()
    for page in ("/", "/ui/login"):
        text = client.get(stack["ui"] + page, timeout=10).text
        loaded |= set(re.findall(r'(?:src|href)="(/litellm-asset-prefix/[^"]+)"', text))
    assert len(loaded) > 20
    for path in sorted(loaded | {"/favicon.ico", "/login.txt", "/ui/login/__next._tree.txt"}):
        answer = client.get(stack["ui"] + path, timeout=10)
        assert answer.status_code == 200, path
        assert not answer.headers["content-type"].startswith("text/html"), path


@pytest.mark.parametrize(
    "path", ["/_next/none.js", "/litellm-asset-prefix/_next/none.js", "/none.txt"]
)
def test_missing_file_gives_404(
    stack: Mapping[str, str], client: requests.Session, path: str
) -> None:
    assert client.get(stack["ui"] + path, timeout=10).status_code == 404


# ---- Containers that do not start ----


def test_broken_image_never_listens(supervisor: Supervisor) -> None:
    image = f"registry:5000/a/litellm-gateway:{BROKEN_TAG}"
    container = components.start(supervisor, release.installed(), image, (), {}, {}, "broken")
    assert not soon(lambda: answers(container.port), 1)
    assert supervisor.running(container.pid)
    supervisor.stop(container.pid)


@pytest.mark.parametrize(
    ("image", "command", "message"),
    [
        ("postgres:18", (), "postgres:18 belongs to no component"),
        (IMAGE.format("gateway"), ("sh", "-c", "exec uvicorn other:app"), "starts no known server"),
        (IMAGE.format("backend"), ("python", "-m", "backend"), "starts no known server"),
    ],
)
def test_unknown_image_or_command_is_refused(
    supervisor: Supervisor, image: str, command: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ComponentError, match=message):
        components.start(supervisor, release.installed(), image, command, {}, {}, "odd")
