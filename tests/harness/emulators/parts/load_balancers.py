"""A real Envoy that does what the load balancer of an applied stack does.

Listeners, rules and targets are read from the resources, never from the module: on AWS from
listeners, their rules and target groups, on Google Cloud from forwarding rules down to serverless
groups. All must be known, as it is in a state or in a plan that holds what an apply makes known.

A :class:`Balancer` changes while it serves: Envoy watches files for its listeners, the routes of
each and its clusters, and takes over what is new without letting go of the requests it has.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.harness.emulators.parts import envoy
from tests.harness.emulators.parts.envoy import API, START_SECONDS
from tests.harness.emulators.parts.envoy import Certificate as Certificate
from tests.harness.offline import catalogue
from tests.harness.offline.live.google import codec, crud
from tests.harness.plan.view import Plan, Resource
from tests.harness.process.child import soon
from tests.harness.process.ports import answers, fetched, free_port
from tests.harness.process.supervisor import Supervisor

UPDATE_SECONDS = 15
# Envoy's names of what the clouds set. Source: Envoy API v3, RedirectResponseCode.
_STATUS = {
    "HTTP_301": "MOVED_PERMANENTLY",
    "HTTP_302": "FOUND",
    "MOVED_PERMANENTLY_DEFAULT": "MOVED_PERMANENTLY",
    "FOUND": "FOUND",
}


class LoadBalancerError(ValueError):
    """A load balancer has something that is not translated, or Envoy does not serve it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of the load balancer with Envoy's routes.

    ``tls`` is the oldest version of TLS that it takes, as Envoy names it; empty for plain HTTP.
    """

    port: int
    tls: str
    routes: tuple[dict[str, Any], ...]


def listeners(plan: Plan) -> list[Listener]:
    """The listeners of a stack, with routes whose clusters are the components' names.

    Raises:
        LoadBalancerError: a rule, action or target is of a kind that is not translated.
    """
    return [*_on_aws(plan), *_on_gcp(plan)]


def _to(component: str) -> dict[str, Any]:
    # The clouds' limits are far beyond what a test waits for.
    return {"route": {"cluster": component, "timeout": "0s"}}


# ---- AWS ----


def _on_aws(plan: Plan) -> Iterator[Listener]:
    # The service that registers its tasks with a group says whose it is.
    components = {
        block["target_group_arn"]: block["container_name"]
        for service in plan.of_type("aws_ecs_service").values()
        for block in service.values["load_balancer"]
    }
    yield from aws_listeners(
        plan.of_type("aws_lb_listener"), plan.of_type("aws_lb_listener_rule"), components
    )


class Described(Protocol):
    """A listener or a rule: what it is called in errors, and its values as the provider has them.

    :class:`tests.harness.plan.view.Resource` is one; so is what is made of an answer of AWS's API.
    """

    @property
    def address(self) -> str:
        """What it is called."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Its arguments and attributes."""


def aws_listeners(
    held: Mapping[str, Described], rules: Mapping[str, Described], components: Mapping[Any, str]
) -> Iterator[Listener]:
    """The listeners of an Application Load Balancer with their rules.

    Args:
        held: ``aws_lb_listener`` by any key.
        rules: ``aws_lb_listener_rule`` by any key, of these and of other listeners.
        components: what the cluster of each target group is called, by the group's ARN.

    Raises:
        LoadBalancerError: a rule or an action is of a kind that is not translated.
    """
    for listener in held.values():
        own = sorted(
            (r for r in rules.values() if r.values["listener_arn"] == listener.values["arn"]),
            key=lambda rule: int(rule.values["priority"]),
        )
        routes = [
            {"match": match, **_action(rule, rule.values["action"], components)}
            for rule in own
            for match in _conditions(rule)
        ]
        last = _action(listener, listener.values["default_action"], components)
        yield Listener(
            int(listener.values["port"]),
            _oldest(listener) if listener.values["protocol"] == "HTTPS" else "",
            (*routes, {"match": {"prefix": "/"}, **last}),
        )


def _oldest(listener: Described) -> str:
    """The oldest version that a listener's policy takes, which the policy's name tells.

    Source: Elastic Load Balancing, security policies for Application Load Balancers.
    """
    name = listener.values["ssl_policy"] or ""
    found = re.search(r"TLS13-1-([0-3])|TLS-1-([0-2])", name)
    # The oldest policies and the default one take the oldest versions.
    return f"TLSv1_{found[1] or found[2]}" if found else "TLSv1_0"


def _conditions(rule: Described) -> Iterator[dict[str, Any]]:
    """A match for each path pattern; a request must fit a value of every condition."""
    held = {
        key: block[0]["values"]
        for condition in rule.values["condition"]
        for key, block in condition.items()
        if isinstance(block, list) and block
    }
    odd = set(held) - {"path_pattern", "http_request_method"}
    if odd:
        raise LoadBalancerError(f"{rule.address}: conditions on {sorted(odd)} are not translated")
    methods = held.get("http_request_method")
    for pattern in held["path_pattern"]:
        match: dict[str, Any] = {"safe_regex": {"regex": _glob(pattern)}}
        if methods:
            either = "|".join(sorted(map(re.escape, methods)))
            match["headers"] = [
                {"name": ":method", "string_match": {"safe_regex": {"regex": either}}}
            ]
        yield match


def _glob(pattern: str) -> str:
    """``*`` is any characters, ``?`` one (Elastic Load Balancing, path conditions)."""
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _action(
    resource: Described, actions: list[dict[str, Any]], components: Mapping[Any, str]
) -> dict[str, Any]:
    (action,) = actions
    if action["type"] == "forward":
        return _to(components[action["target_group_arn"]])
    if action["type"] == "redirect":
        (redirect,) = action["redirect"]
        return {
            "redirect": {
                "https_redirect": redirect["protocol"] == "HTTPS",
                "port_redirect": int(redirect["port"]),
                "response_code": _STATUS[redirect["status_code"]],
            }
        }
    raise LoadBalancerError(f"{resource.address}: an action {action['type']} is not translated")


# ---- Google Cloud ----


def _by_id(plan: Plan, *types: str) -> dict[str, Resource]:
    return {r.values["id"]: r for kind in types for r in plan.of_type(kind).values()}


def _on_gcp(plan: Plan) -> Iterator[Listener]:
    services = {
        r.values["name"]: str(r.index) for r in plan.of_type("google_cloud_run_v2_service").values()
    }
    groups = {
        key: services[group.values["cloud_run"][0]["service"]]
        for key, group in _by_id(plan, "google_compute_region_network_endpoint_group").items()
    }
    components = {
        key: groups[backend.values["backend"][0]["group"]]
        for key, backend in _by_id(plan, "google_compute_backend_service").items()
    }
    proxies = _by_id(plan, "google_compute_target_http_proxy", "google_compute_target_https_proxy")
    maps = _by_id(plan, "google_compute_url_map")
    policies = {
        key: policy.values["min_tls_version"].replace("TLS_", "TLSv")
        for key, policy in _by_id(plan, "google_compute_ssl_policy").items()
    }
    for rule in plan.of_type("google_compute_global_forwarding_rule").values():
        proxy = proxies[rule.values["target"]]
        secure = proxy.type == "google_compute_target_https_proxy"
        yield Listener(
            int(rule.values["port_range"].split("-")[0]),
            # Without a policy Google takes what is as old as TLS 1.0.
            policies.get(proxy.values["ssl_policy"], "TLSv1_0") if secure else "",
            tuple(_url_map(maps[proxy.values["url_map"]], components)),
        )


def _document(resource: Resource) -> dict[str, Any]:
    """The resource as the API is sent it."""
    schema = catalogue.schema("google", catalogue.releases("google")[0])
    entry = codec.table(crud.TABLE)[resource.type]
    return codec.encode(entry, schema.resources[resource.type].block, dict(resource.values))


def _url_map(resource: Resource, components: Mapping[Any, str]) -> Iterator[dict[str, Any]]:
    return url_map_routes(
        _document(resource),
        lambda service: _to(components[service]),
    )


def url_map_routes(
    document: Mapping[str, Any], target: Callable[[str], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Envoy's routes of a URL map, as the API has it; ``target`` gives a backend service's.

    Raises:
        LoadBalancerError: the map has something that is not translated.
    """
    redirect = document.get("defaultUrlRedirect")
    if redirect:
        code = redirect.get("redirectResponseCode", "MOVED_PERMANENTLY_DEFAULT")
        yield {
            "match": {"prefix": "/"},
            "redirect": {
                "https_redirect": bool(redirect.get("httpsRedirect")),
                "strip_query": bool(redirect.get("stripQuery")),
                "response_code": _STATUS[code],
            },
        }
        return
    rules = document.get("hostRules") or []
    if [rule["hosts"] for rule in rules] not in ([], [["*"]]):
        raise LoadBalancerError(f"host rules {rules} are not translated")
    matchers = {one["name"]: one for one in document.get("pathMatchers", [])}
    matcher = matchers[rules[0]["pathMatcher"]] if rules else {}
    held = [(p, rule["service"]) for rule in matcher.get("pathRules", []) for p in rule["paths"]]
    # The longest path that fits is taken, wherever it stands; an exact one before what it begins.
    for path, service in sorted(held, key=lambda one: (-len(one[0].removesuffix("*")), one[0])):
        key = "prefix" if path.endswith("/*") else "path"
        yield {"match": {key: path.removesuffix("*")}, **target(service)}
    last = matcher.get("defaultService") or document["defaultService"]
    yield {"match": {"prefix": "/"}, **target(last)}


# ---- Envoy ----

_XDS = "type.googleapis.com/envoy.config"
# The kinds of what Envoy reads from files, by the file's name.
_TYPES = {
    "clusters": f"{_XDS}.cluster.v3.Cluster",
    "listeners": f"{_XDS}.listener.v3.Listener",
    "routes": f"{_XDS}.route.v3.RouteConfiguration",
}


def _name(port: int) -> str:
    return f"port_{port}"


def _watched(path: str) -> dict[str, Any]:
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def _listener(
    listener: Listener, port: int, certificate: Certificate | None, routes: str
) -> dict[str, Any]:
    """A listener whose routes are in a file of their own.

    Those may thus change on connections that are open: a new listener would not get these.
    """
    manager = {
        "@type": f"{API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": _name(port),
        # Nobody is in front of it: who asks and by which scheme is told by the connection, and
        # x-forwarded-for and x-forwarded-proto are set by it.
        "use_remote_address": True,
        "rds": {"route_config_name": _name(port), "config_source": _watched(routes)},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{API}.filters.http.router.v3.Router"},
            }
        ],
    }
    chain: dict[str, Any] = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }
    if listener.tls:
        if certificate is None:
            raise LoadBalancerError(f"port {listener.port} needs a certificate; give one")
        chain["transport_socket"] = envoy.tls(certificate, listener.tls)
    return {"name": _name(port), "address": envoy.address(port), "filter_chains": [chain]}


def _routes(listener: Listener, port: int) -> dict[str, Any]:
    hosts = [{"name": "all", "domains": ["*"], "routes": list(listener.routes)}]
    # A route to what is no component is refused: it would answer 503 as if that were down.
    return {"name": _name(port), "virtual_hosts": hosts, "validate_clusters": True}


@dataclass(frozen=True, slots=True)
class Balancer:
    """A running Envoy whose listeners, routes and clusters can be changed, by any thread.

    ``admin`` is the loopback port of its own interface.
    """

    process: envoy.Process
    admin: int
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    # What it serves, by name.
    _clusters: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    _listeners: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False)
    _served: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False)
    # Files that hold what it has not said it serves: what it refused, of which it may have a part.
    _open: set[str] = field(default_factory=set, repr=False)

    def update(
        self,
        held: Mapping[int, Listener],
        upstreams: Mapping[str, int | Sequence[int]],
        certificate: Certificate | None = None,
    ) -> None:
        """Serve these and nothing else; returns once Envoy does.

        A request that is being answered is answered to its end, whatever becomes of its route or
        server; on a listener that goes it has 30 s for it.

        Args:
            held: the listeners by the loopback port that each gets.
            upstreams: the loopback ports of each component that routes lead to, taken in turn. A
                component without any is answered for with 503.
            certificate: for the listeners with TLS.

        Raises:
            LoadBalancerError: a listener has no certificate, or Envoy refuses something or does
                not serve it within 15 s; the message has its words. It goes on with what it had,
                or with a part of what is new.
        """
        clusters = {
            name: envoy.cluster(name, [ports] if isinstance(ports, int) else ports)
            for name, ports in upstreams.items()
        }
        listeners = {
            port: _listener(one, port, certificate, str(self._path(f"routes-{port}")))
            for port, one in held.items()
        }
        routes = {port: _routes(one, port) for port, one in held.items()}
        with self._lock:
            # A route may name a cluster that is there only: they come before and go after it.
            self._put_clusters({**self._clusters, **clusters})
            self._put_routes(routes)
            self._put_listeners(listeners)
            self._put_clusters(clusters)

    def _path(self, name: str) -> Path:
        return self.process.home / f"{name}.json"

    def _put_clusters(self, clusters: dict[str, dict[str, Any]]) -> None:
        if clusters != self._clusters or "clusters" in self._open:
            self._put("clusters", "clusters", list(clusters.values()), "cluster_manager.cds")
            self._clusters.clear()
            self._clusters.update(clusters)

    def _put_routes(self, routes: dict[int, dict[str, Any]]) -> None:
        for port, document in routes.items():
            name, file = _name(port), f"routes-{port}"
            if document == self._served.get(port) and file not in self._open:
                continue
            # Of a listener that is not there yet nobody reads them: it waits for them itself.
            stat = f"http.{name}.rds.{name}" if port in self._listeners else ""
            self._put("routes", file, [document], stat)
            self._served[port] = document

    def _put_listeners(self, listeners: dict[int, dict[str, Any]]) -> None:
        if listeners != self._listeners or "listeners" in self._open:
            gone = set(self._listeners) - set(listeners)
            self._put("listeners", "listeners", list(listeners.values()), "listener_manager.lds")
            self._listeners.clear()
            self._listeners.update(listeners)
            for port in gone:
                self._served.pop(port, None)
            # Its workers take a listener up and let it go a moment after it is taken note of; one
            # whose routes it refuses it never takes up.
            self._open.add("listeners")
            self._wait(lambda: all(map(answers, listeners)) and not any(map(answers, gone)), 0)
            self._open.discard("listeners")

    def _put(self, kind: str, file: str, resources: list[dict[str, Any]], stat: str) -> None:
        """Write a file, and wait until Envoy says that it has what is in it."""
        version = str(next(self._versions))
        since = self.process.log.stat().st_size
        typed = [{"@type": _TYPES[kind], **resource} for resource in resources]
        refused = self._refusals(stat) if stat else 0
        self._open.add(file)
        envoy.write(self._path(file), {"version_info": version, "resources": typed})

        def done() -> bool:
            if self._refusals(stat) > refused:
                raise LoadBalancerError(f"Envoy refuses {file}:\n{self.process.said(since)}")
            return self._stats(stat).get(f"{stat}.version_text") == f'"{version}"'

        if stat:
            self._wait(done, since)
        self._open.discard(file)

    def _wait(self, right: Callable[[], bool], since: int) -> None:
        if not soon(right, UPDATE_SECONDS):
            said = self.process.said(since)
            raise LoadBalancerError(f"Envoy does not serve it within {UPDATE_SECONDS} s:\n{said}")

    def _refusals(self, stat: str) -> int:
        stats = self._stats(stat)
        return sum(int(stats.get(f"{stat}.update_{n}", 0)) for n in ("rejected", "failure"))

    def _stats(self, prefix: str) -> dict[str, str]:
        """Envoy's statistics whose names begin so."""
        query = f"filter=^{re.escape(prefix)}&type=All"
        status, text = fetched(self.admin, f"/stats?{query}")
        if status != 200:
            raise LoadBalancerError(f"Envoy does not tell how it is:\n{self.process.said()}")
        return dict(line.split(": ", 1) for line in text.splitlines())


def balancer(supervisor: Supervisor) -> Balancer:
    """Start an Envoy with nothing to serve; returns once it takes updates.

    Raises:
        LoadBalancerError: it is not ready within 30 s; the message has the end of its log.
        EnvoyError: there is no Envoy.
    """
    home, admin = supervisor.home("envoy"), free_port()
    for name in ("clusters", "listeners"):
        envoy.write(home / f"{name}.json", {"version_info": "0", "resources": []})
    bootstrap = {
        "admin": {"address": envoy.address(admin)},
        "dynamic_resources": {
            "cds_config": _watched(str(home / "clusters.json")),
            "lds_config": _watched(str(home / "listeners.json")),
        },
    }
    process = envoy.start(supervisor, "balancer", home, bootstrap)
    if not soon(lambda: fetched(admin, "/ready")[0] == 200, START_SECONDS):
        raise LoadBalancerError(f"Envoy is not up within {START_SECONDS} s:\n{process.said()}")
    return Balancer(process, admin)


def start(
    supervisor: Supervisor,
    held: list[Listener],
    upstreams: Mapping[str, int],
    certificate: Certificate | None = None,
) -> Mapping[int, int]:
    """Serve the listeners on free loopback ports; gives these by the listeners' own.

    Args:
        supervisor: ends it.
        held: what :func:`listeners` gave.
        upstreams: the loopback port of each component.
        certificate: for the listeners with TLS.

    Raises:
        LoadBalancerError: as of :func:`balancer` and :meth:`Balancer.update`.
    """
    ports = {listener.port: free_port() for listener in held}
    made = balancer(supervisor)
    made.update({ports[one.port]: one for one in held}, upstreams, certificate)
    return ports
