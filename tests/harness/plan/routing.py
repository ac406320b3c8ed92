"""A model of the load balancer in a plan, in one form for both clouds.

:func:`balancer` returns the model: ``balancer(plan).answer("GET", "/v1/models")``. The plan should
be a resolved plan. Otherwise an answer that depends on an unknown value is
:data:`~tests.harness.plan.view.UNKNOWN`.

An Application Load Balancer applies the rule with the lowest priority number of which all
conditions match. If none matches, it applies the default action of the listener (Elastic Load
Balancing, "Listener rules"). A URL map with route rules applies the route rule with the lowest
priority number that has a match, else the default of the path matcher (Compute Engine API,
urlMaps).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.plan.view import UNKNOWN, Plan, Resource

# The attribute by which other resources refer to a target, by type of the target.
_KEYS = {"aws_lb_target_group": "arn", "google_compute_backend_service": "id"}
_HTTP, _HTTPS = 80, 443


class RoutingError(ValueError):
    """The load balancer uses a feature that the model does not support."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Path patterns with their target: the ARN of a target group or the id of a backend service.

    A pattern has the form of an Application Load Balancer on both clouds: an exact path, ``/a/*``
    for a prefix match of a URL map, and ``/*.txt`` for the path template ``/**.txt``. ``methods``
    are the HTTP methods that the rule matches; empty means all. Only an Application Load Balancer
    has ``listener`` (an ARN).
    """

    paths: tuple[str, ...]
    target: Any
    methods: tuple[str, ...] = ()
    priority: Any = None
    listener: Any = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect to the same path with another protocol or port.

    ``status`` is the status code as the cloud names it; None if it is not set.
    """

    protocol: str
    port: str
    status: str | None


# The name of a component, a redirect, UNKNOWN, or None if no listener has the port.
Answer = Any


@dataclass(frozen=True, slots=True)
class Balancer:
    """The listeners by port. Each is a function of method and path that returns an answer."""

    ports: Mapping[int, Callable[[str, str], Answer]]

    @property
    def serving(self) -> int:
        """The port that serves: 443 if it has a listener, else 80."""
        return _HTTPS if _HTTPS in self.ports else _HTTP

    def answer(self, method: str, path: str, port: int | None = None) -> Answer:
        """The answer to a request.

        Args:
            method: the HTTP method in capitals.
            path: the path of the URL, without the query.
            port: the port of the request; by default the serving port.
        """
        listener = self.ports.get(port or self.serving)
        return None if listener is None else listener(method, path)


def path_rules(plan: Plan) -> list[Rule]:
    """The rules of the load balancer, by priority."""
    listener_rules = plan.of_type("aws_lb_listener_rule").values()
    rules = (
        list(map(_listener_rule, listener_rules))
        if listener_rules
        else _route_rules(plan.resources["google_compute_url_map.routes"])
    )
    return sorted(rules, key=lambda rule: int(rule.priority))


def targets(plan: Plan) -> Mapping[str, str]:
    """The component of each target. The targets must be known, as they are in a resolved plan."""
    return {
        r.values[_KEYS[r.type]]: str(r.index) for r in plan.resources.values() if r.type in _KEYS
    }


def balancer(plan: Plan) -> Balancer:
    """The model of the load balancer in a plan.

    Raises:
        RoutingError: the model does not support a condition, an action or a rule, or a rule refers
            to a target that the plan does not contain.
    """
    if plan.of_type("aws_lb"):
        return Balancer(dict(_listeners(plan)))
    return Balancer(dict(_forwarded(plan)))


def glob(pattern: str) -> re.Pattern[str]:
    """The regular expression of a path pattern of an Application Load Balancer.

    ``*`` matches any characters including ``/``, and ``?`` matches one. The pattern is case
    sensitive (Elastic Load Balancing API, PathPatternConditionConfig).
    """
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _matching(rules: list[Rule]) -> Callable[[str, str], Iterator[Rule]]:
    """A function of method and path that yields the rules that match, in the given order."""
    # Compiled once, because many requests are matched with a few hundred patterns.
    patterns = [tuple(map(glob, rule.paths)) for rule in rules]

    def matched(method: str, path: str) -> Iterator[Rule]:
        for rule, rule_patterns in zip(rules, patterns, strict=True):
            if rule.methods and method not in rule.methods:
                continue
            if any(pattern.fullmatch(path) for pattern in rule_patterns):
                yield rule

    return matched


def _component(components: Mapping[Any, str], target: Any) -> Answer:
    # A target may be unknown although others are known, and the reverse.
    if target is UNKNOWN or (target not in components and UNKNOWN in components):
        return UNKNOWN
    if target not in components:
        raise RoutingError(
            f"the plan has no target {target!r}; refer to one of {sorted(components)}"
        )
    return components[target]


# ---- Application Load Balancer ----


def _listener_rule(resource: Resource) -> Rule:
    paths: list[str] = []
    methods: list[str] = []
    for condition in resource.values["condition"]:
        for kind, blocks in condition.items():
            values = [value for block in blocks or () for value in block.get("values") or ()]
            if kind == "path_pattern":
                paths += values
            elif kind == "http_request_method":
                methods += values
            elif blocks:
                raise RoutingError(
                    f"{resource.address}: the model does not support the condition {kind}; add it "
                    "to tests/harness/plan/routing.py"
                )
    target = resource.values["action"][0]["target_group_arn"]
    listener = resource.values["listener_arn"]
    return Rule(tuple(paths), target, tuple(methods), resource.values["priority"], listener)


def _listeners(plan: Plan) -> Iterator[tuple[int, Callable[[str, str], Answer]]]:
    components, matched = targets(plan), _matching(path_rules(plan))
    for listener in plan.of_type("aws_lb_listener").values():
        arn = listener.values["arn"]

        def answer(method: str, path: str, listener: Resource = listener, arn: Any = arn) -> Answer:
            for rule in matched(method, path):
                if arn is not UNKNOWN and rule.listener not in (arn, UNKNOWN):
                    continue
                # If the ARN of a listener is unknown, a matching rule may belong to another.
                is_own_rule = arn is not UNKNOWN and rule.listener == arn
                return _component(components, rule.target) if is_own_rule else UNKNOWN
            return _default_action(listener, components)

        yield int(listener.values["port"]), answer


def _default_action(listener: Resource, components: Mapping[Any, str]) -> Answer:
    (action,) = listener.values["default_action"]
    if action["type"] == "forward":
        return _component(components, action["target_group_arn"])
    if action["type"] != "redirect":
        raise RoutingError(
            f"{listener.address}: the model does not support the action {action['type']}; add it "
            "to tests/harness/plan/routing.py"
        )
    (redirect,) = action["redirect"]
    return Redirect(
        str(redirect["protocol"]).lower(), str(redirect["port"]), str(redirect["status_code"])
    )


# ---- URL map ----


def _forwarded(plan: Plan) -> Iterator[tuple[int, Callable[[str, str], Answer]]]:
    components = targets(plan)
    maps = {r.values["id"]: r for r in plan.of_type("google_compute_url_map").values()}
    proxies = {
        r.values["id"]: r.values["url_map"]
        for kind in ("http", "https")
        for r in plan.of_type(f"google_compute_target_{kind}_proxy").values()
    }
    for rule in plan.of_type("google_compute_global_forwarding_rule").values():
        port = int(str(rule.values["port_range"]).split("-")[0])
        target = rule.values["target"]
        if target is UNKNOWN or UNKNOWN in proxies or UNKNOWN in maps:
            yield port, lambda method, path: UNKNOWN
        elif target not in proxies or proxies[target] not in maps:
            raise RoutingError(
                f"{rule.address}: the plan has no proxy or URL map for {target!r}; refer to one"
            )
        else:
            yield port, _url_map(maps[proxies[target]], components)


def _url_map(resource: Resource, components: Mapping[Any, str]) -> Callable[[str, str], Answer]:
    values = resource.values
    for block in values.get("default_url_redirect") or ():
        redirect = Redirect(
            "https" if block["https_redirect"] else "http",
            str(_HTTPS if block["https_redirect"] else _HTTP),
            block["redirect_response_code"],
        )
        return lambda method, path: redirect
    default = _matcher_of_all_hosts(resource)["default_service"]
    matched = _matching(sorted(_route_rules(resource), key=lambda rule: int(rule.priority)))

    def answer(method: str, path: str) -> Answer:
        rule = next(matched(method, path), None)
        return _component(components, default if rule is None else rule.target)

    return answer


def _route_rules(resource: Resource) -> list[Rule]:
    matcher = _matcher_of_all_hosts(resource)
    return [_route_rule(resource, rule) for rule in matcher["route_rules"]]


def _route_rule(resource: Resource, rule: Mapping[str, Any]) -> Rule:
    matches = [
        (_pattern(resource, match), _method(resource, match)) for match in rule["match_rules"]
    ]
    paths = tuple(dict.fromkeys(path for path, _ in matches))
    methods = tuple(dict.fromkeys(method for _, method in matches))
    unsupported = [
        key for key in ("url_redirect", "route_action", "header_action") if rule.get(key)
    ]
    if unsupported or set(matches) != {(path, method) for path in paths for method in methods}:
        raise RoutingError(
            f"{resource.address}: the model supports only route rules with a service and the same "
            f"methods for each path; add {unsupported or methods} to tests/harness/plan/routing.py"
        )
    return Rule(paths, rule["service"], tuple(filter(None, methods)), rule["priority"])


def _pattern(resource: Resource, match: Mapping[str, Any]) -> str:
    """The pattern of a match in the form of an Application Load Balancer.

    A full path matches itself, a prefix all paths that begin with it, and ``**`` in a path template
    any characters including ``/`` (Compute Engine API, HttpRouteRuleMatch; Cloud Load Balancing,
    URL maps overview). A prefix that does not end in ``/`` would match a longer segment.
    """
    full, prefix = match.get("full_path_match"), match.get("prefix_match")
    template = match.get("path_template_match")
    if full and not (prefix or template):
        return str(full)
    if prefix and prefix.endswith("/") and not (full or template):
        return f"{prefix}*"
    if template and not (full or prefix) and re.fullmatch(r"/[^*{}]*\*\*[^*{}]*", template):
        return str(template).replace("**", "*")
    raise RoutingError(
        f"{resource.address}: the model does not support the match {dict(match)}; use one of a "
        'full path, a prefix that ends in "/", and a template with one "**"'
    )


def _method(resource: Resource, match: Mapping[str, Any]) -> str:
    """The method that a match requires; empty if it has no condition on it."""
    headers = match.get("header_matches") or ()
    names = [header["header_name"] for header in headers]
    others = [key for key in ("metadata_filters", "query_parameter_matches") if match.get(key)]
    if names not in ([], [":method"]) or others:
        raise RoutingError(
            f"{resource.address}: the model does not support conditions on {names or others}; add "
            "them to tests/harness/plan/routing.py"
        )
    return str(headers[0]["exact_match"]) if headers else ""


def _matcher_of_all_hosts(resource: Resource) -> Mapping[str, Any]:
    hosts = [
        (host, rule["path_matcher"])
        for rule in resource.values["host_rule"]
        for host in rule["hosts"]
    ]
    matchers: dict[str, Mapping[str, Any]] = {m["name"]: m for m in resource.values["path_matcher"]}
    if [host for host, _ in hosts] != ["*"] or hosts[0][1] not in matchers:
        raise RoutingError(
            f"{resource.address}: the model supports only one host rule, for all hosts; the hosts "
            f"are {[host for host, _ in hosts]}"
        )
    matcher = matchers[hosts[0][1]]
    if matcher.get("path_rule"):
        raise RoutingError(
            f"{resource.address}: the model does not support path rules; use route rules"
        )
    return matcher
