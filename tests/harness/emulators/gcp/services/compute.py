"""The load balancer: from forwarding rules down to serverless groups, served by Envoy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import Cloud, Document, Hooks, Resource
from tests.harness.emulators.gcp.services.iam import may
from tests.harness.emulators.parts.load_balancers import Listener, url_map_routes
from tests.harness.process.ports import free_port

# What Cloud Run answers to who may not invoke a service.
_FORBIDDEN = {"direct_response": {"status": 403, "body": {"inline_string": "Forbidden"}}}
_UNANSWERED = {"direct_response": {"status": 502, "body": {"inline_string": "no backend"}}}
_PROXIES = ("targetHttpProxies", "targetHttpsProxies")
Route = dict[str, Any]


def _target(cloud: Cloud, place: Mapping[str, str], value: str) -> Route:
    backend = cloud.named("backendServices", value, place)
    groups = [one["group"] for one in backend.body.get("backends", [])] if backend else []
    if not groups:
        return _UNANSWERED
    group = cloud.named("networkEndpointGroups", groups[0], place)
    run = (group.body.get("cloudRun") or {}) if group else {}
    service = group and cloud.named(
        "services", run.get("service", ""), {**place, "location": group.place["region"]}
    )
    if not service:
        return _UNANSWERED
    if not may(service, "roles/run.invoker", "allUsers"):
        return _FORBIDDEN
    return {"route": {"cluster": service.name, "timeout": "0s"}}


def _listeners(cloud: Cloud) -> Iterator[tuple[str, Listener]]:
    for rule in cloud.of("globalForwardingRules"):
        place = rule.place
        proxy = next(
            found for kind in _PROXIES if (found := cloud.named(kind, rule.body["target"], place))
        )
        tls = ""
        if proxy.collection.name == "targetHttpsProxies":
            policy = cloud.named("sslPolicies", proxy.body.get("sslPolicy", ""), place)
            # Without a policy Google takes what is as old as TLS 1.0.
            oldest = policy.body["minTlsVersion"] if policy else "TLS_1_0"
            tls = oldest.replace("TLS_", "TLSv")
        urls = cloud.named("urlMaps", proxy.body["urlMap"], place)
        if urls is None:
            continue
        routes = url_map_routes(urls.body, partial(_target, cloud, place))
        address = cloud.named("globalAddresses", rule.body.get("IPAddress", ""), place)
        ip = address.body["address"] if address else rule.body.get("IPAddress", "")
        port = int(str(rule.body["portRange"]).split("-")[0])
        yield f"{ip}:{port}", Listener(port, tls, tuple(routes))


def _domains(cloud: Cloud) -> list[str]:
    return sorted(
        {
            domain
            for one in cloud.of("sslCertificates")
            for domain in one.body.get("managed", {}).get("domains", [])
        }
    )


def refresh(cloud: Cloud) -> None:
    """Have the load balancer serve what the resources say now."""
    plane = cloud.data_plane
    with plane.lock, cloud.lock:
        held = dict(_listeners(cloud))
        for key in held:
            plane.ports.setdefault(key, free_port())
        for key in set(plane.ports) - set(held):
            del plane.ports[key]
        upstreams = {
            service.name: [one.port for one in plane.instances.get(service.path, [])]
            for service in cloud.of("services")
        }
        domains = _domains(cloud)
        certificate = plane.certificate(*domains) if domains else None
        listeners = {plane.ports[key]: listener for key, listener in held.items()}
        plane.balancer.update(listeners, upstreams, certificate)


def served(cloud: Cloud, _resource: Resource, _before: Document | None = None) -> None:
    """Have the load balancer follow a change of what it serves."""
    refresh(cloud)


def _deleted(cloud: Cloud, resource: Resource) -> None:
    # It is still there while its deletion is under way.
    with cloud.lock:
        cloud.resources.pop(resource.path, None)
    refresh(cloud)


def _active(cloud: Cloud, resource: Resource) -> None:
    managed = resource.body.setdefault("managed", {})
    cloud.output(resource, expireTime="2027-01-01T00:00:00.000-00:00")
    domains = managed.get("domains", [])
    managed |= {"status": "ACTIVE", "domainStatus": dict.fromkeys(domains, "ACTIVE")}
    resource.body["subjectAlternativeNames"] = domains


def _complete_rule(cloud: Cloud, resource: Resource) -> None:
    resource.body.setdefault("IPProtocol", "TCP")
    ports = str(resource.body["portRange"])
    resource.body["portRange"] = ports if "-" in ports else f"{ports}-{ports}"
    refresh(cloud)


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


_SERVED = Hooks(create=served, update=served)
HOOKS = {
    "networkEndpointGroups": _SERVED,
    "backendServices": _SERVED,
    "urlMaps": _SERVED,
    "sslPolicies": _SERVED,
    "sslCertificates": Hooks(create=_active),
    "targetHttpProxies": Hooks(update=served, verbs={"setUrlMap": _set("urlMap")}),
    "targetHttpsProxies": Hooks(
        update=served,
        verbs={
            "setUrlMap": _set("urlMap"),
            "setSslCertificates": _set("sslCertificates"),
            "setSslPolicy": _set_policy,
        },
    ),
    "globalForwardingRules": Hooks(
        create=_complete_rule,
        update=served,
        delete=_deleted,
        verbs={"setTarget": _set("target"), "setLabels": _set("labels")},
    ),
}
