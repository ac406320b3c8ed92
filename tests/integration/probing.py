"""Requests through a stack's load balancer, once and all the time while it changes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import yaml

from tests.harness import paths

PROBES: Mapping[str, Mapping[str, Any]] = {
    entry["name"]: entry for entry in yaml.safe_load(paths.PROBES.read_text())
}
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Door:
    """A stack's load balancer: where its URLs begin, a session that reaches it, the master key."""

    url: str
    session: requests.Session
    key: str = field(repr=False)

    def ask(self, path: str, method: str = "GET", key: str = "", **more: Any) -> requests.Response:
        """Send a request; ``key`` is master, wrong or none. A redirect is not followed."""
        given = {"master": self.key, "wrong": "sk-not-the-key"}.get(key)
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        return self.session.request(
            method,
            f"{self.url}{path}",
            headers=headers,
            timeout=_SECONDS,
            allow_redirects=False,
            **more,
        )


def failures(door: Door, probe: Mapping[str, Any]) -> list[str]:
    """What is wrong with a probe's answer."""
    more = {"json": probe["json"]} if "json" in probe else {}
    answer = door.ask(probe["path"], probe.get("method", "GET"), probe.get("key", ""), **more)
    wanted = probe["status"] if isinstance(probe["status"], list) else [probe["status"]]
    asked = f"{probe.get('method', 'GET')} {door.url}{probe['path']}"
    found = []
    if answer.status_code not in wanted:
        found.append(f"{asked}: {answer.status_code}, not {wanted}: {answer.text[:300]}")
    elif probe.get("text", "") not in answer.text:
        found.append(f"{asked}: {probe['text']!r} is not in {answer.text[:300]!r}")
    return found


@dataclass(slots=True)
class Watch:
    """What a watch saw: how many requests there were, and those that failed."""

    count: int = 0
    failed: list[str] = field(default_factory=list)


@contextlib.contextmanager
def watching(door: Door, names: list[str], pause: float = 0.1) -> Iterator[Watch]:
    """Send probes one after the other for as long as the block lasts."""
    seen, over = Watch(), threading.Event()

    def watch() -> None:
        while not over.is_set():
            for name in names:
                try:
                    seen.failed += failures(door, PROBES[name])
                except requests.RequestException as error:
                    seen.failed.append(f"{name}: {error}")
                seen.count += 1
            time.sleep(pause)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
