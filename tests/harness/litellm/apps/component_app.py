"""LiteLLM's proxy with the routes of one component, as the gateway's and backend's images have it.

The images wrap the proxy's application as `gateway.main:app` and `backend.main:app` and drop the
routes that are not the component's, so that a path sent to the wrong one is a 404. The variable
COMPONENT_ROUTES says which, as a JSON object: `drop` are the templates to drop, `keep` those to
keep, all others being dropped, or null.
"""

from __future__ import annotations

import json
import os
from typing import Any

from litellm.proxy.proxy_server import app
from starlette.middleware import Middleware

_RULE = json.loads(os.environ["COMPONENT_ROUTES"])
_DROP = frozenset(_RULE["drop"])
_KEEP = None if _RULE["keep"] is None else frozenset(_RULE["keep"])


def _kept(template: str) -> bool:
    return template not in _DROP if _KEEP is None else template in _KEEP


def _trim(routes: list[Any], prefix: str = "") -> None:
    """Drop what is not the component's, also in the routers that FastAPI holds as they are."""
    kept = []
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            _trim(router.routes, prefix + route.include_context.prefix)
        if router is not None or _kept(prefix + route.path):
            kept.append(route)
    routes[:] = kept


class _Trimming:
    """Trim what was added since: LiteLLM loads some routers when they are first asked for."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.seen = inner, [id(route) for route in app.router.routes]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request with the routes of the component."""
        if [id(route) for route in app.router.routes] != self.seen:
            _trim(app.router.routes)
            self.seen = [id(route) for route in app.router.routes]
        await self.inner(scope, receive, send)


_trim(app.router.routes)
# The last one is the innermost: what loads routers is outside of it.
app.user_middleware.append(Middleware(_Trimming))
