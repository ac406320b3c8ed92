"""Addresses and clients of Google Cloud APIs, of Google Cloud or of an emulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.run_v2.services.executions.transports import ExecutionsRestTransport
from google.cloud.run_v2.services.jobs.transports import JobsRestTransport
from google.cloud.run_v2.services.services.transports import ServicesRestTransport

# The host and the path of each service, by its name in the provider block of the google provider.
# Source: the provider's documentation, default endpoints.
SERVICES: Mapping[str, tuple[str, str]] = {
    "artifact_registry": ("artifactregistry.googleapis.com", "v1/"),
    "cloud_resource_manager": ("cloudresourcemanager.googleapis.com", "v1/"),
    "cloud_run_v2": ("run.googleapis.com", "v2/"),
    "compute": ("compute.googleapis.com", "compute/v1/"),
    "dns": ("dns.googleapis.com", "dns/v1/"),
    "iam": ("iam.googleapis.com", "v1/"),
    "iam_beta": ("iam.googleapis.com", "v1beta/"),
    "redis": ("redis.googleapis.com", "v1/"),
    "resource_manager": ("cloudresourcemanager.googleapis.com", "v1/"),
    "secret_manager": ("secretmanager.googleapis.com", "v1/"),
    "service_networking": ("servicenetworking.googleapis.com", "v1/"),
    "sql": ("sqladmin.googleapis.com", "sql/v1beta4/"),
    "storage": ("storage.googleapis.com", "storage/v1/"),
    "vpc_access": ("vpcaccess.googleapis.com", "v1/"),
}


def address(service: str, url: str = "") -> str:
    """The base URL of a service: of Google Cloud, or of the emulator at ``url``."""
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
