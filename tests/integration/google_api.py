"""Calls of the local server of Google's APIs, waited for."""

from __future__ import annotations

from typing import Any

import requests

from tests.harness.process.child import soon


class Api:
    """Calls of the server's, each waited for."""

    def __init__(self, url: str) -> None:
        self.url, self.session = url, requests.Session()
        self.session.trust_env = False

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        """The answer as it comes."""
        return self.session.request(
            method, f"{self.url}{path}", json=body, params=query, timeout=30
        )

    def done(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The answer once its operation is done; a refusal, there or at once, is returned."""
        answer = self.send(method, path, body, **query).json()
        name = answer.get("selfLink", "").removeprefix(self.url) or f"/v1/{answer.get('name')}"
        if "operations/" not in name:
            return answer
        assert soon(lambda: _ended(self.send("GET", name).json()))
        return self.send("GET", name).json()


def _ended(operation: Any) -> bool:
    return bool(operation.get("done") or operation.get("status") == "DONE")
