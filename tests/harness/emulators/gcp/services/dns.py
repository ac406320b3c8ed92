"""Cloud DNS: the records of a zone, by their name and type.

Source: Cloud DNS API, resourceRecordSets and managedZones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import Cloud, Document, Hooks, Resource, table
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.control_plane.http import body_of

Key = tuple[str, str]
"""The name and the type of a record."""


def _complete(cloud: Cloud, resource: Resource) -> None:
    cloud.output(resource, kind="dns#managedZone", id=str(cloud.number()))
    resource.body.setdefault("visibility", "public")
    name = resource.body["dnsName"]
    start = {"name": name, "type": "SOA", "ttl": 21600, "rrdatas": ["ns.example. a.example. 1"]}
    resource.private["records"] = {(name, "SOA"): start}


def _check_empty(_cloud: Cloud, resource: Resource) -> None:
    if len(resource.private["records"]) > 1:
        message = f"The zone '{resource.id}' is not empty."
        raise ApiError(400, message, "containerNotEmpty")


def _records(cloud: Cloud, place: Mapping[str, str]) -> dict[Key, Document]:
    path = table()["managedZones"].path.format(project=place["project"])
    zone = cloud.resources.get(f"{path}/{place['zone']}")
    if zone is None:
        raise ApiError(
            404, f"The 'parameters.managedZone' resource named '{place['zone']}' does not exist."
        )
    records: dict[Key, Document] = zone.private["records"]
    return records


def _list(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    return {"rrsets": list(_records(cloud, place).values())}


def _create(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    document = {**body_of(request), "kind": "dns#resourceRecordSet"}
    key = document["name"], document["type"]
    with cloud.lock:
        records = _records(cloud, place)
        if key in records:
            raise ApiError(409, f"The resource 'entity.rrset' named '{key[0]} ({key[1]})' exists.")
        records[key] = document
    return document


def _record(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    key = place["name"], place["type"]
    with cloud.lock:
        records = _records(cloud, place)
        if key not in records:
            raise ApiError(404, f"The 'parameters.name' resource named '{key[0]}' does not exist.")
        if request.method == "DELETE":
            del records[key]
            return {}
        if request.method == "PATCH":
            records[key] |= body_of(request)
        return records[key]


_RRSETS = r"/dns/v1/projects/(?P<project>[^/]+)/managedZones/(?P<zone>[^/]+)/rrsets"
_ONE = _RRSETS + r"/(?P<name>[^/]+)/(?P<type>[A-Z]+)"
ROUTES = (
    ("GET", _RRSETS, _list),
    ("POST", _RRSETS, _create),
    *((method, _ONE, _record) for method in ("GET", "PATCH", "DELETE")),
)
HOOKS = {"managedZones": Hooks(create=_complete, check_deletion=_check_empty)}
