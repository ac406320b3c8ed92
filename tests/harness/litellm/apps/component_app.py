"""LiteLLM's proxy with the routes of one component, as in the images of gateway and backend.

The images wrap the application of the proxy as `gateway.main:app` and `backend.main:app`. They drop
the routes of the other component, so that a path sent to the wrong one gives 404. The variable
COMPONENT_ROUTES is a JSON object: `drop` lists the templates to drop; `keep`, if it is not null,
lists the only templates to keep. Like the images, this module builds DATABASE_URL from the
variables of the database before it imports the proxy.
"""

from __future__ import annotations

import json
import os
from typing import Any

from litellm.proxy.db.db_url_settings import DatabaseURLSettings
from starlette.middleware import Middleware

DatabaseURLSettings.from_env().apply_to_env()

from litellm.proxy.proxy_server import app  # noqa: E402  (it reads DATABASE_URL)

_RULE = json.loads(os.environ["COMPONENT_ROUTES"])
_DROP = frozenset(_RULE["drop"])
_KEEP = None if _RULE["keep"] is None else frozenset(_RULE["keep"])


def _kept(template: str) -> bool:
    return template not in _DROP if _KEEP is None else template in _KEEP


def _trim(routes: list[Any], prefix: str = "") -> None:
    """Drop the routes of the other component, also inside included routers."""
    kept = []
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            _trim(router.routes, prefix + route.include_context.prefix)
        if router is not None or _kept(prefix + route.path):
            kept.append(route)
    routes[:] = kept


class _Trimming:
    """Trims routes that are added later: LiteLLM loads some routers at their first request."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.seen = inner, [id(route) for route in app.router.routes]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request with the routes of the component."""
        if [id(route) for route in app.router.routes] != self.seen:
            _trim(app.router.routes)
            self.seen = [id(route) for route in app.router.routes]
        await self.inner(scope, receive, send)


_trim(app.router.routes)
# The last middleware is the innermost: LiteLLM's loader of routers is outside of it.
app.user_middleware.append(Middleware(_Trimming))
