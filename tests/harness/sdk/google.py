"""Clients of Google Cloud APIs, of Google Cloud or of an emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from google.cloud import run_v2


def _client(name: str, url: str) -> Any:
    # The imports take half a second of a core, and most processes need no client.
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import run_v2

    client = getattr(run_v2, name)
    if not url:
        return client()
    parts = urlsplit(url)
    return client(
        transport=client.get_transport_class("rest")(
            host=parts.netloc,
            url_scheme=parts.scheme,
            credentials=AnonymousCredentials(),
        )
    )


def services(url: str = "") -> run_v2.ServicesClient:
    """A client of Cloud Run services, of the emulator at ``url`` or of Google Cloud."""
    client: run_v2.ServicesClient = _client("ServicesClient", url)
    return client


def jobs(url: str = "") -> run_v2.JobsClient:
    """A client of Cloud Run jobs; see :func:`services`."""
    client: run_v2.JobsClient = _client("JobsClient", url)
    return client


def executions(url: str = "") -> run_v2.ExecutionsClient:
    """A client of Cloud Run executions; see :func:`services`."""
    client: run_v2.ExecutionsClient = _client("ExecutionsClient", url)
    return client
