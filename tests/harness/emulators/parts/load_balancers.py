"""An Envoy in place of the load balancer of a stack.

The listeners, rules and targets come from the resources, never from the module: on AWS from
listeners, their rules and target groups, on Google Cloud from forwarding rules down to serverless
groups. Every value must be known, as in a state or in a resolved plan.

A :class:`Balancer` can change while it serves: Envoy watches files with its listeners, routes and
clusters. It applies a new file without interrupting requests.
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
from tests.harness.process.child import log_tail, soon
from tests.harness.process.ports import answers, fetched, free_port
from tests.harness.process.supervisor import Supervisor

UPDATE_SECONDS = 15
# Envoy's names of the status codes of the clouds. Source: Envoy API v3, RedirectResponseCode.
_STATUS = {
    "HTTP_301": "MOVED_PERMANENTLY",
    "HTTP_302": "FOUND",
    "MOVED_PERMANENTLY_DEFAULT": "MOVED_PERMANENTLY",
    "FOUND": "FOUND",
}


class LoadBalancerError(ValueError):
    """A load balancer has an argument that is not translated, or Envoy does not serve it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of the load balancer, with Envoy's routes.

    ``tls`` is the lowest version of TLS, as Envoy names it; empty for plain HTTP.
    """

    port: int
    tls: str
    routes: tuple[dict[str, Any], ...]


def listeners(plan: Plan) -> list[Listener]:
    """The listeners of a stack. The clusters of their routes have the names of the components.

    Raises:
        LoadBalancerError: a rule, an action or a target is of a kind that is not translated.
    """
    return [*_on_aws(plan), *_on_gcp(plan)]


def _to(component: str) -> dict[str, Any]:
    # The timeouts of the clouds are longer than any test.
    return {"route": {"cluster": component, "timeout": "0s"}}


# ---- AWS ----


def _on_aws(plan: Plan) -> Iterator[Listener]:
    # The service that registers its tasks with a target group names the component.
    components = {
        block["target_group_arn"]: block["container_name"]
        for service in plan.of_type("aws_ecs_service").values()
        for block in service.values["load_balancer"]
    }
    yield from aws_listeners(
        plan.of_type("aws_lb_listener"), plan.of_type("aws_lb_listener_rule"), components
    )


class Described(Protocol):
    """A listener or a rule: its name in errors, and its values as the provider names them.

    :class:`tests.harness.plan.view.Resource` is one, and so are converted answers of the AWS API.
    """

    @property
    def address(self) -> str:
        """The name in errors."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The arguments and attributes."""


def aws_listeners(
    listeners: Mapping[str, Described],
    rules: Mapping[str, Described],
    components: Mapping[Any, str],
) -> Iterator[Listener]:
    """The listeners of an Application Load Balancer, with their rules.

    Args:
        listeners: ``aws_lb_listener`` by any key.
        rules: ``aws_lb_listener_rule`` by any key, of these and of other listeners.
        components: the name of the cluster of each target group, by the group's ARN.

    Raises:
        LoadBalancerError: a rule or an action is of a kind that is not translated.
    """
    for listener in listeners.values():
        listener_rules = sorted(
            (r for r in rules.values() if r.values["listener_arn"] == listener.values["arn"]),
            key=lambda rule: int(rule.values["priority"]),
        )
        routes = [
            {"match": match, **_action(rule, rule.values["action"], components)}
            for rule in listener_rules
            for match in _conditions(rule)
        ]
        default = _action(listener, listener.values["default_action"], components)
        yield Listener(
            int(listener.values["port"]),
            _lowest_version(listener) if listener.values["protocol"] == "HTTPS" else "",
            (*routes, {"match": {"prefix": "/"}, **default}),
        )


def _lowest_version(listener: Described) -> str:
    """The lowest TLS version of a listener's policy, from the name of the policy.

    Source: Elastic Load Balancing, security policies for Application Load Balancers.
    """
    name = listener.values["ssl_policy"] or ""
    match = re.search(r"TLS13-1-([0-3])|TLS-1-([0-2])", name)
    # The oldest policies and the default policy accept TLS 1.0.
    return f"TLSv1_{match[1] or match[2]}" if match else "TLSv1_0"


def _conditions(rule: Described) -> Iterator[dict[str, Any]]:
    """A match for each path pattern. A request must match a value of every condition."""
    conditions = {
        key: block[0]["values"]
        for condition in rule.values["condition"]
        for key, block in condition.items()
        if isinstance(block, list) and block
    }
    untranslated = set(conditions) - {"path_pattern", "http_request_method"}
    if untranslated:
        raise LoadBalancerError(
            f"{rule.address}: conditions on {sorted(untranslated)} are not translated"
        )
    methods = conditions.get("http_request_method")
    for pattern in conditions["path_pattern"]:
        match: dict[str, Any] = {"safe_regex": {"regex": _glob(pattern)}}
        if methods:
            alternatives = "|".join(sorted(map(re.escape, methods)))
            match["headers"] = [
                {"name": ":method", "string_match": {"safe_regex": {"regex": alternatives}}}
            ]
        yield match


def _glob(pattern: str) -> str:
    """The regular expression of a pattern: ``*`` matches any characters, ``?`` matches one.

    Source: Elastic Load Balancing, path conditions.
    """
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

# Without a policy in the URL map, a request that has no body is sent once more after 502, 503, 504
# or a lost connection. Source: Cloud Load Balancing, external Application Load Balancer overview.
_RETRIES: Mapping[str, Any] = {
    "retry_on": "gateway-error,reset",
    "num_retries": 1,
    "retriable_request_headers": [
        {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD|OPTIONS"}}}
    ],
}


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
            # Without a policy Google accepts TLS 1.0.
            policies.get(proxy.values["ssl_policy"], "TLSv1_0") if secure else "",
            tuple(_url_map(maps[proxy.values["url_map"]], components)),
        )


def _document(resource: Resource) -> dict[str, Any]:
    """The document of a resource, as the provider sends it to the API."""
    schema = catalogue.schema("google", catalogue.releases("google")[0])
    entry = codec.table(crud.TABLE)[resource.type]
    return codec.encode(entry, schema.resources[resource.type].block, dict(resource.values))


def _url_map(resource: Resource, components: Mapping[Any, str]) -> Iterator[dict[str, Any]]:
    return url_map_routes(
        _document(resource),
        lambda service: to_google_service(components[service]),
    )


def to_google_service(name: str) -> dict[str, Any]:
    """Envoy's action of a backend service of Google Cloud, by the name of its cluster."""
    action = _to(name)
    return {"route": {**action["route"], "retry_policy": _RETRIES}}


def url_map_routes(
    document: Mapping[str, Any], target: Callable[[str], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Envoy's routes of a URL map of the API. ``target`` returns the action of a backend service.

    Raises:
        LoadBalancerError: the map has a field that is not translated.
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
    matchers = {
        path_matcher["name"]: path_matcher for path_matcher in document.get("pathMatchers", [])
    }
    matcher = matchers[rules[0]["pathMatcher"]] if rules else {}
    if matcher.get("pathRules"):
        raise LoadBalancerError("path rules are not translated; use route rules")
    for rule in sorted(matcher.get("routeRules", []), key=lambda rule: int(rule["priority"])):
        untranslated = set(rule) - {"priority", "matchRules", "service"}
        if untranslated:
            raise LoadBalancerError(f"{sorted(untranslated)} of a route rule are not translated")
        for match in rule["matchRules"]:
            yield {"match": _match(match), **target(rule["service"])}
    default = matcher.get("defaultService") or document["defaultService"]
    yield {"match": {"prefix": "/"}, **target(default)}


# The fields of a match in the API, with the fields of Envoy's match.
_PATHS = {
    "fullPathMatch": "path",
    "prefixMatch": "prefix",
    "pathTemplateMatch": "path_match_policy",
}


def _match(match: Mapping[str, Any]) -> dict[str, Any]:
    """Envoy's match of a match of a route rule."""
    conditions = {key: value for key, value in match.items() if value not in (None, "", [], False)}
    untranslated = set(conditions) - {*_PATHS, "headerMatches"}
    paths = [key for key in _PATHS if key in conditions]
    if untranslated or len(paths) != 1:
        raise LoadBalancerError(f"the match {dict(match)} is not translated")
    (key,) = paths
    path: Any = conditions[key]
    if key == "pathTemplateMatch":
        kind = f"{API}.path.match.uri_template.v3.UriTemplateMatchConfig"
        path = {
            "name": "envoy.path.match.uri_template.uri_template_matcher",
            "typed_config": {"@type": kind, "path_template": path},
        }
    headers = [_header(header) for header in conditions.get("headerMatches", [])]
    return {_PATHS[key]: path, **({"headers": headers} if headers else {})}


def _header(header: Mapping[str, Any]) -> dict[str, Any]:
    conditions = {key: value for key, value in header.items() if value not in (None, "", False)}
    if set(conditions) != {"headerName", "exactMatch"}:
        raise LoadBalancerError(f"the header match {dict(header)} is not translated")
    return {"name": header["headerName"], "string_match": {"exact": header["exactMatch"]}}


# ---- Envoy ----

_XDS = "type.googleapis.com/envoy.config"
# The types of the resources that Envoy reads from files, by the name of the file.
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
    """A listener with its routes in a separate file.

    New routes then apply to open connections too. A new listener would not get these connections.
    """
    manager = {
        "@type": f"{API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": _name(port),
        # No proxy is in front of it: Envoy sets x-forwarded-for and x-forwarded-proto from the
        # connection.
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
            raise LoadBalancerError(f"port {listener.port} has TLS, but no certificate: pass one")
        chain["transport_socket"] = envoy.tls(certificate, listener.tls)
    return {"name": _name(port), "address": envoy.address(port), "filter_chains": [chain]}


def _routes(listener: Listener, port: int) -> dict[str, Any]:
    hosts = [{"name": "all", "domains": ["*"], "routes": list(listener.routes)}]
    # Envoy refuses a route to an unknown cluster. Without validation it would answer 503.
    return {"name": _name(port), "virtual_hosts": hosts, "validate_clusters": True}


@dataclass(frozen=True, slots=True)
class Balancer:
    """A running Envoy. Any thread can change its listeners, routes and clusters.

    ``admin`` is the loopback port of Envoy's administration interface.
    """

    process: envoy.Process
    admin: int
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    # The served resources, by name or port.
    _clusters: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    _listeners: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False)
    _served: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False)
    # Files that Envoy has not accepted. It may have applied a part of one.
    _pending: set[str] = field(default_factory=set, repr=False)

    def update(
        self,
        listeners: Mapping[int, Listener],
        upstreams: Mapping[str, int | Sequence[int]],
        certificate: Certificate | None = None,
    ) -> None:
        """Serve these listeners and no others; returns once Envoy serves them.

        A request in progress is answered to its end, also if its route or its server is removed.
        On a removed listener it has 30 s.

        Args:
            listeners: the listeners by loopback port.
            upstreams: the loopback ports of each component, used round-robin. Requests for a
                component without ports are answered with 503.
            certificate: the certificate of the listeners with TLS.

        Raises:
            LoadBalancerError: a listener with TLS has no certificate, or Envoy refuses a file or
                does not serve it within 15 s; the message has Envoy's log. Envoy then continues
                with the prior resources, or with a part of the new ones.
        """
        clusters = {
            name: envoy.cluster(name, [ports] if isinstance(ports, int) else ports)
            for name, ports in upstreams.items()
        }
        documents = {
            port: _listener(listener, port, certificate, str(self._path(f"routes-{port}")))
            for port, listener in listeners.items()
        }
        routes = {port: _routes(listener, port) for port, listener in listeners.items()}
        with self._lock:
            # A route must name an existing cluster: add clusters before it, remove them after it.
            self._put_clusters({**self._clusters, **clusters})
            self._put_routes(routes)
            self._put_listeners(documents)
            self._put_clusters(clusters)

    def _path(self, name: str) -> Path:
        return self.process.home / f"{name}.json"

    def _put_clusters(self, clusters: dict[str, dict[str, Any]]) -> None:
        if clusters != self._clusters or "clusters" in self._pending:
            self._put("clusters", "clusters", list(clusters.values()), "cluster_manager.cds")
            self._clusters.clear()
            self._clusters.update(clusters)

    def _put_routes(self, routes: dict[int, dict[str, Any]]) -> None:
        for port, document in routes.items():
            name, file = _name(port), f"routes-{port}"
            if document == self._served.get(port) and file not in self._pending:
                continue
            # Envoy reads the routes of a new listener when it reads the listener.
            stat = f"http.{name}.rds.{name}" if port in self._listeners else ""
            self._put("routes", file, [document], stat)
            self._served[port] = document

    def _put_listeners(self, listeners: dict[int, dict[str, Any]]) -> None:
        if listeners != self._listeners or "listeners" in self._pending:
            removed = set(self._listeners) - set(listeners)
            self._put("listeners", "listeners", list(listeners.values()), "listener_manager.lds")
            self._listeners.clear()
            self._listeners.update(listeners)
            for port in removed:
                self._served.pop(port, None)
            # Envoy's workers start and stop a listener a moment after Envoy has accepted it. They
            # never start a listener with refused routes.
            self._pending.add("listeners")
            self._wait(lambda: all(map(answers, listeners)) and not any(map(answers, removed)), 0)
            self._pending.discard("listeners")

    def _put(self, kind: str, file: str, resources: list[dict[str, Any]], stat: str) -> None:
        """Write a file, and wait until Envoy reports its version."""
        version = str(next(self._versions))
        since = self.process.log.stat().st_size
        typed = [{"@type": _TYPES[kind], **resource} for resource in resources]
        refusals = self._refusals(stat) if stat else 0
        self._pending.add(file)
        envoy.write(self._path(file), {"version_info": version, "resources": typed})

        def done() -> bool:
            if self._refusals(stat) > refusals:
                raise LoadBalancerError(
                    f"Envoy refuses {file}:\n{log_tail(self.process.log, since)}"
                )
            return self._stats(stat).get(f"{stat}.version_text") == f'"{version}"'

        if stat:
            self._wait(done, since)
        self._pending.discard(file)

    def _wait(self, condition: Callable[[], bool], since: int) -> None:
        if not soon(condition, UPDATE_SECONDS):
            output = log_tail(self.process.log, since)
            raise LoadBalancerError(f"Envoy does not serve it within {UPDATE_SECONDS} s:\n{output}")

    def _refusals(self, stat: str) -> int:
        stats = self._stats(stat)
        return sum(int(stats.get(f"{stat}.update_{n}", 0)) for n in ("rejected", "failure"))

    def _stats(self, prefix: str) -> dict[str, str]:
        """Envoy's statistics with a prefix, by name."""
        query = f"filter=^{re.escape(prefix)}&type=All"
        status, text = fetched(self.admin, f"/stats?{query}")
        if status != 200:
            raise LoadBalancerError(
                f"Envoy does not return statistics:\n{log_tail(self.process.log)}"
            )
        return dict(line.split(": ", 1) for line in text.splitlines())


def balancer(supervisor: Supervisor) -> Balancer:
    """Start an Envoy without listeners; returns once it accepts updates.

    Raises:
        LoadBalancerError: Envoy is not ready within 30 s; the message has the end of its log.
        EnvoyError: Envoy is not installed.
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
        raise LoadBalancerError(
            f"Envoy is not ready within {START_SECONDS} s:\n{log_tail(process.log)}"
        )
    return Balancer(process, admin)


def start(
    supervisor: Supervisor,
    served: list[Listener],
    upstreams: Mapping[str, int],
    certificate: Certificate | None = None,
) -> Mapping[int, int]:
    """Serve listeners on free loopback ports; returns the loopback port of each listener's port.

    Args:
        supervisor: the supervisor that ends Envoy.
        served: the result of :func:`listeners`.
        upstreams: the loopback port of each component.
        certificate: the certificate of the listeners with TLS.

    Raises:
        LoadBalancerError: see :func:`balancer` and :meth:`Balancer.update`.
    """
    ports = {listener.port: free_port() for listener in served}
    envoy_balancer = balancer(supervisor)
    envoy_balancer.update(
        {ports[listener.port]: listener for listener in served}, upstreams, certificate
    )
    return ports
