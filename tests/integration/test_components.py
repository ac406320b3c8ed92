"""The planned containers, started as processes, behave as the images."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import requests
import trustme

from tests.harness import documents
from tests.harness.emulators.parts import load_balancers
from tests.harness.emulators.parts import redis as local_redis
from tests.harness.emulators.parts.envoy import issue_certificate
from tests.harness.litellm import containers as components
from tests.harness.litellm import forks, release
from tests.harness.litellm.containers import BROKEN_TAG, Component, ComponentError
from tests.harness.paths import CONFIGURATIONS
from tests.harness.plan.containers import Container, configuration, containers
from tests.harness.process.child import alive, child_with, soon
from tests.harness.process.ports import answers, fetched, free_port
from tests.harness.process.supervisor import Command, Supervisor, supervising
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.integration.conftest import planned

KEY = "sk-a-master-key-of-the-test-0123456789"
IMAGE = "ghcr.io/berriai/litellm-{}:main-stable"
PROBES = {"gateway": "/health/readiness", "backend": "/health/readiness", "ui": "/healthz"}
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
ANSWER = "the mocked answer"
CHAT = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}
CHATS = "/v1/chat/completions"
# Longer than uvicorn keeps an idle connection by itself. Source: `uvicorn --help`, 5 seconds.
IDLE_SECONDS = 6
SHAPES: Mapping[str, Mapping[str, Any]] = {
    shape["name"]: shape for shape in documents.read(CONFIGURATIONS)
}
CONFIGURATION: Mapping[str, Any] = {
    "model_list": [
        {
            "model_name": "mock",
            "litellm_params": {"model": "openai/mock", "api_key": "none", "mock_response": ANSWER},
        }
    ],
    "litellm_settings": {"drop_params": True, "callbacks": ["billing.handler"]},
}
LOADED = "the file of the test is loaded"
MODULE = f"""
from litellm.integrations.custom_logger import CustomLogger
print("{LOADED}", flush=True)
handler = CustomLogger()
"""


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One configuration: lists are joined, maps are merged."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            present = whole.get(key)
            if isinstance(value, list):
                whole[key] = [*(present or ()), *value]
            elif isinstance(value, dict):
                whole[key] = merged([present or {}, value])
            else:
                whole[key] = value
    return whole


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
    texts: Mapping[str, str],
) -> Component:
    """Start a planned container with overridden variables.

    ``texts`` are those of its files, by the variable that has the path; that of a module is beside
    the configuration.
    """
    environment = {name: value or KEY for name, value, _ in container.entries} | {**overlaid}
    files = {environment[name]: text for name, text in texts.items() if name in environment}
    if "CONFIG_FILE_PATH" in environment:
        folder = environment["CONFIG_FILE_PATH"].rpartition("/")[0]
        files[f"{folder}/billing.py"] = MODULE
    return components.start(
        supervisor,
        release.installed(),
        container.image,
        container.command,
        environment,
        files,
        component,
    )


@pytest.fixture(scope="module", params=sorted(STACKS))
def stack(
    request: pytest.FixtureRequest, resolved_session: planning.Session, supervisor: Supervisor
) -> Mapping[str, str]:
    """A stack without database.

    The URLs of its containers and its load balancer, the port of its Redis, and the logs of its
    proxies. The backend has an address of Redis at which nothing listens.
    """
    parts = [CONFIGURATION, *(shape["configuration"] for shape in SHAPES.values())]
    inputs = {
        "create_database": False,
        "proxy_config": merged(parts),
        "proxy_config_files": {"billing.py": MODULE},
    }
    plan = planned(resolved_session, request.param, inputs)
    held = containers(plan)
    store, authority = local_redis.start(supervisor), trustme.CA()
    pem = authority.cert_pem.bytes()
    tls = local_redis.with_tls(supervisor, store, issue_certificate(authority, "127.0.0.1")).port
    trust = supervisor.home("trust") / "local.pem"
    trust.write_bytes(pem)
    trusted = {
        "aws": {"SSL_CERT_FILE": str(trust)},
        "gcp": {"REDIS_CA_PEM_B64": base64.b64encode(pem).decode()},
    }
    overlaid = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(tls), **trusted[request.param]}
    nowhere = {**overlaid, "REDIS_PORT": str(free_port())}
    texts = {"CONFIG_FILE_PATH": configuration(plan)}
    running = {
        name: started(
            supervisor, name, held[name], nowhere if name == "backend" else overlaid, texts
        )
        for name in PROBES
    }
    urls = {name: ready(supervisor, name, component) for name, component in running.items()}
    ports = load_balancers.start(
        supervisor,
        load_balancers.listeners(plan),
        {name: component.port for name, component in running.items()},
    )
    return {
        **urls,
        "balancer": f"http://127.0.0.1:{ports[80]}",
        "redis": str(store.port),
        **{f"{name} log": str(running[name].log) for name in ("gateway", "backend")},
    }


def test_gateway_lists_models_with_the_key(
    stack: Mapping[str, str], client: requests.Session
) -> None:
    url = f"{stack['gateway']}/v1/models"
    assert client.get(url, headers=WITH_KEY, timeout=10).status_code == 200
    assert client.get(url, timeout=10).status_code == 401


def test_idle_connections_stay_open(stack: Mapping[str, str]) -> None:
    with contextlib.ExitStack() as opened:
        connections = [
            opened.enter_context(
                contextlib.closing(HTTPConnection(urlsplit(stack[name]).netloc, timeout=10))
            )
            for name in ("gateway", "backend")
        ]
        for pause in (0.0, IDLE_SECONDS):
            time.sleep(pause)
            for connection in connections:
                connection.request("GET", "/health/liveliness")
                # A second connection would hide that the server closed the first one.
                connection.auto_open = 0
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200


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


def test_gateway_connects_to_redis_over_tls(stack: Mapping[str, str]) -> None:
    with redis.Redis("127.0.0.1", int(stack["redis"])) as client:
        # The client of the test, and at least one of the gateway.
        assert soon(lambda: len(client.client_list()) >= 2), client.client_list()


def test_unreachable_redis_is_reported_and_tried_again(stack: Mapping[str, str]) -> None:
    log = Path(stack["backend log"]).read_text()
    assert "Error connecting to Sync Redis client" in log
    # Where only the environment names a Redis, LiteLLM does not use it until its next start.
    assert "coordination stays in-memory" not in log


def test_gateway_loads_the_file_beside_its_configuration(stack: Mapping[str, str]) -> None:
    log = Path(stack["gateway log"]).read_text()
    assert LOADED in log
    assert "trusted_proxy_ranges is not set" not in log


# ---- Through the load balancer ----


def test_models_come_from_the_planned_configuration(
    stack: Mapping[str, str], client: requests.Session
) -> None:
    answer = client.get(f"{stack['balancer']}/v1/models", headers=WITH_KEY, timeout=10)
    assert answer.status_code == 200, answer.text
    # A wildcard lists the models of the provider.
    names = [model["id"] for model in answer.json()["data"]]
    assert {"mock", "described", "pooled"} <= set(names)


@pytest.mark.parametrize("name", SHAPES)
def test_gateway_answers_with_a_public_shape(
    stack: Mapping[str, str], client: requests.Session, name: str
) -> None:
    shape = SHAPES[name]
    body = shape.get("body", {"messages": CHAT["messages"]}) | {"model": shape["model"]}
    url = stack["balancer"] + shape.get("path", CHATS)
    answer = client.post(url, headers=WITH_KEY, json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert shape["text"] in answer.text


def test_gateway_answers_a_chat(stack: Mapping[str, str], client: requests.Session) -> None:
    answer = client.post(stack["balancer"] + CHATS, headers=WITH_KEY, json=CHAT, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == ANSWER


def test_streamed_chat_comes_in_chunks(stack: Mapping[str, str], client: requests.Session) -> None:
    body = {**CHAT, "stream": True}
    with client.post(
        stack["balancer"] + CHATS, headers=WITH_KEY, json=body, timeout=10, stream=True
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.decode() for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    pieces = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    texts = [piece["choices"][0]["delta"].get("content") or "" for piece in pieces]
    assert "".join(texts) == ANSWER
    assert sum(map(bool, texts)) > 1


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer sk-another-key"}], ids=["no-key", "wrong-key"]
)
def test_request_without_the_master_key_is_refused(
    stack: Mapping[str, str], client: requests.Session, headers: dict[str, str]
) -> None:
    answer = client.post(stack["balancer"] + CHATS, headers=headers, json=CHAT, timeout=10)
    # Without a database LiteLLM cannot look up a key and answers 400.
    assert answer.status_code == (400 if headers else 401), answer.text
    assert ANSWER not in answer.text


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


# ---- Programs of containers, which are forks ----


def run_file(supervisor: Supervisor, text: str, environment: Mapping[str, str]) -> tuple[int, Path]:
    """Start a Python file as the start command of a container does; its id and its output."""
    home = supervisor.home("program")
    installed = release.installed()
    python = forks.write_python(supervisor, installed, home)
    (home / "program.py").write_text(text)
    script = f"cd {home}; {python} {home}/program.py an-argument; echo status $?"
    # LITELLM_MODE as in the planned containers, so that their import of LiteLLM serves.
    variables = {
        "PATH": os.defpath,
        "HOME": str(home),
        "LITELLM_MODE": "PRODUCTION",
        **release.offline(installed),
        **environment,
    }
    log = home / "log"
    command = Command(["sh", "-c", script], str(log), variables, inherit=False)
    return supervisor.start(command), log


def printed_by(supervisor: Supervisor, text: str, environment: Mapping[str, str]) -> list[str]:
    """The lines that a Python file prints, and its status."""
    pid, log = run_file(supervisor, text, environment)
    assert soon(lambda: not supervisor.running(pid), 60)
    return log.read_text().splitlines()


def test_fork_is_the_program_in_its_own_environment(supervisor: Supervisor) -> None:
    text = (
        "import os, sys; print(sys.argv[1:], os.environ['OWN'], os.path.basename(os.getcwd()))\n"
        "print('litellm.proxy.utils' in sys.modules, os.environ.get('TMPDIR'))\n"
        "sys.exit(7)"
    )
    pid, log = run_file(supervisor, text, {"OWN": "a value"})
    assert soon(lambda: not supervisor.running(pid), 60)
    home = log.parent.name
    expected = ["['an-argument'] a value " + home, "True None", "status 7"]
    assert log.read_text().splitlines() == expected


def test_variable_that_litellm_reads_takes_effect_in_a_fork(supervisor: Supervisor) -> None:
    text = (
        "import sys; print('litellm' in sys.modules)\n"
        "from litellm.constants import DEFAULT_MAX_TOKENS; print(DEFAULT_MAX_TOKENS)"
    )
    # Of two programs, because the fork of the first one could serve the second one.
    plain, changed = (
        printed_by(supervisor, text, own) for own in ({}, {"DEFAULT_MAX_TOKENS": "17"})
    )
    assert (plain[0], changed[0]) == ("True", "True")
    assert (plain[1] != "17", changed[1]) == (True, "17")


def test_each_fork_locks_jobs_of_the_database_with_an_id_of_its_own(supervisor: Supervisor) -> None:
    text = (
        "from litellm.proxy.proxy_server import proxy_logging_obj\n"
        "print(proxy_logging_obj.db_spend_update_writer.pod_lock_manager.pod_id)"
    )
    printed = [printed_by(supervisor, text, {})[0] for _ in range(2)]
    assert len(set(printed)) == 2
    assert all(len(name) == 36 for name in printed), printed


def test_variable_of_a_package_takes_effect_without_a_fork(supervisor: Supervisor) -> None:
    # The package reads it when it is imported.
    text = "import sys; print('openai' in sys.modules)"
    printed = printed_by(supervisor, text, {"OPENAI_LOG": "debug"})
    assert printed == ["False", "status 0"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signal_to_a_container_ends_its_fork(supervisor: Supervisor, number: int) -> None:
    text = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    pid, log = run_file(supervisor, text, {})
    assert soon(lambda: log.exists() and log.read_text().endswith("\n"), 60)
    fork = int(log.read_text())
    os.kill(child_with(pid, "an-argument"), number)
    if number == signal.SIGKILL:
        supervisor.stop(pid)
    assert soon(lambda: not alive(fork))
    assert soon(lambda: not supervisor.running(pid))


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
