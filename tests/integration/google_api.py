"""Calls of the Google Cloud emulator that wait for their operations."""

from __future__ import annotations

from typing import Any

import requests

from tests.harness.process.child import soon


class Api:
    """A client of the emulator."""

    def __init__(self, url: str) -> None:
        self.url, self.session = url, requests.Session()
        self.session.trust_env = False

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        """Send a request; returns the response."""
        return self.session.request(
            method, f"{self.url}{path}", json=body, params=query, timeout=30
        )

    def done(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request and wait for its operation; returns the answer, or the refusal."""
        answer = self.send(method, path, body, **query).json()
        name = answer.get("selfLink", "").removeprefix(self.url) or f"/v1/{answer.get('name')}"
        if "operations/" not in name:
            return answer
        assert soon(lambda: _is_done(self.send("GET", name).json()))
        return self.send("GET", name).json()


def _is_done(operation: Any) -> bool:
    return bool(operation.get("done") or operation.get("status") == "DONE")
