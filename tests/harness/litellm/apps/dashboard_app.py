"""LiteLLM's dashboard, as the image of the UI serves it with nginx.

The files are those of the exported dashboard in the litellm package, which is not imported because
that takes seconds. They are served from the root, below `/ui` and below `/litellm-asset-prefix`.
`/healthz` answers 200.
"""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

# Folders of assets. A page in place of a missing asset would hide the error.
_LOADED = ("_next/", "assets/")


def _candidates(path: str) -> Iterator[str]:
    """The files that may answer a path, best first, relative to the folder."""
    yield path
    # A page is exported as X/index.html or X.html, its payload as X/index.txt or X.txt.
    yield f"{path}/index.html"
    yield f"{path}.html"
    if path.endswith(".txt"):
        yield f"{path.removesuffix('.txt')}/index.txt"
    elif not path.startswith(_LOADED):
        yield "index.html"


class _Pages(StaticFiles):  # type: ignore[misc]
    """Serves files, and a page for any other path, as its application handles deep links."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file for a path."""
        for candidate in _candidates(os.path.normpath(path)):
            full, found = super().lookup_path(candidate)
            if found is not None and stat.S_ISREG(found.st_mode):
                return full, found
        return "", None


def _exported() -> Path:
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        raise RuntimeError("there is no litellm in this environment: run it with LiteLLM's own")
    return Path(spec.origin).parent / "proxy" / "_experimental" / "out"


async def _healthy(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


_pages = _Pages(directory=_exported())
app = Starlette(
    routes=[
        Route("/healthz", _healthy),
        Mount("/ui", _pages),
        Mount("/litellm-asset-prefix", _pages),
        Mount("/", _pages),
    ]
)
