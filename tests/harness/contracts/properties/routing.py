"""Routing: every path reaches its component, within the limits of each load balancer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.contracts.base import Contract, Outcome, Subject, equal, judged
from tests.harness.contracts.properties.network import tls
from tests.harness.litellm.ownership import fits, split
from tests.harness.plan.routing import Balancer, Redirect, Rule, balancer, path_rules
from tests.harness.plan.view import UNKNOWN


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a load balancer.

    ``rules`` and ``paths`` in total; ``values`` and ``wildcards`` of a rule; the ``length`` in
    characters and the ``form`` of a path. ``priorities`` are the lowest and highest.
    """

    rules: int
    paths: int
    values: int
    wildcards: int
    length: int
    form: str
    priorities: tuple[int, int]


LIMITS: Mapping[str, Limits] = {
    # Elastic Load Balancing: quotas of an Application Load Balancer (100 rules, 5 values and 5
    # wildcards a rule); API, PathPatternConditionConfig (128 characters); "Path conditions" (the
    # characters: letters, digits, _-.$/~"'@:+& and the wildcards); API, CreateRule (priorities).
    "aws": Limits(
        rules=100,
        paths=500,
        values=5,
        wildcards=5,
        length=128,
        form=r"/[A-Za-z0-9_.$/~\"'@:+&*?-]*",
        priorities=(1, 50000),
    ),
    # Compute Engine API, urlMaps (a path begins with "/"; a template has at most 5 operators; the
    # priorities), and the provider's documentation (a template of 255 characters); Cloud Load
    # Balancing, quotas (200 route rules and 1000 predicates in a path matcher). Five matches in a
    # rule are the limit of Media CDN, which has the same route rules.
    "gcp": Limits(
        rules=200,
        paths=1000,
        values=5,
        wildcards=5,
        length=255,
        form=r"/[^*?#]*|(/[^*?#]*)?/\*|/\*\.[a-z]+",
        priorities=(0, 2147483647),
    ),
}

# A sample: one path of each kind in tests/data/routes.yaml and in LiteLLM's lists.
GATEWAY = (
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/models",
    "/v1/models/a",
    "/v1/embeddings",
    "/v1/files/a/content",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/openai/deployments/a/chat/completions",
    "/v1beta/models/a:generateContent",
    "/vertex_ai/a",
    "/bedrock/model/a/invoke",
    "/v1/skills",
    "/v1/video",
    "/v1/videos",
    "/v1/videos/a/content",
    "/videos",
    "/v1/containers",
    "/containers",
    "/v1/evals",
    "/v1/memory",
    "/interactions",
    "/azure_speech/a",
    "/comprehendmedical",
    "/transcribe",
    "/watsonx",
    "/watsonx/a",
    "/a2a/a/message/send",
    "/v1/decisions",
    "/openrouter/a",
    "/test",
    "/debug/memory/summary",
    "/health/readiness",
    "/metrics",
    "/metrics/",
)
UI = (
    "/",
    "/ui",
    "/ui/",
    "/ui/teams/",
    "/favicon.ico",
    "/_next/static/a.js",
    "/litellm-asset-prefix/_next/static/a.js",
    "/assets/logos/a.svg",
    "/index.txt",
    "/login.txt",
    "/teams.txt",
    "/teams/index.txt",
    "/teams/__next._tree.txt",
    "/teams/__next.!KGRhc2hib2FyZCk.teams.__PAGE__.txt",
    "/chat.txt",
    "/chat/index.txt",
    "/chat/logs.txt",
    "/chat/logs/__next._full.txt",
    "/mcp/oauth/callback.txt",
    "/onboarding.txt",
    # Pages that no release has, also below a path of the gateway.
    "/zz-page.txt",
    "/zz-page/a/index.txt",
    "/search/__next._full.txt",
    "/models/index.txt",
)
# Files with names that a client chooses.
FILES = (
    "/v1/memory/notes.txt",
    "/v1/files/a/content",
    "/vertex_ai/a/index.txt",
    "/openai/a.txt",
    "/watsonx/a.txt",
)
BACKEND = (
    "/key/generate",
    "/user/info",
    "/v1/model/info",
    "/v2/model/info",
    "/model_group/info",
    "/test/connection",
    "/test/tools/list",
    "/testing",
    "/debug/memory/details",
    "/models_x",
    "/v1/models_x",
    "/search_tools",
    "/a2a",
    "/openrouter",
    "/v1/decisions/a",
    "/mcp/tools",
    "/login",
    "/teams",
    "/uix",
    "/_next",
    "/robots.txt",
    "/.well-known/litellm-ui-config",
    "/nowhere",
    "/V1/chat/completions",
)
# "/*.txt" must match only GET and HEAD requests.
POSTED = ("/nowhere.txt", "/key/a.txt", "/teams/index.txt")

CLAUSES = {
    "rules": "a load balancer has no more rules and paths than its cloud allows",
    "values": "a rule has no more values and wildcards than its cloud allows",
    "form": "a path has a length, characters and form that its load balancer allows",
    "priorities": "each rule of a listener has its own priority, within the range",
    "once": "no path occurs twice, so that none is without effect",
    "gateway": "the paths of the gateway and the extra paths reach it, with all paths below them",
    "ui": "the paths of the dashboard reach the UI",
    "backend": "every other path reaches the backend",
    "plain": "port 80 redirects to 443 with TLS, and serves without TLS",
    "output": "the output `routes` has the paths of the rules, by component",
}


def check(subject: Subject) -> Iterator[Outcome]:
    """Check the rules, and the answers to a sample of paths and to the extra paths."""
    rules, limits = path_rules(subject.plan), LIMITS[subject.stack.name]
    yield from _limits(rules, limits)
    yield from _priorities(rules, limits)
    yield from _once(rules)
    model = balancer(subject.plan)
    yield from _components(subject, model)
    yield from _plain(subject, model)
    yield from _output(subject, rules, model)


CONTRACT = Contract(
    name="routing",
    claim="every path reaches its component, within the limits of each load balancer",
    clauses=CLAUSES,
    check=check,
)


# ---- Limits ----


def _limits(rules: list[Rule], limits: Limits) -> Iterator[Outcome]:
    paths = [path for rule in rules for path in rule.paths]
    yield _most("rules", "rules", len(rules), limits.rules)
    yield _most("rules", "paths", len(paths), limits.paths)
    for rule in rules:
        where = f"rule of {rule.paths[0] if rule.paths else 'nothing'}"
        wildcards = sum(path.count("*") + path.count("?") for path in rule.paths)
        yield _most("values", f"{where}, values", len(rule.paths + rule.methods), limits.values)
        yield _most("values", f"{where}, wildcards", wildcards, limits.wildcards)
    form = re.compile(limits.form)
    for path in paths:
        right = len(path) <= limits.length and form.fullmatch(path) is not None
        yield judged("form", path, path, right, f"is not {limits.form} of {limits.length}")


def _most(clause: str, where: str, count: int, most: int) -> Outcome:
    return judged(clause, where, count, count <= most, f"{count}, and {most} is the most")


def _priorities(rules: list[Rule], limits: Limits) -> Iterator[Outcome]:
    lowest, highest = limits.priorities
    # All rules belong to one listener; the answers verify it.
    times = Counter(rule.priority for rule in rules)
    for priority, count in times.items():
        right = lowest <= priority <= highest and count == 1
        yield judged("priorities", str(priority), priority, right, f"{count} rules have it")


def _once(rules: list[Rule]) -> Iterator[Outcome]:
    times = Counter(path for rule in rules for path in rule.paths)
    for path, count in times.items():
        yield judged("once", path, path, count == 1, f"is there {count} times")


# ---- Answers ----


def _components(subject: Subject, model: Balancer) -> Iterator[Outcome]:
    extra = tuple(subject.value("extra_gateway_paths", ()))
    asked = [("gateway", "POST", path) for path in GATEWAY]
    asked += [("gateway", "GET", path) for path in FILES]
    # An extra path may cover a path of another component.
    for component, method, paths in (
        ("ui", "GET", UI),
        ("backend", "GET", BACKEND),
        ("backend", "POST", POSTED),
    ):
        for path in paths:
            taken = any(fits(pattern, path) for pattern in extra)
            asked.append(("gateway" if taken else component, method, path))
    asked += [
        ("gateway", method, path)
        for pattern in extra
        for path in _of(pattern)
        for method in ("GET", "POST")
    ]
    # routes.yaml may give the gateway a path beside an extra path.
    own = split(subject.stack.folder)
    beside = [path for pattern in extra for path in _beside(pattern)]
    asked += [(own.component("POST", path, extra), "POST", path) for path in beside]
    for component, method, path in asked:
        yield equal(component, f"{method} {path}", model.answer(method, path), component)


def _of(pattern: str) -> tuple[str, ...]:
    if not pattern.endswith("/*"):
        return (pattern,)
    start = pattern[:-1]
    return (start, f"{start}a", f"{start}a/b", f"{start}a.txt")


def _beside(pattern: str) -> tuple[str, ...]:
    """Paths that an extra path does not cover: a longer word, and the bare path of a prefix."""
    bare = pattern.removesuffix("/*")
    return (f"{bare}_x9",) if bare == pattern else (bare, f"{bare}_x9")


def _plain(subject: Subject, model: Balancer) -> Iterator[Outcome]:
    secure = tls(subject)
    yield equal("plain", "port that serves", model.serving, 443 if secure else 80)
    for path in ("/", "/v1/models", "/teams.txt", "/nowhere"):
        found = model.answer("GET", path, port=80)
        if found is UNKNOWN:
            yield Outcome("plain", f"port 80, {path}", "unknown", "known only after apply")
            continue
        there = isinstance(found, Redirect) and (found.protocol, found.port) == ("https", "443")
        right = there if secure else isinstance(found, str)
        yield judged("plain", f"port 80, {path}", found, right, f"{found} with TLS {secure}")


def _output(subject: Subject, rules: list[Rule], model: Balancer) -> Iterator[Outcome]:
    routes: Any = subject.plan.outputs.get("routes", UNKNOWN)
    if routes is UNKNOWN:
        yield Outcome("output", "routes", "unknown", "the plan does not pass the output on")
        return
    given = {path for rule in rules for path in rule.paths}
    named = {path for paths in routes.values() for path in paths}
    # /robots.txt is the only rule of the backend.
    for path in sorted(given | named):
        right = path in given and (path in named or path == "/robots.txt")
        message = "is in no rule" if path in named else "is not in the output"
        yield judged("output", path, path, right, message)
    yield from _output_components(routes, model)


def _output_components(routes: Mapping[str, Any], model: Balancer) -> Iterator[Outcome]:
    for component, paths in routes.items():
        for path in paths:
            # A path that matches the pattern, and no longer pattern.
            asked = path.replace("*.txt", "zz9.txt").replace("*", "zz9")
            yield equal("output", f"{component} {path}", model.answer("GET", asked), component)
