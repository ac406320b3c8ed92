"""LiteLLM, started as the planned gateway, answers through the planned load balancer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
import requests
import yaml

from tests.harness.emulators.parts import load_balancers
from tests.harness.litellm import release, server
from tests.harness.paths import CONFIGURATIONS
from tests.harness.plan.containers import containers
from tests.harness.process.supervisor import supervising
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.integration.conftest import planned

KEY = "sk-a-master-key-of-the-test-0123456789"
ANSWER = "the mocked answer"
SHAPES: Mapping[str, Mapping[str, Any]] = {
    shape["name"]: shape for shape in yaml.safe_load(CONFIGURATIONS.read_text())
}
MOCK = {"model": "openai/mock", "api_key": "none", "mock_response": ANSWER}


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One configuration: lists are joined, maps are merged."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            whole[key] = whole[key] + value if isinstance(value, list) and key in whole else value
    return whole


# Without database and Redis. Keys of the database are not tested here.
INPUTS: Mapping[str, Any] = {
    "create_database": False,
    "create_redis": False,
    "proxy_config": {"model_list": [{"model_name": "mock", "litellm_params": MOCK}]},
}
CHAT = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module", params=sorted(STACKS))
def url(request: pytest.FixtureRequest, resolved_session: planning.Session) -> Iterator[str]:
    """The URL of the load balancer of a stack with a running gateway."""
    parts = [INPUTS["proxy_config"], *(shape["configuration"] for shape in SHAPES.values())]
    plan = planned(resolved_session, request.param, {**INPUTS, "proxy_config": merged(parts)})
    with supervising() as supervisor:
        port = server.start(
            supervisor,
            release.installed(),
            containers(plan)["gateway"],
            {"LITELLM_MASTER_KEY": KEY, "LITELLM_SALT_KEY": KEY},
            server.configuration(plan),
        )
        # No server listens for the other components.
        upstreams = {"gateway": port, "backend": 1, "ui": 1}
        ports = load_balancers.start(supervisor, load_balancers.listeners(plan), upstreams)
        yield f"http://127.0.0.1:{ports[80]}"


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """A client that ignores the proxies of the machine."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def with_key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_models_come_from_the_uploaded_configuration(url: str, client: requests.Session) -> None:
    answer = client.get(f"{url}/v1/models", headers=with_key(KEY), timeout=10)
    assert answer.status_code == 200, answer.text
    # A wildcard lists the models of the provider.
    names = [model["id"] for model in answer.json()["data"]]
    assert {"mock", "described", "pooled"} <= set(names)


@pytest.mark.parametrize("name", SHAPES)
def test_gateway_answers_with_a_public_shape(url: str, client: requests.Session, name: str) -> None:
    shape = SHAPES[name]
    body = shape.get("body", {"messages": CHAT["messages"]}) | {"model": shape["model"]}
    path = shape.get("path", "/v1/chat/completions")
    answer = client.post(url + path, headers=with_key(KEY), json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert shape["text"] in answer.text


def test_gateway_answers_a_chat(url: str, client: requests.Session) -> None:
    answer = client.post(f"{url}/v1/chat/completions", headers=with_key(KEY), json=CHAT, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == ANSWER


def test_streamed_chat_comes_in_chunks(url: str, client: requests.Session) -> None:
    body = {**CHAT, "stream": True}
    with client.post(
        f"{url}/v1/chat/completions", headers=with_key(KEY), json=body, timeout=10, stream=True
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.decode() for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    pieces = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    texts = [piece["choices"][0]["delta"].get("content") or "" for piece in pieces]
    assert "".join(texts) == ANSWER
    assert sum(map(bool, texts)) > 1


@pytest.mark.parametrize("headers", [{}, with_key("sk-another-key")], ids=["no-key", "wrong-key"])
def test_request_without_the_master_key_is_refused(
    url: str, client: requests.Session, headers: dict[str, str]
) -> None:
    answer = client.post(f"{url}/v1/chat/completions", headers=headers, json=CHAT, timeout=10)
    # Without a database LiteLLM cannot look up a key and answers 400.
    assert answer.status_code == (400 if headers else 401), answer.text
    assert ANSWER not in answer.text


def test_foreign_path_does_not_reach_the_gateway(url: str, client: requests.Session) -> None:
    answer = client.get(f"{url}/key/list", headers=with_key(KEY), timeout=10)
    assert answer.status_code == 503


def test_secret_without_a_value_is_named(resolved_session: planning.Session) -> None:
    container = containers(planned(resolved_session, "gcp", INPUTS))["gateway"]
    with (
        supervising() as supervisor,
        pytest.raises(server.LiteLLMError, match="LITELLM_MASTER_KEY"),
    ):
        server.start(supervisor, release.installed(), container, {}, "{}")
