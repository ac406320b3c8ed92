"""Which component owns a path, from sources other than a plan.

There are three: the allow-lists of the components (``tests/data/routes.yaml``), the lists by which
LiteLLM classifies its routes, and a module's ``routes.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.litellm.release import Description, Route, covers
from tests.harness.paths import ROUTES

# The lists of `LiteLLMRoutes` that say what a route is for. Lists of roles that may call a route
# are left out (public_routes, internal_user_routes and so on).
DATA_PLANE = ("llm_api_routes",)
MANAGEMENT = (
    "management_routes",
    "key_management_routes",
    "mcp_management_routes",
    "agent_management_routes",
    "spend_tracking_routes",
    "global_spend_tracking_routes",
    "info_routes",
    "ui_routes",
    "master_key_only_routes",
    "self_managed_routes",
    "org_admin_only_routes",
    "admin_viewer_routes",
    "compliance_check_routes",
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The allow-list of a component: exact paths, and prefixes in the form of ``routes.yaml``."""

    exact: tuple[str, ...]
    prefixes: tuple[str, ...]

    def longest(self, path: str) -> int:
        """The length of the entry that matches a path; -1 if none does."""
        if path in self.exact:
            return len(path) + 1
        return max((len(prefix) for prefix in self.prefixes if below(prefix, path)), default=-1)

    @property
    def paths(self) -> tuple[str, ...]:
        """Its exact paths, each prefix that covers itself, and two paths below each prefix.

        Templates are left out, because no path is a template.
        """
        plain = [prefix for prefix in self.prefixes if "{" not in prefix]
        paths = [*self.exact]
        for prefix in plain:
            start = prefix.rstrip("/")
            paths += [start] if start == prefix else []
            paths += [f"{start}/a1", f"{start}/a1/b2"]
        return tuple(dict.fromkeys(paths))


@dataclass(frozen=True, slots=True)
class Exempt:
    """Routes that another component answers than the lists say, with the reason."""

    routes: tuple[str, ...]
    answered: str
    reason: str

    def has(self, route: str) -> bool:
        """Whether a template or path is one of its routes."""
        return any(
            route.startswith(name[:-1]) if name.endswith("*") else route == name
            for name in self.routes
        )


@dataclass(frozen=True)
class Ownership:
    """The content of ``tests/data/routes.yaml``."""

    allowed: Mapping[str, Allowed]
    exceptions: tuple[Exempt, ...]

    def listed(self, route: str) -> str | None:
        """The component with the longest entry that matches a path or template, or None."""
        known = {name: allowed.longest(route) for name, allowed in self.allowed.items()}
        best = max(known.values())
        owners = [name for name, length in known.items() if length == best]
        return owners[0] if best >= 0 and len(owners) == 1 else None

    def excepted(self, route: str) -> Exempt | None:
        """The exception that a path or template matches."""
        return next((entry for entry in self.exceptions if entry.has(route)), None)


def load(path: Path = ROUTES) -> Ownership:
    """Read the file. Its head describes each part."""
    document = documents.read(path)
    return Ownership(
        allowed={
            name: Allowed(tuple(part["exact"]), tuple(part["prefixes"]))
            for name, part in document["allowlists"].items()
        },
        exceptions=tuple(
            Exempt(tuple(entry["routes"]), entry["answered"], entry["reason"])
            for entry in document["exceptions"]
        ),
    )


def below(prefix: str, path: str) -> bool:
    """Whether a prefix covers a path: ``/a/`` covers paths below it, ``/a`` also itself."""
    start = prefix if prefix.endswith("/") else f"{prefix}/"
    return path.startswith(start) or path == prefix.rstrip("/") == prefix


def classified(route: Route, classes: Mapping[str, Iterable[str]]) -> str | None:
    """The component of a route by LiteLLM's lists; None if no list or lists of both have it."""
    components = {
        component
        for component, names in (("gateway", DATA_PLANE), ("backend", MANAGEMENT))
        for name in names
        for listed in classes[name]
        if covers(listed, route.template)
    }
    return components.pop() if len(components) == 1 else None


def owners(description: Description, owned: Ownership) -> Mapping[Route, str]:
    """Each route's component by LiteLLM's lists, else by the allow-lists, else the backend."""
    return {
        route: "ui"
        if route.kind == "dashboard"
        else classified(route, description.lists) or owned.listed(route.template) or "backend"
        for route in description.routes
    }


@dataclass(frozen=True)
class Split:
    """The split of requests by a module's ``routes.yaml``. Its head describes each part."""

    document: Mapping[str, Any]

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """Prefixes and exact paths, from which tests derive near misses."""
        return tuple(
            path for part in self.document.values() for paths in part.values() for path in paths
        )

    def component(self, method: str, path: str, extra: Iterable[str] = ()) -> str:
        """The component of a request.

        Extra paths and the file prefixes of the gateway come first, then the files of the backend
        and of the dashboard, then the other listed paths. All else is the backend's.
        """
        gateway, ui = self.document["gateway"], self.document["ui"]
        if any(fits(pattern, path) for pattern in extra):
            return "gateway"
        if any(below(prefix, path) for prefix in gateway["file_prefixes"]):
            return "gateway"
        if path in self.document["backend"]["exact"]:
            return "backend"
        if path.endswith(".txt") and method in ("GET", "HEAD"):
            return "ui"
        for name, part in (("gateway", gateway), ("ui", ui)):
            if path in part["exact"] or any(below(prefix, path) for prefix in part["prefixes"]):
                return name
        return "backend"


def fits(pattern: str, path: str) -> bool:
    """Whether an entry of ``extra_gateway_paths`` covers a path: exact, or below ``/a/*``."""
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern


def split(module: Path) -> Split:
    """The split of a module."""
    return Split(_document(module / "routes.yaml"))


@cache
def _document(path: Path) -> Mapping[str, Any]:
    document: Mapping[str, Any] = documents.read(path)
    return document
