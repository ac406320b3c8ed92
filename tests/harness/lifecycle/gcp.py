"""The control plane of Google Cloud for a stack, by the Cloud Run client and REST APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

from tests.harness.lifecycle import naming
from tests.harness.lifecycle.sweep import Sweep
from tests.harness.lifecycle.target import (
    ControlPlane,
    Domain,
    Existing,
    Run,
    Service,
    ZoneError,
)
from tests.harness.process.child import soon
from tests.harness.sdk import google as google_clients
from tests.harness.sdk.google_addresses import address

_COMPONENTS = ("gateway", "backend", "ui")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_CALL_SECONDS = 60
# A sweep ends after this time, or if it deletes nothing for the second one.
_SWEEP_SECONDS = 600
_STALLED_SECONDS = 60
# Google issues a managed certificate up to an hour after its domain points to the load balancer.
_ISSUE_SECONDS = 3600
_TTL_SECONDS = 60
# The collections of a stack's resources, dependents first: service, path, field of the list.
_COLLECTIONS = (
    ("compute", "projects/{project}/global/forwardingRules", "items"),
    ("compute", "projects/{project}/global/targetHttpProxies", "items"),
    ("compute", "projects/{project}/global/targetHttpsProxies", "items"),
    ("compute", "projects/{project}/global/urlMaps", "items"),
    ("compute", "projects/{project}/global/backendServices", "items"),
    ("compute", "projects/{project}/regions/{region}/networkEndpointGroups", "items"),
    ("compute", "projects/{project}/global/sslCertificates", "items"),
    ("compute", "projects/{project}/global/sslPolicies", "items"),
    ("cloud_run_v2", "projects/{project}/locations/{region}/services", "services"),
    ("cloud_run_v2", "projects/{project}/locations/{region}/jobs", "jobs"),
    ("redis", "projects/{project}/locations/{region}/instances", "instances"),
    ("sql", "projects/{project}/instances", "items"),
    ("sql", "projects/{project}/backups", "backups"),
    ("secret_manager", "projects/{project}/secrets", "secrets"),
    ("storage", "b", "items"),
    ("artifact_registry", "projects/{project}/locations/{region}/repositories", "repositories"),
    ("iam", "projects/{project}/serviceAccounts", "accounts"),
    ("vpc_access", "projects/{project}/locations/{region}/connectors", "connectors"),
    ("compute", "projects/{project}/global/addresses", "items"),
    ("compute", "projects/{project}/global/firewalls", "items"),
    ("compute", "projects/{project}/regions/{region}/subnetworks", "items"),
    ("compute", "projects/{project}/global/networks", "items"),
)


# These take no labels, except addresses and forwarding rules, which get theirs in a second call.
_LATE = frozenset({"compute", "iam", "vpc_access"})


class ViewError(RuntimeError):
    """An API returned an error."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A project and a region, at Google or at the server of ``url``."""

    project: str
    region: str
    url: str
    session: requests.Session

    def ask(self, method: str, service: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer of an API; None for 404."""
        answer = self.session.request(
            method,
            address(service, self.url) + path,
            params=query or None,
            json=body,
            timeout=_CALL_SECONDS,
        )
        if answer.status_code == 404:
            return None
        if answer.status_code >= 400:
            raise ViewError(f"{method} {path}: {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else {}


@dataclass(frozen=True, slots=True)
class _Item:
    """A resource: its service, path and document."""

    service: str
    path: str
    document: Mapping[str, Any]


def _is_of(stack: str, project: str) -> Callable[[_Item], bool]:
    """Whether a resource belongs to a stack: by its label; without the label, by its name."""

    def is_of(item: _Item) -> bool:
        labels = _labels(item.document)
        if item.service == "dns":
            return False
        if "litellm-stack" in labels:
            return labels["litellm-stack"] == stack
        return _named(_existing(item), stack, project)

    return is_of


def _named(existing: Existing, stack: str, project: str) -> bool:
    return naming.named(existing.names, stack, f"{project}-{stack}")


def _existing(item: _Item) -> Existing:
    if item.service == "dns":
        labels = tuple(item.document["name"].rstrip(".").split("."))
        return Existing("dns rrsets", item.path, labels, {}, late=True, outside=True)
    collection, name = item.path.rsplit("/", 2)[-2:]
    # The name of a backup is a number; its instance has a name of the stack.
    names = (name, item.document.get("instance", "").rsplit("/", 1)[-1])
    late = item.service in _LATE or collection == "backups"
    return Existing(f"{item.service} {collection}", item.path, names, _labels(item.document), late)


def _labels(document: Mapping[str, Any]) -> Mapping[str, str]:
    return document.get("labels") or document.get("settings", {}).get("userLabels") or {}


def _items(place: _Place, stack: str) -> Iterator[_Item]:
    return filter(_is_of(stack, place.project), _everything(place))


def _everything(place: _Place) -> Iterator[_Item]:
    for service, template, field in _COLLECTIONS:
        path = template.format(project=place.project, region=place.region)
        query = {"project": place.project} if service == "storage" else {}
        for document in _listed(place, service, path, field, **query):
            name = document.get("email") or document["name"].rsplit("/", 1)[-1]
            yield _Item(service, f"{path}/{quote(name)}", document)
    zones = f"projects/{place.project}/managedZones"
    for zone in _listed(place, "dns", zones, "managedZones"):
        path = f"{zones}/{zone['name']}/rrsets"
        for document in _listed(place, "dns", path, "rrsets"):
            # The records of a zone itself are not a run's.
            if document["name"] != zone["dnsName"]:
                yield _Item("dns", f"{path}/{quote(document['name'])}/{document['type']}", document)


def _listed(
    place: _Place, service: str, path: str, field: str, **query: str
) -> Iterator[Mapping[str, Any]]:
    """The documents of a collection, from all its pages."""
    token = ""
    while True:
        page = {"pageToken": token} if token else {}
        answer = place.ask("GET", service, path, **query, **page) or {}
        yield from answer.get(field, [])
        token = answer.get("nextPageToken", "")
        if not token:
            break


def _services(place: _Place, stack: str) -> Mapping[str, Service]:
    client = google_clients.services(place.url)
    parent = f"projects/{place.project}/locations/{place.region}"
    services = {}
    for service in client.list_services(parent=parent):
        if service.labels.get("litellm-stack") != stack:
            continue
        name = service.name.rsplit("/", 1)[-1]
        component = next(part for part in _COMPONENTS if name.endswith(f"-{part}"))
        succeeded = service.terminal_condition.state.name == "CONDITION_SUCCEEDED"
        services[component] = Service(
            component,
            name,
            service.template.containers[0].image,
            succeeded and service.latest_ready_revision == service.latest_created_revision,
            service.terminal_condition.message,
            dict(service.labels),
        )
    return services


def _runs(place: _Place, stack: str) -> list[Run]:
    parent = f"projects/{place.project}/locations/{place.region}"
    client = google_clients.executions(place.url)
    return [
        Run(
            execution.name.rsplit("/", 1)[-1],
            execution.succeeded_count == execution.task_count,
            "; ".join(condition.message for condition in execution.conditions if condition.message),
        )
        for job in google_clients.jobs(place.url).list_jobs(parent=parent)
        if job.labels.get("litellm-stack") == stack
        for execution in client.list_executions(parent=job.name)
    ]


def _tags(place: _Place, stack: str) -> Mapping[str, Mapping[str, str]]:
    return {
        item.path: labels for item in _items(place, stack) if (labels := _labels(item.document))
    }


def _secrets(place: _Place, stack: str) -> Mapping[str, bool]:
    current = {}
    for item in _items(place, stack):
        if item.service == "secret_manager":
            versions = place.ask("GET", item.service, f"{item.path}/versions") or {}
            states = [version["state"] for version in versions.get("versions", [])]
            current[item.path.rsplit("/", 1)[-1]] = "ENABLED" in states
    return current


def _store(place: _Place, bucket: str, name: str, data: bytes | None) -> None:
    if data is None:
        place.ask("DELETE", "storage", f"b/{bucket}/o/{quote(name, safe='')}")
        return
    # Uploads have another base path.
    url = address("storage", place.url).replace("/storage/v1/", "/upload/storage/v1/")
    answer = place.session.post(
        f"{url}b/{bucket}/o",
        params={"uploadType": "media", "name": name},
        data=data,
        timeout=_CALL_SECONDS,
    )
    if answer.status_code >= 400:
        raise ViewError(f"{name} in {bucket}: {answer.status_code}: {answer.text[:500]}")


def _leftovers(place: _Place, stack: str) -> list[str]:
    return [item.path for item in _items(place, stack)]


def _remove(place: _Place, found: Callable[[], Iterator[_Item]]) -> list[str]:
    return Sweep(
        resources=lambda: list(found()),
        name=lambda item: item.path,
        delete=lambda item: _delete(place, item),
        refused=(ViewError,),
        seconds=_SWEEP_SECONDS,
        stalled_seconds=_STALLED_SECONDS,
        pause_seconds=0.5,
    ).run()


# ---- Domains ----


def _records(place: _Place, domain: Domain) -> str:
    """The path of the records of a public zone."""
    zones = f"projects/{place.project}/managedZones"
    for zone in _listed(place, "dns", zones, "managedZones", dnsName=f"{domain.zone}."):
        if zone.get("visibility", "public") == "public":
            return f"{zones}/{zone['name']}/rrsets"
    raise ZoneError(f"the project has no public managed zone {domain.zone}")


def _certify(place: _Place, domain: Domain) -> Mapping[str, Any]:
    """The inputs for a domain. The module creates the certificate."""
    _records(place, domain)
    return {"lb_domains": [domain.host], "allow_plaintext_lb": False}


def _point(place: _Place, domain: Domain, outputs: Mapping[str, Any]) -> None:
    """Write the record of a domain, and wait until its certificate is active.

    Raises:
        ZoneError: there is no such zone, or the certificate is not active in time.
    """
    path, name = _records(place, domain), f"{domain.host}."
    record = {"name": name, "type": "A", "ttl": _TTL_SECONDS, "rrdatas": [outputs["lb_ip"]]}
    known = place.ask("GET", "dns", f"{path}/{name}/A")
    if known is None:
        place.ask("POST", "dns", path, body=record)
    elif known["rrdatas"] != record["rrdatas"]:
        place.ask("PATCH", "dns", f"{path}/{name}/A", body=record)
    if not soon(lambda: "ACTIVE" in _certificates(place, domain.host), _ISSUE_SECONDS, 5):
        raise ZoneError(
            f"the certificate of {domain.host} is {', '.join(_certificates(place, domain.host))}: "
            f"is the zone {domain.zone} delegated to Cloud DNS?"
        )


def _certificates(place: _Place, host: str) -> list[str]:
    """The states of the managed certificates of a host."""
    path = f"projects/{place.project}/global/sslCertificates"
    found = (item.get("managed", {}) for item in _listed(place, "compute", path, "items"))
    return [item.get("status", "") for item in found if host in item.get("domains", ())]


def _place(place: _Place) -> str:
    answer = place.ask("GET", "cloud_resource_manager", f"projects/{place.project}")
    if answer is None:
        raise ViewError(f"there is no project {place.project}")
    return str(answer["projectId"])


def _delete(place: _Place, item: _Item) -> None:
    if item.service == "storage":
        objects = place.ask("GET", "storage", f"{item.path}/o", versions="true") or {}
        for item_object in objects.get("items", []):
            path = f"{item.path}/o/{quote(item_object['name'], safe='')}"
            place.ask("DELETE", "storage", path, generation=item_object["generation"])
    place.ask("DELETE", item.service, item.path)


def control_plane(project: str, region: str, url: str = "") -> ControlPlane:
    """The control plane of a project's region: Google, or the emulator at ``url``."""
    if url:
        session = requests.Session()
        session.trust_env = False
    else:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        session = AuthorizedSession(credentials)
    place = _Place(project, region, url, session)
    return ControlPlane(
        services=lambda stack: _services(place, stack),
        runs=lambda stack: _runs(place, stack),
        tags=lambda stack: _tags(place, stack),
        secrets=lambda stack: _secrets(place, stack),
        store=lambda bucket, name, data: _store(place, bucket, name, data),
        leftovers=lambda stack: _leftovers(place, stack),
        sweep=lambda stack: _remove(place, lambda: _items(place, stack)),
        place=lambda: _place(place),
        existing=lambda: [_existing(item) for item in _everything(place)],
        remove=lambda belongs: _remove(
            place, lambda: filter(lambda item: belongs(_existing(item)), _everything(place))
        ),
        named=lambda existing, stack: _named(existing, stack, place.project),
        listed=lambda _key, _value, _existing: [],
        certify=lambda domain: _certify(place, domain),
        point=lambda domain, outputs: _point(place, domain, outputs),
    )
