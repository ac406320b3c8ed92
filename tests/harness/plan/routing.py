"""What a plan's load balancer does with a request, in one shape for both clouds.

:func:`balancer` gives a model to ask: ``balancer(plan).answer("GET", "/v1/models")``. It needs a
plan where all is known, as resolved providers give it; of any other it answers
:data:`~tests.harness.plan.view.UNKNOWN` wherever the answer hangs on what is not.

An Application Load Balancer takes the rule of the lowest priority of which every condition holds,
else the listener's default action (Elastic Load Balancing, "Listener rules"). A URL map takes the
longest path that fits, wherever it stands, else the default of the path matcher (Compute Engine
API, urlMaps; Cloud Load Balancing, "URL maps overview").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.plan.view import UNKNOWN, Plan, Resource

# Where a target is, by type of what it is in: the attribute that others name it by.
_KEYS = {"aws_lb_target_group": "arn", "google_compute_backend_service": "id"}
_HTTP, _HTTPS = 80, 443


class RoutingError(ValueError):
    """A load balancer has something that this model does not know, so no answer would be right."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Path patterns and what they lead to: a target group's ARN or a backend service's id.

    ``methods`` are the HTTP methods it is for, empty for all. ``priority`` and ``listener`` (an
    ARN) are an Application Load Balancer's; a URL map has neither.
    """

    paths: tuple[str, ...]
    target: Any
    methods: tuple[str, ...] = ()
    priority: Any = None
    listener: Any = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """An answer that sends the client to the same path elsewhere.

    ``status`` is as the cloud names it, None where it is not set.
    """

    protocol: str
    port: str
    status: str | None


# A component's name, a redirect, UNKNOWN, or None where nothing listens.
Answer = Any


@dataclass(frozen=True, slots=True)
class Balancer:
    """What listens, by port, each as a function of method and path."""

    ports: Mapping[int, Callable[[str, str], Answer]]

    @property
    def serving(self) -> int:
        """The port that serves: 443 if anything listens there, else 80."""
        return _HTTPS if _HTTPS in self.ports else _HTTP

    def answer(self, method: str, path: str, port: int | None = None) -> Answer:
        """What a request gets, on the serving port unless another is named.

        Args:
            method: the HTTP method in capitals.
            path: the path of the URL, without the query.
            port: the port it comes to.
        """
        listener = self.ports.get(port or self.serving)
        return None if listener is None else listener(method, path)


def path_rules(plan: Plan) -> list[Rule]:
    """The rules of a stack's load balancer: a listener's by priority, a URL map's as written."""
    listened = plan.of_type("aws_lb_listener_rule").values()
    if listened:
        return sorted(map(_listener_rule, listened), key=lambda rule: int(rule.priority))
    (matcher,) = plan.resources["google_compute_url_map.routes"].values["path_matcher"]
    return [Rule(tuple(rule["paths"]), rule["service"]) for rule in matcher["path_rule"]]


def targets(plan: Plan) -> Mapping[str, str]:
    """The component behind each target, which must be known, as it is after an apply."""
    return {
        r.values[_KEYS[r.type]]: str(r.index) for r in plan.resources.values() if r.type in _KEYS
    }


def balancer(plan: Plan) -> Balancer:
    """The model of a plan's load balancer.

    Raises:
        RoutingError: the load balancer has a condition, an action or a kind of rule that is not
            modelled, or leads to what is none of its targets.
    """
    if plan.of_type("aws_lb"):
        return Balancer(dict(_listeners(plan)))
    return Balancer(dict(_forwarded(plan)))


def glob(pattern: str) -> re.Pattern[str]:
    """An Application Load Balancer's pattern: ``*`` is any characters, ``/`` among them, ``?`` one.

    It compares the case of letters (Elastic Load Balancing API, PathPatternConditionConfig).
    """
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _component(known: Mapping[Any, str], target: Any) -> Answer:
    # A target may be unknown while others are known, and the other way round.
    if target is UNKNOWN or (target not in known and UNKNOWN in known):
        return UNKNOWN
    if target not in known:
        raise RoutingError(f"{target!r} is none of the targets {sorted(known)}")
    return known[target]


# ---- Application Load Balancer ----


def _listener_rule(resource: Resource) -> Rule:
    paths: list[str] = []
    methods: list[str] = []
    for condition in resource.values["condition"]:
        for kind, blocks in condition.items():
            found = [value for block in blocks or () for value in block.get("values") or ()]
            if kind == "path_pattern":
                paths += found
            elif kind == "http_request_method":
                methods += found
            elif blocks:
                raise RoutingError(f"{resource.address}: a condition {kind} is not modelled")
    target = resource.values["action"][0]["target_group_arn"]
    listener = resource.values["listener_arn"]
    return Rule(tuple(paths), target, tuple(methods), resource.values["priority"], listener)


def _listeners(plan: Plan) -> Iterator[tuple[int, Callable[[str, str], Answer]]]:
    known, rules = targets(plan), path_rules(plan)
    # Compiled once, as there are many questions to a few hundred patterns.
    patterns = [tuple(map(glob, rule.paths)) for rule in rules]
    for listener in plan.of_type("aws_lb_listener").values():
        arn = listener.values["arn"]

        def answer(method: str, path: str, listener: Resource = listener, arn: Any = arn) -> Answer:
            for rule, forms in zip(rules, patterns, strict=True):
                if arn is not UNKNOWN and rule.listener not in (arn, UNKNOWN):
                    continue
                if not any(form.fullmatch(path) for form in forms):
                    continue
                if rule.methods and method not in rule.methods:
                    continue
                # A rule that fits, of a listener that nobody can name, may be another's.
                certain = arn is not UNKNOWN and rule.listener == arn
                return _component(known, rule.target) if certain else UNKNOWN
            return _default_action(listener, known)

        yield int(listener.values["port"]), answer


def _default_action(listener: Resource, known: Mapping[Any, str]) -> Answer:
    (action,) = listener.values["default_action"]
    if action["type"] == "forward":
        return _component(known, action["target_group_arn"])
    if action["type"] != "redirect":
        raise RoutingError(f"{listener.address}: an action {action['type']} is not modelled")
    (to,) = action["redirect"]
    return Redirect(str(to["protocol"]).lower(), str(to["port"]), str(to["status_code"]))


# ---- URL map ----


def _forwarded(plan: Plan) -> Iterator[tuple[int, Callable[[str, str], Answer]]]:
    known = targets(plan)
    maps = {r.values["id"]: r for r in plan.of_type("google_compute_url_map").values()}
    proxies = {
        r.values["id"]: r.values["url_map"]
        for kind in ("http", "https")
        for r in plan.of_type(f"google_compute_target_{kind}_proxy").values()
    }
    for rule in plan.of_type("google_compute_global_forwarding_rule").values():
        port = int(str(rule.values["port_range"]).split("-")[0])
        named = rule.values["target"]
        if named is UNKNOWN or UNKNOWN in proxies or UNKNOWN in maps:
            yield port, lambda method, path: UNKNOWN
        elif named not in proxies or proxies[named] not in maps:
            raise RoutingError(f"{rule.address}: leads to no proxy or URL map of the plan")
        else:
            yield port, _url_map(maps[proxies[named]], known)


def _url_map(resource: Resource, known: Mapping[Any, str]) -> Callable[[str, str], Answer]:
    values = resource.values
    for block in values.get("default_url_redirect") or ():
        to = Redirect(
            "https" if block["https_redirect"] else "http",
            str(_HTTPS if block["https_redirect"] else _HTTP),
            block["redirect_response_code"],
        )
        return lambda method, path: to
    matcher = _matcher_of_all_hosts(resource)
    exact: dict[str, Any] = {}
    below: dict[str, Any] = {}
    for rule in matcher["path_rule"]:
        if rule.get("url_redirect") or rule.get("route_action"):
            raise RoutingError(
                f"{resource.address}: only rules that lead to a service are modelled"
            )
        for path in rule["paths"]:
            # "/a/*" is for "/a/" and what is below, not for "/a" (URL maps overview).
            if path.endswith("/*"):
                below[path[:-1]] = rule["service"]
            else:
                exact[path] = rule["service"]

    def answer(method: str, path: str) -> Answer:
        if path in exact:
            return _component(known, exact[path])
        ends = [i + 1 for i, character in enumerate(path) if character == "/"]
        for end in reversed(ends):
            if path[:end] in below:
                return _component(known, below[path[:end]])
        return _component(known, matcher["default_service"])

    return answer


def _matcher_of_all_hosts(resource: Resource) -> Mapping[str, Any]:
    hosts = [
        (host, rule["path_matcher"])
        for rule in resource.values["host_rule"]
        for host in rule["hosts"]
    ]
    matchers: dict[str, Mapping[str, Any]] = {m["name"]: m for m in resource.values["path_matcher"]}
    if [host for host, _ in hosts] != ["*"] or hosts[0][1] not in matchers:
        raise RoutingError(f"{resource.address}: only one host rule, for all hosts, is modelled")
    matcher = matchers[hosts[0][1]]
    if matcher.get("route_rules"):
        raise RoutingError(f"{resource.address}: route rules are not modelled")
    return matcher
