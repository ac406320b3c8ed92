"""Requests through the load balancer of a stack, once and continuously during a change."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.harness import documents, paths

PROBES: Mapping[str, Mapping[str, Any]] = {
    entry["name"]: entry for entry in documents.read(paths.PROBES)
}
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Client:
    """The load balancer of a stack: its base URL, a session that reaches it, the master key."""

    url: str
    session: requests.Session
    key: str = field(repr=False)

    def request(
        self,
        path: str,
        method: str = "GET",
        key: str = "",
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> requests.Response:
        """Send a request; ``key`` is master, wrong, or the key. A redirect is not followed."""
        token = {"master": self.key, "wrong": "sk-not-the-key"}.get(key, key)
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return self.session.request(
            method,
            f"{self.url}{path}",
            headers={**authorization, **(headers or {})},
            timeout=_SECONDS,
            allow_redirects=False,
            **options,
        )


def failures(client: Client, probe: Mapping[str, Any]) -> list[str]:
    """The errors in the answer to a probe."""
    options = {"json": probe["json"]} if "json" in probe else {}
    answer = client.request(
        probe["path"], probe.get("method", "GET"), probe.get("key", ""), **options
    )
    request = f"{probe.get('method', 'GET')} {client.url}{probe['path']}"
    errors = []
    if answer.status_code != probe["status"]:
        expected = probe["status"]
        errors.append(f"{request}: {answer.status_code}, not {expected}: {answer.text[:300]}")
    elif probe.get("text", "") not in answer.text:
        errors.append(f"{request}: {probe['text']!r} is not in {answer.text[:300]!r}")
    return errors


def _tried(client: Client, name: str, probe: Mapping[str, Any], retry: float | None) -> list[str]:
    """The errors of the last try of a probe."""
    try:
        found = failures(client, probe)
    except requests.RequestException as error:
        found = [f"{name}: {error}"]
    if not found or retry is None:
        return found
    time.sleep(retry)
    return _tried(client, name, probe, None)


@dataclass(slots=True)
class Watch:
    """The result of a watch: the number of requests, and the failures."""

    count: int = 0
    failed: list[str] = field(default_factory=list)


@contextlib.contextmanager
def watching(
    client: Client, names: list[str], pause: float = 0.1, *, retry: float | None = None
) -> Iterator[Watch]:
    """Send probes one after another until the block ends.

    Args:
        client: the load balancer.
        names: the names of the probes.
        pause: the seconds between two rounds.
        retry: the seconds after which a failed probe is sent once more, before it counts as
            failed; None for no retry.
    """
    result, ended = Watch(), threading.Event()
    probes = {name: PROBES[name] for name in names}

    def watch() -> None:
        while not ended.is_set():
            for name, probe in probes.items():
                result.failed += _tried(client, name, probe, retry)
                result.count += 1
            time.sleep(pause)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield result
    finally:
        ended.set()
        thread.join()
