"""Google's APIs: their addresses, and clients, against Google or against a server on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.run_v2.services.executions.transports import ExecutionsRestTransport
from google.cloud.run_v2.services.jobs.transports import JobsRestTransport
from google.cloud.run_v2.services.services.transports import ServicesRestTransport

# The host and the path of each service, by the name that the google provider gives it in its
# provider block. Source: the provider's documentation, default endpoints.
SERVICES: Mapping[str, tuple[str, str]] = {
    "artifact_registry": ("artifactregistry.googleapis.com", "v1/"),
    "cloud_resource_manager": ("cloudresourcemanager.googleapis.com", "v1/"),
    "cloud_run_v2": ("run.googleapis.com", "v2/"),
    "compute": ("compute.googleapis.com", "compute/v1/"),
    "iam": ("iam.googleapis.com", "v1/"),
    "redis": ("redis.googleapis.com", "v1/"),
    "secret_manager": ("secretmanager.googleapis.com", "v1/"),
    "service_networking": ("servicenetworking.googleapis.com", "v1/"),
    "sql": ("sqladmin.googleapis.com", "sql/v1beta4/"),
    "storage": ("storage.googleapis.com", "storage/v1/"),
    "vpc_access": ("vpcaccess.googleapis.com", "v1/"),
}


def address(service: str, url: str = "") -> str:
    """Where a service's API begins: Google's own, or that of the server at ``url``."""
    host, path = SERVICES[service]
    return f"{url or f'https://{host}'}/{path}"


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
