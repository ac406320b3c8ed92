"""Service Usage: the APIs of a project. Every API that a stack needs is enabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import Cloud, Document, Operation
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.control_plane.http import body_of
from tests.harness.emulators.gcp.services.iam import project_number
from tests.harness.sdk.google_addresses import SERVICES

_ENABLED = sorted({host for host, _ in SERVICES.values()})
# The other APIs that a reader enables for the tests on an account.
_KNOWN = {*_ENABLED, "iamcredentials.googleapis.com"}


def _service(project: str, name: str) -> Document:
    parent = f"projects/{project_number(project)}"
    return {
        "name": f"{parent}/services/{name}",
        "parent": parent,
        "config": {"name": name},
        "state": "ENABLED",
    }


def _list(_cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    return {"services": [_service(place["project"], name) for name in _ENABLED]}


def _enable(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    """Refuse names of APIs that do not exist; the others are enabled already."""
    names = body_of(request).get("serviceIds") or [place.get("service", "")]
    if unknown := [name for name in names if name not in _KNOWN]:
        raise ApiError(403, f"Not found or permission denied for service(s): {unknown[0]}.")
    operation = Operation(f"acf.{cloud.number()}", "lro", "enable", "", {})
    operation.answer = {"services": [_service(place["project"], name) for name in names]}
    operation.done.set()
    cloud.operations[operation.id] = operation
    return cloud.operation_document(operation)


_P = r"/v1/projects/(?P<project>[^/:]+)/services"
ROUTES = (
    ("GET", _P, _list),
    ("POST", _P + ":batchEnable", _enable),
    ("POST", _P + r"/(?P<service>[^/:]+):enable", _enable),
)
