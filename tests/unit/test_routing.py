"""Every path reaches its component on both clouds: allow-lists, LiteLLM's routes, dashboard.

The owners of paths come from ``tests/data/routes.yaml`` and from the description of the LiteLLM
release. The answers come from one resolved plan for each cloud.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.harness.contracts.base import subject
from tests.harness.contracts.properties.routing import CONTRACT
from tests.harness.litellm import ownership, release
from tests.harness.litellm.ownership import Ownership, Split
from tests.harness.litellm.release import Route
from tests.harness.paths import MODULES
from tests.harness.plan.routing import Balancer, balancer, glob
from tests.harness.plan.view import UNKNOWN
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning

Record = Callable[[str, object], None]
# A method that reads and one that does not: no rule distinguishes others.
METHODS = ("GET", "POST")
EXTRA = ("/acme", "/acme/*", "/v9/deep/er/*")
# As many as `extra_gateway_paths` may have.
MOST_EXTRA = 60
# The number of near misses, each requested on both clouds. They take about 3 s.
NEAR_MISSES = 3000


@pytest.fixture(scope="module")
def balancers(resolved_session: planning.Session) -> Mapping[str, Balancer]:
    models = {}
    for name, stack in STACKS.items():
        inputs = {**stack.smallest, "extra_gateway_paths": list(EXTRA)}
        result = planning.plan(resolved_session, planning.Case("routing", name, inputs))
        assert result.plan is not None, str(result)
        assert result.diagnostics == (), str(result)
        models[name] = balancer(result.plan)
    return models


@pytest.fixture(scope="module")
def owned() -> Ownership:
    return ownership.load()


@pytest.fixture(scope="module")
def files() -> Mapping[str, tuple[str, ...]]:
    return release.description().files


@pytest.fixture(scope="module")
def split() -> Split:
    return ownership.split(MODULES / "aws")


@pytest.fixture(scope="module")
def owners_by_route(owned: Ownership) -> Mapping[Route, str]:
    return ownership.owners(release.description(), owned)


def misled(
    balancers: Mapping[str, Balancer], component: str, method: str, path: str
) -> Iterator[str]:
    """A message for each cloud that answers a request with another component."""
    for name, model in balancers.items():
        answered = model.answer(method, path)
        if answered != component:
            yield f"{method} {path} on {name}: {answered}, not {component}"


# ---- Allow-lists ----


def test_allow_list_path_reaches_its_component(
    balancers: Mapping[str, Balancer], owned: Ownership, record_property: Record
) -> None:
    paths = sorted({path for allowed in owned.allowed.values() for path in allowed.paths})
    record_property("allow_list_paths", len(paths))
    assert len(paths) > 400
    wrong = []
    for path in paths:
        exempt = owned.excepted(path)
        component = exempt.answered if exempt else owned.listed(path) or "backend"
        wrong += [message for m in METHODS for message in misled(balancers, component, m, path)]
    assert wrong == []


# ---- LiteLLM's own routes ----


def test_litellm_route_reaches_its_component(
    balancers: Mapping[str, Balancer],
    owned: Ownership,
    owners_by_route: Mapping[Route, str],
    record_property: Record,
) -> None:
    record_property("litellm_routes", len(owners_by_route))
    record_property("litellm_release", release.description().release)
    assert len(owners_by_route) > 900
    wrong: list[str] = []
    for route, component in owners_by_route.items():
        exempt = owned.excepted(route.template)
        for path in route.paths:
            for method in route.methods or METHODS:
                to = exempt.answered if exempt else component
                wrong += misled(balancers, to, method, path)
    assert wrong == []


def test_every_component_has_litellm_routes(
    owners_by_route: Mapping[Route, str], record_property: Record
) -> None:
    # If a list were empty, every route would belong to the backend, and the other tests would pass.
    for component, least in (("gateway", 200), ("backend", 500), ("ui", 3)):
        count = sum(owner == component for owner in owners_by_route.values())
        record_property(f"litellm_routes_{component}", count)
        assert count >= least, component


def test_every_routing_exception_is_needed(
    balancers: Mapping[str, Balancer],
    owned: Ownership,
    owners_by_route: Mapping[Route, str],
) -> None:
    listed = {path for allowed in owned.allowed.values() for path in allowed.paths}
    owners = {path: owned.listed(path) or "backend" for path in listed}
    owners |= {route.template: owners_by_route[route] for route in owners_by_route}
    for entry in owned.exceptions:
        assert entry.reason, entry
        for name in entry.routes:
            exception = ownership.Exempt((name,), entry.answered, entry.reason)
            matching = [
                path
                for path, to in owners.items()
                if exception.has(path) and to != exception.answered
            ]
            assert matching, f"{name} is no longer an exception: remove it from routes.yaml"


# ---- The dashboard ----


def test_dashboard_file_is_served_by_the_ui(
    balancers: Mapping[str, Balancer],
    files: Mapping[str, tuple[str, ...]],
    record_property: Record,
) -> None:
    record_property("dashboard_files", len(files))
    assert len(files) > 700
    wrong = [
        message
        for urls in files.values()
        for url in urls
        for method in ("GET", "HEAD")
        for message in misled(balancers, "ui", method, url)
    ]
    assert wrong == []


# Pages that no release has. The first segment of the last ones is that of a gateway path.
NEW_PAGES = ("zz-page", "zz-page/logs", "search", "files", "models", "chat/zz-page")


def test_page_of_no_release_is_served_by_the_ui(
    balancers: Mapping[str, Balancer], files: Mapping[str, tuple[str, ...]]
) -> None:
    paths = [
        path
        for page in NEW_PAGES
        for path in (
            f"/{page}.txt",
            f"/{page}/index.txt",
            f"/{page}/__next._full.txt",
            f"/{page}/__next.!KGRhc2hib2FyZCk.{page.replace('/', '.')}.__PAGE__.txt",
        )
    ]
    assert not set(paths) & {url for urls in files.values() for url in urls}
    wrong = [
        message
        for path in paths
        for method in ("GET", "HEAD")
        for message in misled(balancers, "ui", method, path)
    ]
    assert wrong == []


def test_file_that_a_client_names_is_the_gateways(
    balancers: Mapping[str, Balancer], owners_by_route: Mapping[Route, str], owned: Ownership
) -> None:
    # The client chooses this part of the path: of a provider's API, or the key of a memory.
    named = re.compile(r"\{(endpoint|key)(:path)?\}$")
    starts = {
        named.sub("", route.template)
        for route, component in owners_by_route.items()
        if component == "gateway"
        and "GET" in (route.methods or METHODS)
        and named.search(route.template)
        and owned.excepted(route.template) is None
    }
    assert len(starts) > 20
    wrong = [
        message
        for start in sorted(starts)
        for name in ("notes.txt", "a/index.txt")
        for message in misled(balancers, "gateway", "GET", f"{start}{name}")
    ]
    assert wrong == []


# ---- Near-misses ----

_MUTATIONS: tuple[Callable[[str], str], ...] = (
    lambda path: path,
    lambda path: f"{path}x",
    lambda path: f"{path}_x",
    lambda path: f"{path}/",
    lambda path: f"{path}/x",
    lambda path: f"{path}/x/y.txt",
    lambda path: f"{path}.txt",
    lambda path: f"{path}*",
    lambda path: path[:-1] or "/",
    lambda path: path.rstrip("/") or "/",
    lambda path: f"/x{path}",
    lambda path: f"/{path}",
    lambda path: path.upper(),
    lambda path: path.swapcase(),
    lambda path: path.replace("/", "/x/", 1),
    lambda path: path.replace("_", "-"),
    lambda path: path.replace("-", "_"),
    lambda path: path.replace("!", "?"),
    lambda path: path.replace("!", "x"),
    lambda path: path.rpartition("/")[0] or "/",
    lambda path: path.removesuffix(".txt"),
    lambda path: f"{path}%2Fx",
)
# Files of a page, from which near misses are derived.
PAGE_FILES = ("/teams.txt", "/teams/__next.!KGRhc2hib2FyZCk.teams.__PAGE__.txt", "/chat/logs.txt")
_WORDS = st.text("abz019._~-@:+$&'!", min_size=1, max_size=8)


def near_misses(split: Split) -> st.SearchStrategy[str]:
    """Paths that equal or nearly equal a path of a rule."""
    named = sorted({*split.patterns, *PAGE_FILES} | {p.rstrip("*") for p in EXTRA})
    mutated = st.builds(
        lambda path, change, again: again(change(path)),
        st.sampled_from(named),
        st.sampled_from(_MUTATIONS),
        st.sampled_from(_MUTATIONS),
    )
    free = st.lists(_WORDS, min_size=1, max_size=4).map(lambda words: "/" + "/".join(words))
    return st.one_of(mutated, mutated, mutated, free)


def test_near_miss_has_one_answer_on_both_clouds(
    balancers: Mapping[str, Balancer], split: Split, record_property: Record
) -> None:
    requests: set[tuple[str, str]] = set()

    @settings(
        max_examples=NEAR_MISSES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        near_misses(split),
        st.sampled_from(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")),
    )
    @example("/nowhere.txt", "GET")
    @example("/teams.txt", "POST")
    @example("/chat/logs.txt", "POST")
    @example("/chat/logs.txt", "GET")
    @example("/acme/", "POST")
    @example("/acme/a.txt", "GET")
    @example("/v9/deep/er", "POST")
    @example("/robots.txt", "GET")
    def request(path: str, method: str) -> None:
        requests.add((method, path))
        assert list(misled(balancers, split.component(method, path, EXTRA), method, path)) == []

    request()
    record_property("near_misses", len(requests))
    assert len(requests) > NEAR_MISSES // 2


# ---- Limits ----


def test_limits_hold_with_the_most_extra_paths(resolved_session: planning.Session) -> None:
    extra = [f"/p{i:02}{'x' * 122}/*" for i in range(MOST_EXTRA)]
    assert {len(path) for path in extra} == {128}
    for name, stack in STACKS.items():
        inputs = {**stack.smallest, "extra_gateway_paths": extra}
        result = planning.plan(resolved_session, planning.Case("most-rules", name, inputs))
        assert result.plan is not None, str(result)
        outcomes = CONTRACT.outcomes(subject(resolved_session, stack, inputs, result.plan))
        assert [str(o) for o in outcomes if o.verdict != "passed"] == []
        if name == "gcp":
            url_map = result.plan.resources["google_compute_url_map.routes"]
            # The size of a URL map (Cloud Load Balancing, quotas, before the increase to 1 MB).
            assert len(json.dumps(url_map.values, default=str)) < 64 * 1024


# ---- The routing model and the description of the release ----


def test_alb_pattern_is_a_case_sensitive_glob() -> None:
    for pattern, path, fits in (
        ("/a/*", "/a/b/c", True),
        ("/a/*", "/a/", True),
        ("/a/*", "/a", False),
        ("/*.txt", "/a/b.txt", True),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/a.c", "/abc", False),
        ("/a", "/A", False),
    ):
        assert (glob(pattern).fullmatch(path) is not None) is fits, (pattern, path)


def test_closed_port_gives_no_answer(
    balancers: Mapping[str, Balancer],
) -> None:
    for model in balancers.values():
        assert model.serving == 80
        assert model.answer("GET", "/", port=443) is None


def test_unknown_rule_gives_an_unknown_answer(session: planning.Session) -> None:
    for name, stack in STACKS.items():
        result = planning.plan(session, planning.Case("unknown", name, stack.smallest))
        assert result.plan is not None, str(result)
        model = balancer(result.plan)
        for path in ("/", "/v1/models", "/nowhere"):
            assert model.answer("GET", path) is UNKNOWN


def test_template_gives_example_paths() -> None:
    assert release.examples("/a/{b}/c") == ("/a/a1/c",)
    assert release.examples("/a/{b:path}") == ("/a/a1", "/a/a1/b2/c3")
    assert release.examples("/a?{b}") == ("/a",)


def test_description_has_routes_of_each_registration() -> None:
    routes = release.description().routes
    for template, kind in {
        "/v1/chat/completions": "http",  # a decorator
        "/key/generate": "http",  # a decorator of an included router
        "/v1/mcp/server": "http",  # below the prefix of a router
        "/management/v1/budgets": "http",  # a router in a router
        "/scim/v2/Users": "http",  # a lazy feature
        "/policy/info/{policy_name}": "http",  # by way of an import of all names
        "/v1/unified_access_group": "http",  # add_api_route
        "/end_user/daily/activity/export": "http",  # registered by a function, in a loop
        "/v1/containers/{container_id}/files": "http",  # from a JSON file
        "/azure_speech/{endpoint:path}": "http",  # a constant of another module
        "/audit": "http",  # of the litellm-enterprise package
        "/v1/realtime": "websocket",
        "/swagger": "mount",
        "/mcp": "mount",
        "/metrics": "mount",
        "/litellm-asset-prefix/_next": "dashboard",
    }.items():
        kinds = {route.kind for route in routes if route.template == template}
        assert kind in kinds, f"{template}: {kinds}"
