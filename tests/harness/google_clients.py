"""Google's own clients of Cloud Run, against Google or against a server on loopback."""

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
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        )
    )


def services(url: str = "") -> run_v2.ServicesClient:
    """A client of services: of Google's with the credentials found, or of the server at ``url``."""
    found: run_v2.ServicesClient = _client(run_v2.ServicesClient, ServicesRestTransport, url)
    return found


def jobs(url: str = "") -> run_v2.JobsClient:
    """A client of jobs, as :func:`services`."""
    found: run_v2.JobsClient = _client(run_v2.JobsClient, JobsRestTransport, url)
    return found


def executions(url: str = "") -> run_v2.ExecutionsClient:
    """A client of executions, as :func:`services`."""
    found: run_v2.ExecutionsClient = _client(run_v2.ExecutionsClient, ExecutionsRestTransport, url)
    return found
