"""The load balancer: Envoy serves the forwarding rules, URL maps and serverless groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Document,
    Hooks,
    Operation,
    Resource,
    table,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.control_plane.http import body_of
from tests.harness.emulators.gcp.services.iam import has_role, project, project_number
from tests.harness.emulators.parts.load_balancers import (
    Listener,
    to_google_service,
    url_map_routes,
)
from tests.harness.process.ports import free_port

# The answer of Cloud Run to a client that has_role not invoke a service.
_FORBIDDEN = {"direct_response": {"status": 403, "body": {"inline_string": "Forbidden"}}}
_NO_BACKEND = {"direct_response": {"status": 502, "body": {"inline_string": "no backend"}}}
_PROXIES = ("targetHttpProxies", "targetHttpsProxies")
Route = dict[str, Any]


def _target(cloud: Cloud, place: Mapping[str, str], value: str) -> Route:
    backend = cloud.resolve("backendServices", value, place)
    groups = [entry["group"] for entry in backend.body.get("backends", [])] if backend else []
    if not groups:
        return _NO_BACKEND
    group = cloud.resolve("networkEndpointGroups", groups[0], place)
    run = (group.body.get("cloudRun") or {}) if group else {}
    service = group and cloud.resolve(
        "services", run.get("service", ""), {**place, "location": group.place["region"]}
    )
    if not service:
        return _NO_BACKEND
    checked = not service.body.get("invokerIamDisabled")
    if checked and not has_role(service, "roles/run.invoker", "allUsers"):
        return _FORBIDDEN
    return to_google_service(service.name)


def _listeners(cloud: Cloud) -> Iterator[tuple[str, Listener]]:
    for rule in cloud.of("globalForwardingRules"):
        place = rule.place
        proxy = next(
            resolved
            for kind in _PROXIES
            if (resolved := cloud.resolve(kind, rule.body["target"], place))
        )
        tls = ""
        if proxy.collection.name == "targetHttpsProxies":
            policy = cloud.resolve("sslPolicies", proxy.body.get("sslPolicy", ""), place)
            # Without a policy Google accepts TLS 1.0.
            oldest = policy.body["minTlsVersion"] if policy else "TLS_1_0"
            tls = oldest.replace("TLS_", "TLSv")
        urls = cloud.resolve("urlMaps", proxy.body["urlMap"], place)
        if urls is None:
            continue
        routes = url_map_routes(urls.body, partial(_target, cloud, place))
        address = cloud.resolve("globalAddresses", rule.body.get("IPAddress", ""), place)
        ip = address.body["address"] if address else rule.body.get("IPAddress", "")
        port = int(str(rule.body["portRange"]).split("-")[0])
        yield f"{ip}:{port}", Listener(port, tls, tuple(routes))


def _domains(cloud: Cloud) -> list[str]:
    return sorted(
        {
            domain
            for certificate in cloud.of("sslCertificates")
            for domain in certificate.body.get("managed", {}).get("domains", [])
        }
    )


def update_balancer(cloud: Cloud) -> None:
    """Update the load balancer from the current resources."""
    plane = cloud.data_plane
    with plane.lock, cloud.lock:
        served = dict(_listeners(cloud))
        for key in served:
            plane.ports.setdefault(key, free_port())
        for key in set(plane.ports) - set(served):
            del plane.ports[key]
        upstreams = {
            service.name: [component.port for component in plane.instances.get(service.path, [])]
            for service in cloud.of("services")
        }
        domains = _domains(cloud)
        certificate = plane.certificate(*domains) if domains else None
        listeners = {plane.ports[key]: listener for key, listener in served.items()}
        plane.balancer.update(listeners, upstreams, certificate)


def on_change(cloud: Cloud, _resource: Resource, _before: Document | None = None) -> None:
    """Update the load balancer after a change; a hook."""
    update_balancer(cloud)


def _delete_rule(cloud: Cloud, resource: Resource) -> None:
    # The resource still exists while its deletion is in progress.
    with cloud.lock:
        cloud.resources.pop(resource.path, None)
    update_balancer(cloud)


def _activate_certificate(cloud: Cloud, resource: Resource) -> None:
    managed = resource.body.setdefault("managed", {})
    cloud.output(resource, expireTime="2027-01-01T00:00:00.000-00:00")
    domains = managed.get("domains", [])
    managed |= {"status": "ACTIVE", "domainStatus": dict.fromkeys(domains, "ACTIVE")}
    resource.body["subjectAlternativeNames"] = domains


def _check_url_map(_cloud: Cloud, resource: Resource) -> None:
    for matcher in resource.body.get("pathMatchers", []):
        rules = matcher.get("routeRules", [])
        if rules and matcher.get("pathRules"):
            raise ApiError(400, "A path matcher must not have both pathRules and routeRules.")
        priorities = [int(rule["priority"]) for rule in rules]
        if len(set(priorities)) < len(priorities):
            raise ApiError(400, "Two routeRules of a path matcher must not have the same priority.")


def _complete_rule(cloud: Cloud, resource: Resource) -> None:
    resource.body.setdefault("IPProtocol", "TCP")
    ports = str(resource.body["portRange"])
    resource.body["portRange"] = ports if "-" in ports else f"{ports}-{ports}"
    update_balancer(cloud)


# ---- Projects, and lists of every region ----


# The quotas that the stack's check reads, each with a limit and what it counts. Limits differ by
# project; these do not limit a test.
_QUOTAS = {
    "NETWORKS": (100, "networks"),
    "BACKEND_SERVICES": (100, "backendServices"),
    "STATIC_ADDRESSES": (100, "globalAddresses"),
}


def _in_project(cloud: Cloud, collection: str, place: Mapping[str, str]) -> list[Resource]:
    resources = cloud.of(collection)
    return [item for item in resources if item.place["project"] == place["project"]]


def _aggregated(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    """The resources of a kind in every scope. Scopes without any are left out."""
    scopes: dict[str, Document] = {}
    for collection in table().values():
        if not collection.path.startswith("/compute/") or collection.kind != place["kind"]:
            continue
        for resource in _in_project(cloud, collection.name, place):
            region = resource.place.get("region")
            scope = scopes.setdefault(f"regions/{region}" if region else "global", {})
            scope.setdefault(collection.kind, []).append(cloud.answer(resource))
    return {"id": f"projects/{place['project']}/aggregated/{place['kind']}", "items": scopes}


def _project(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    name = place["project"]
    quotas = [
        {"metric": metric, "limit": limit, "usage": len(_in_project(cloud, counted, place))}
        for metric, (limit, counted) in _QUOTAS.items()
    ]
    return {
        "name": name,
        "id": project_number(name),
        "selfLink": cloud.url + request.path,
        "commonInstanceMetadata": {
            "kind": "compute#metadata",
            "fingerprint": "AAAAAAAAAAA=",
            "items": project(cloud, name).private.get("metadata", []),
        },
        "quotas": quotas,
    }


def _set_metadata(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    items = body_of(request).get("items", [])
    project(cloud, place["project"]).private["metadata"] = items
    path = request.path.rpartition("/")[0]
    operation = Operation(f"operation-{cloud.number()}", "compute", "setMetadata", path, place)
    cloud.submit(operation, dict)
    return cloud.operation_document(operation)


def _set(field: str) -> Callable[[Cloud, Resource, Document, Mapping[str, str]], Document]:
    def verb(
        cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
    ) -> Document:
        return cloud.change(resource, document, whole=False, mask=field)

    return verb


def _set_policy(
    cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
) -> Document:
    return cloud.change(
        resource, {"sslPolicy": document.get("sslPolicy")}, whole=False, mask="sslPolicy"
    )


_P = r"/compute/v1/projects/(?P<project>[^/]+)"
ROUTES = (
    ("GET", _P, _project),
    ("POST", _P + "/setCommonInstanceMetadata", _set_metadata),
    ("GET", _P + r"/aggregated/(?P<kind>\w+)", _aggregated),
)
_UPDATE_BALANCER = Hooks(create=on_change, update=on_change)
HOOKS = {
    "networkEndpointGroups": _UPDATE_BALANCER,
    "backendServices": _UPDATE_BALANCER,
    "urlMaps": Hooks(check=_check_url_map, create=on_change, update=on_change),
    "sslPolicies": _UPDATE_BALANCER,
    "sslCertificates": Hooks(create=_activate_certificate),
    "targetHttpProxies": Hooks(update=on_change, verbs={"setUrlMap": _set("urlMap")}),
    "targetHttpsProxies": Hooks(
        update=on_change,
        verbs={
            "setUrlMap": _set("urlMap"),
            "setSslCertificates": _set("sslCertificates"),
            "setSslPolicy": _set_policy,
        },
    ),
    "globalForwardingRules": Hooks(
        create=_complete_rule,
        update=on_change,
        delete=_delete_rule,
        verbs={"setTarget": _set("target"), "setLabels": _set("labels")},
    ),
}
