"""What the users of a stack do with it, through its load balancer: keys, models, limits, spend.

A module of a lifecycle imports all tests, beside those of ``stages``.
"""

from __future__ import annotations

import itertools
import secrets
import sys
import time
from collections.abc import Callable

import pytest
import requests

from tests.harness.lifecycle import web
from tests.harness.lifecycle.run import Lifecycle, outputs
from tests.harness.process.child import soon
from tests.integration.conftest import stage
from tests.integration.probing import Client, watching
from tests.integration.stages import NEXT_WORD, Case

# The names do not change, so that a later stage finds what an earlier one created.
STORED = "a-model-of-the-dashboard"
STORED_ANSWER = "the answer of the stored model"
KEPT = "sk-a-key-that-survives-0123456789"
# LiteLLM keeps a key in the memory of a process, and reads stored models again, in these periods.
SECONDS = 90
# LiteLLM writes spend in batches.
SPEND_SECONDS = 120
LIMIT = 4
# LiteLLM admits at most this many failed sign-ins from an address in a minute.
SIGN_INS = 10
# A store of the emulator restarts in about two seconds, in which every request to it fails.
RETRY_SECONDS = 5


def chat(client: Client, key: str, model: str = "mock") -> requests.Response:
    # A cached answer costs nothing.
    content = f"Hello {secrets.token_hex(4)}"
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    return client.request("/v1/chat/completions", "POST", key, json=body)


def new_key(client: Client, **settings: object) -> str:
    """Create a key in the backend."""
    answer = client.request("/key/generate", "POST", "master", json=settings)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])


def becomes(status: int, ask: Callable[[], requests.Response], seconds: float = SECONDS) -> None:
    """Wait until an answer has a status, and print how long it took."""
    began, seen = time.monotonic(), []

    def done() -> bool:
        seen.append(ask())
        return seen[-1].status_code == status

    assert soon(done, seconds, 0.5), f"{seen[-1].status_code} after {seconds} s: {seen[-1].text}"
    print(f"{status} after {time.monotonic() - began:.1f} s")


@stage("use")
def test_key_of_the_backend_opens_the_gateway_until_deleted(client: Client) -> None:
    key = new_key(client, models=["mock"])
    assert chat(client, key).status_code == 200
    assert chat(client, key, "second").status_code == 403
    answer = client.request("/key/delete", "POST", "master", json={"keys": [key]})
    assert answer.status_code == 200, answer.text
    becomes(401, lambda: chat(client, key))


@stage("use")
def test_stored_model_answers_at_the_gateway(client: Client) -> None:
    params = {
        "model": "openai/gpt-4o-mini",
        "api_key": "none",
        "mock_response": STORED_ANSWER,
    }
    body = {"model_name": STORED, "litellm_params": params}
    answer = client.request("/model/new", "POST", "master", json=body)
    assert answer.status_code == 200, answer.text
    becomes(200, lambda: chat(client, "master", STORED))
    assert STORED_ANSWER in chat(client, "master", STORED).text
    new_key(client, key=KEPT, models=["mock", STORED])
    becomes(200, lambda: chat(client, KEPT, STORED))


@stage("use")
def test_spend_is_recorded_and_ends_at_the_budget(client: Client) -> None:
    key = new_key(client, models=["mock"], max_budget=1e-6)
    assert chat(client, key).status_code == 200

    def spent() -> float:
        answer = client.request(f"/key/info?key={key}", key="master")
        return float(answer.json()["info"]["spend"])

    began = time.monotonic()
    assert soon(lambda: spent() > 0, SPEND_SECONDS, 1), "the chat has no spend"
    print(f"spend after {time.monotonic() - began:.1f} s")
    becomes(422, lambda: chat(client, key))


@stage("reuse")
def test_stored_model_and_key_survive_restarts(client: Client) -> None:
    becomes(200, lambda: chat(client, KEPT, STORED))
    assert STORED_ANSWER in chat(client, KEPT, STORED).text


@stage("reuse")
def test_rate_limit_holds_over_two_gateways(client: Client) -> None:
    # Before a restart of Redis: after five failed calls a process of LiteLLM 1.110.2 counts on its
    # own for 60 s (REDIS_CIRCUIT_BREAKER_RECOVERY_TIMEOUT).
    key = new_key(client, models=["mock"], rpm_limit=LIMIT)
    # The limit is that of a minute of the clock.
    if (left := 60 - time.time() % 60) < 20:
        time.sleep(left)
    statuses = [chat(client, key).status_code for _ in range(3 * LIMIT)]
    # A gateway admits its first request before it has read the shared count. Two gateways that
    # count alone would admit twice the limit.
    assert statuses.count(200) in (LIMIT, LIMIT + 1), statuses
    assert statuses.count(200) + statuses.count(429) == len(statuses), statuses


@stage("reuse")
@pytest.mark.needs("restart")
@pytest.mark.parametrize("kind", ["database", "cache"])
def test_restarted_store_loses_no_request_after_a_retry(
    lifecycle: Lifecycle, client: Client, kind: str
) -> None:
    names = ["a chat completion", "the models of the backend", "the configured models"]
    # A store is away for seconds, so few requests find out.
    with watching(client, names, pause=0.5, retry=RETRY_SECONDS) as seen:
        assert lifecycle.target.restart(kind) == 1
        time.sleep(2 * RETRY_SECONDS)
    assert seen.failed == []
    assert seen.count > len(names)
    # A new key is written to the database, and read from it.
    assert chat(client, new_key(client, models=["mock"])).status_code == 200


def signed_in(client: Client, password: str, **headers: str) -> int:
    """The status of a sign-in to the dashboard."""
    form = {"username": "admin", "password": password}
    return client.request("/v2/login", "POST", json=form, headers=headers).status_code


@stage("reuse")
def test_changed_password_replaces_the_earlier_one(client: Client, case: Case) -> None:
    # Without a password of its own, the dashboard takes the master key.
    assert signed_in(client, case.inputs.get("ui_password") or client.key) == 401
    assert signed_in(client, NEXT_WORD) == 200


# The last one: the address of this machine stays blocked for five minutes.
@stage("reuse")
def test_forged_address_does_not_evade_the_limit(
    lifecycle: Lifecycle, client: Client, case: Case
) -> None:
    forged = (f"203.0.113.{number}" for number in itertools.count(1))

    def attempt(of: Client) -> int:
        return signed_in(of, "a-wrong-password", **{"X-Forwarded-For": next(forged)})

    statuses = [attempt(client) for _ in range(SIGN_INS + 1)]
    assert statuses[0] == 401, statuses
    assert statuses[-1] == 429, statuses
    address = outputs(lifecycle)[case.entry[0]]
    # Only Linux has other addresses on loopback.
    if lifecycle.target.resolve(address) and sys.platform == "linux":
        with lifecycle.target.web(address) as session:
            web.bind(session, "127.0.0.2")
            assert attempt(Client(client.url, session, client.key)) == 401


__all__ = [
    "test_changed_password_replaces_the_earlier_one",
    "test_forged_address_does_not_evade_the_limit",
    "test_key_of_the_backend_opens_the_gateway_until_deleted",
    "test_rate_limit_holds_over_two_gateways",
    "test_restarted_store_loses_no_request_after_a_retry",
    "test_spend_is_recorded_and_ends_at_the_budget",
    "test_stored_model_and_key_survive_restarts",
    "test_stored_model_answers_at_the_gateway",
]
