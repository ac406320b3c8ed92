"""The gcloud CLI of this machine, against the Google Cloud emulator.

No package index has gcloud, so it runs where it is on PATH.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.harness.process import shims

# The APIs that the documents' commands call, by their names in gcloud's properties, each with the
# path of its address. Source: gcloud topic configurations, api_endpoint_overrides.
_PATHS: Mapping[str, str] = {
    "artifactregistry": "",
    "cloudresourcemanager": "",
    "compute": "compute/v1/",
    "iam": "",
    "logging": "",
    "redis": "",
    "run": "",
    "secretmanager": "",
    "servicenetworking": "",
    "serviceusage": "",
    "sql": "",
    "storage": "storage/v1/",
    "vpcaccess": "",
}
LACKING = "no gcloud on PATH"


def program() -> str:
    """The path of gcloud; empty if PATH has none."""
    return shutil.which("gcloud") or ""


def install(folder: Path, url: str, project: str) -> dict[str, str]:
    """Link the command into a folder; returns the variables with which it reaches an emulator.

    It has its own configuration and no credentials. The emulator is its proxy, and refuses every
    other host.

    Args:
        folder: an existing folder for the link and the configuration.
        url: the URL of the emulator.
        project: the project of commands that name none.
    """
    (folder / "gcloud").symlink_to(program())
    proxy = urlsplit(url)
    properties = {
        **{f"api_endpoint_overrides_{name}": f"{url}/{path}" for name, path in _PATHS.items()},
        "auth_disable_credentials": "true",
        "component_manager_disable_update_check": "true",
        "core_check_gce_metadata": "false",
        "core_disable_color": "true",
        "core_disable_file_logging": "true",
        "core_disable_prompts": "true",
        "core_disable_usage_reporting": "true",
        "core_project": project,
        # Without a tunnel: Cloud Run's host is below the emulator's address and does not resolve.
        "proxy_type": "http_no_tunnel",
        "proxy_address": str(proxy.hostname),
        "proxy_port": str(proxy.port),
    }
    return {
        **shims.first_on_path(folder),
        **{f"CLOUDSDK_{name.upper()}": value for name, value in properties.items()},
        "CLOUDSDK_CONFIG": str(folder / "gcloud-configuration"),
        # Without bold text.
        "TERM": "dumb",
    }
