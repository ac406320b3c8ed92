"""Clients of Google Cloud APIs, of Google Cloud or of an emulator."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.run_v2.services.executions.transports import ExecutionsRestTransport
from google.cloud.run_v2.services.jobs.transports import JobsRestTransport
from google.cloud.run_v2.services.services.transports import ServicesRestTransport


def _client(client: Any, transport: Any, url: str) -> Any:
    if not url:
        return client()
    parts = urlsplit(url)
    return client(
        transport=transport(
            host=parts.netloc,
            url_scheme=parts.scheme,
            credentials=AnonymousCredentials(),
        )
    )


def services(url: str = "") -> run_v2.ServicesClient:
    """A client of Cloud Run services, of the emulator at ``url`` or of Google Cloud."""
    client: run_v2.ServicesClient = _client(run_v2.ServicesClient, ServicesRestTransport, url)
    return client


def jobs(url: str = "") -> run_v2.JobsClient:
    """A client of Cloud Run jobs; see :func:`services`."""
    client: run_v2.JobsClient = _client(run_v2.JobsClient, JobsRestTransport, url)
    return client


def executions(url: str = "") -> run_v2.ExecutionsClient:
    """A client of Cloud Run executions; see :func:`services`."""
    client: run_v2.ExecutionsClient = _client(run_v2.ExecutionsClient, ExecutionsRestTransport, url)
    return client
