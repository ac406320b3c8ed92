"""Sessions that reach a load balancer, also where its addresses map to loopback ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

_PORTS = {"http": 80, "https": 443}


class _Mapped(HTTPAdapter):
    """Sends a request for any host to the loopback port that serves its port.

    The certificate is verified for the host of the request.
    """

    def __init__(self, ports: Callable[[], Mapping[int, str]]) -> None:
        self._ports = ports
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(request.url or "")
        wanted = parts.port or _PORTS[parts.scheme]
        address = self._ports().get(wanted)
        if address is None:
            raise requests.ConnectionError(f"nothing listens on port {wanted}", request=request)
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(netloc=address).geturl()
        if parts.scheme == "https":
            pool = self.poolmanager.connection_pool_kw
            pool["assert_hostname"] = pool["server_hostname"] = parts.hostname
        answer = super().send(request, *args, **kwargs)
        # The answer names the URL of the request.
        request.url = answer.url = parts.geturl()
        return answer


def session(
    ports: Callable[[], Mapping[int, str]] | None = None, authority: str = ""
) -> requests.Session:
    """Open a session; with ``ports`` (port to loopback address) it reaches nothing else.

    Args:
        ports: called before each request, because ports open and close.
        authority: a file with the certificate that verifies the servers.
    """
    opened = requests.Session()
    # Neither a proxy nor a certificate of the environment.
    opened.trust_env = False
    if authority:
        opened.verify = authority
    if ports is not None:
        for scheme in _PORTS:
            opened.mount(f"{scheme}://", _Mapped(ports))
    return opened


def bind(opened: requests.Session, address: str) -> None:
    """Send the requests of a new session from an address of this machine."""
    for adapter in opened.adapters.values():
        if isinstance(adapter, HTTPAdapter):
            adapter.poolmanager.connection_pool_kw["source_address"] = (address, 0)
