"""The addresses of Google Cloud APIs, of Google Cloud or of an emulator."""

from __future__ import annotations

from collections.abc import Mapping

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
