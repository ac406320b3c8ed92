"""Sessions that reach a load balancer, also where its addresses stand for loopback ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

_PORTS = {"http": 80, "https": 443}


class _Mapped(HTTPAdapter):
    """Sends a request for any host to the loopback port that serves its port.

    The certificate is checked for the host that was asked for.
    """

    def __init__(self, ports: Callable[[], Mapping[int, str]]) -> None:
        self._ports = ports
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(request.url or "")
        wanted = parts.port or _PORTS[parts.scheme]
        there = self._ports().get(wanted)
        if there is None:
            raise requests.ConnectionError(f"nothing listens on port {wanted}", request=request)
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(netloc=there).geturl()
        if parts.scheme == "https":
            pool = self.poolmanager.connection_pool_kw
            pool["assert_hostname"] = pool["server_hostname"] = parts.hostname
        answer = super().send(request, *args, **kwargs)
        # So that an answer names what was asked for.
        request.url = answer.url = parts.geturl()
        return answer


def session(
    ports: Callable[[], Mapping[int, str]] | None = None, authority: str = ""
) -> requests.Session:
    """A session; with ``ports`` (port to address on loopback) it goes nowhere else.

    Args:
        ports: asked before each request, for a port may come and go.
        authority: a file with the certificate that the servers' are checked with.
    """
    made = requests.Session()
    # Neither a proxy nor a certificate of the environment's.
    made.trust_env = False
    if authority:
        made.verify = authority
    if ports is not None:
        for scheme in _PORTS:
            made.mount(f"{scheme}://", _Mapped(ports))
    return made
