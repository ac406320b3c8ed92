"""The backends of states that are in a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.sdk import google_addresses

# The backend of S3 has the endpoint of the environment, but no variable for these.
_LOCAL_S3 = {
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
    "skip_requesting_account_id": True,
    "use_path_style": True,
}


def backend(state: str, region: str, endpoint: str = "") -> Mapping[str, Any] | None:
    """The arguments of the backend of a state by its type; None for a state in the folder.

    Sources: Terraform, backends s3 and gcs.

    Args:
        state: ``s3://BUCKET/PREFIX``, ``gs://BUCKET/PREFIX``, or empty.
        region: that of a bucket of S3.
        endpoint: the URL of an emulator. For S3, the environment has it too.
    """
    scheme, _, rest = state.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme == "s3":
        key = f"{prefix}/terraform.tfstate".lstrip("/")
        block = {"bucket": bucket, "key": key, "region": region, "use_lockfile": True}
        return {"s3": {**block, **(_LOCAL_S3 if endpoint else {})}}
    if scheme == "gs":
        return {"gcs": {"bucket": bucket, "prefix": prefix, **_local_gcs(endpoint)}}
    return None


def _local_gcs(endpoint: str) -> Mapping[str, Any]:
    """The address, and a token that no cloud issued, because the backend requires one."""
    if not endpoint:
        return {}
    address = google_addresses.address("storage", endpoint)
    return {"storage_custom_endpoint": address, "access_token": "local"}
