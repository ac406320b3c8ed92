"""Print what a LiteLLM release serves, as JSON: routes, route lists, dashboard files.

LiteLLM's own interpreter runs it. ``modules`` are the names of the modules that the proxy imports,
in their order. ``register_all_features`` loads the routers that LiteLLM otherwise loads at the
first request for one of them.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
from litellm.proxy._lazy_features import register_all_features
from litellm.proxy._types import LiteLLMRoutes
from litellm.proxy.proxy_server import app
from starlette.routing import Mount, WebSocketRoute

_MODULES = [name for name in sys.modules if name != "__main__"]

_DASHBOARD = Path(litellm.__file__).parent / "proxy" / "_experimental" / "out"


def _routes(routes: list[Any], prefix: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Template, kind and methods of each route, also of those inside included routers."""
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from _routes(router.routes, prefix + route.include_context.prefix)
        else:
            methods = tuple(sorted(getattr(route, "methods", None) or ()))
            yield prefix + route.path, _kind(route), methods


def _kind(route: Any) -> str:
    if isinstance(route, Mount):
        folder = getattr(route.app, "directory", None)
        inside = folder is not None and Path(folder).is_relative_to(_DASHBOARD)
        return "dashboard" if inside else "mount"
    return "websocket" if isinstance(route, WebSocketRoute) else "http"


def _files() -> list[str]:
    paths = (path for path in _DASHBOARD.rglob("*") if path.is_file())
    return sorted(path.relative_to(_DASHBOARD).as_posix() for path in paths)


register_all_features(app)
print(
    json.dumps(
        {
            "modules": _MODULES,
            "release": importlib.metadata.version("litellm"),
            "routes": [
                " ".join([template, kind, *methods])
                for template, kind, methods in sorted(set(_routes(app.routes)))
            ],
            "lists": {
                name: sorted(set(member.value))
                for name, member in LiteLLMRoutes.__members__.items()
            },
            "dashboard": _files(),
        },
        indent=1,
    )
)
