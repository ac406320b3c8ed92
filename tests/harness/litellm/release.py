"""The LiteLLM release that the suite runs, and what it serves.

``tests/data/litellm`` holds three files for the release: the packages of its environment, pinned
(``pip freeze``); the last migration, with what its schema has and the packaged migrations lack; and
its description, which LiteLLM's own application gives (``apps/describe.py``): every route, the
lists by which LiteLLM classifies routes, and the files of the exported dashboard.
``python -m tests.harness.litellm.release`` writes the description again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.litellm import engines
from tests.harness.paths import LITELLM
from tests.harness.process import venvs

# litellm's own pins name packages that package indexes lack (litellm-proxy-extras 0.4.114.post1),
# so its environment holds the newest ones there are, installed without their dependencies' pins.
# Without prisma LiteLLM answers a wrong key with an internal error.
RELEASE = "1.110.2"
DESCRIPTION = LITELLM / f"{RELEASE}.json"
REQUIREMENTS = LITELLM / f"{RELEASE}.txt"
LAST_MIGRATION = LITELLM / f"{RELEASE}.sql"
# Prisma runs migrations in the order of their names.
_LAST_NAME = f"20261101000000_litellm_{RELEASE.replace('.', '_')}"
_APPS = Path(__file__).parent / "apps"
_DESCRIBE = _APPS / "describe.py"
_START = _APPS / "sitecustomize.py"
# What the environment is made from, beside the engines.
_CONTENT = (REQUIREMENTS, LAST_MIGRATION, _START, _DESCRIBE)
_CLOSED: Mapping[str, str] = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost",
}
_END = "-----END CERTIFICATE-----"
# The callback `prometheus` mounts it once it is configured.
_METRICS = "/metrics mount"
# How a path parameter is written: {name} or {name:convertor}.
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
# Values for parameters: one segment, and for the path convertor, which takes slashes, several.
_SEGMENT = "a1"
_DEEP = ("a1", "a1/b2/c3")


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the proxy.

    ``template`` has path parameters in braces. ``methods`` are HTTP methods; empty means any (a
    mount, a websocket). ``kind`` is ``http``, ``websocket``, ``mount``, or ``dashboard`` for a
    mount of the exported dashboard.
    """

    template: str
    kind: str
    methods: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Concrete paths of the template; for a mount, paths below it."""
        below = self.kind in ("mount", "dashboard")
        return examples(f"{self.template.rstrip('/')}/{{below:path}}" if below else self.template)


@dataclass(frozen=True, slots=True)
class Description:
    """What a release serves.

    ``lists`` are those of ``LiteLLMRoutes``, by name; a template in one may end in ``/*``.
    ``files`` maps each file of the dashboard to the URL paths that browsers request it under.
    """

    release: str
    routes: tuple[Route, ...]
    lists: Mapping[str, frozenset[str]]
    files: Mapping[str, tuple[str, ...]]


def installed(folder: Path = venvs.FOLDER) -> Path:
    """The interpreter of the environment that holds LiteLLM; creates the environment if needed.

    The environment has the Python client of LiteLLM's database, as the images do.

    Raises:
        InstallError: uv or npm cannot install a package; the message has the end of its output.
    """
    content = b"".join(path.read_bytes() for path in _CONTENT)
    version = f"{RELEASE}-{hashlib.sha256(content).hexdigest()[:8]}-{engines.digest()}"
    packages = ("--no-deps", "--requirement", str(REQUIREMENTS))
    return venvs.installed("litellm", version, packages, folder, _complete)


def offline(python: Path) -> dict[str, str]:
    """The variables with which LiteLLM calls nothing outside.

    Its table of prices is local, and its proxy does not exist. It trusts one authority: a start
    reads all authorities for several clients, and each time takes 0.06 seconds of a core.

    Args:
        python: the interpreter of LiteLLM's environment.
    """
    return {**_CLOSED, "SSL_CERT_FILE": str(_authority(python))}


def _authority(python: Path) -> Path:
    return python.parents[1] / "authority.pem"


def migrations(python: Path) -> Path:
    """The folder of the migrations of LiteLLM's environment."""
    return venvs.packages(python) / "litellm_proxy_extras" / "migrations"


def schema(python: Path) -> Path:
    """The schema of LiteLLM's database."""
    return venvs.packages(python) / "litellm" / "proxy" / "schema.prisma"


def _complete(python: Path) -> None:
    """Give the environment what the images have: the engines, the client, all migrations."""
    shutil.copy(_START, venvs.packages(python))
    authorities = (venvs.packages(python) / "certifi" / "cacert.pem").read_text()
    first, end, _ = authorities.partition(_END)
    _authority(python).write_text(f"{first}{end}\n")
    engines.install(python, schema(python))
    last = migrations(python) / _LAST_NAME
    last.mkdir()
    (last / "migration.sql").write_bytes(LAST_MIGRATION.read_bytes())
    # This also compiles the modules. The first processes of a run would each do that at the same
    # time.
    _kept(python).write_text(json.dumps(_described(python)))


def _kept(python: Path) -> Path:
    return python.parents[1] / "description.json"


def _described(python: Path) -> dict[str, Any]:
    """What the LiteLLM of an interpreter says of itself.

    Raises:
        InstallError: it does not start; the message has the end of its output.
    """
    result = subprocess.run(
        [str(python), str(_DESCRIBE)],
        env={"PATH": os.defpath, "HOME": str(python.parents[1]), **_CLOSED},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise venvs.InstallError(f"LiteLLM does not start: {result.stderr[-2000:]}")
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def observed(python: Path) -> dict[str, Any]:
    """The description that the LiteLLM of an interpreter gives, in the form of the stored file.

    LiteLLM's own environment has it since its creation.

    Raises:
        InstallError: LiteLLM does not start; the message has the end of its output.
    """
    kept = _kept(python)
    document = json.loads(kept.read_text()) if kept.exists() else _described(python)
    return {name: value for name, value in document.items() if name != "modules"}


@functools.cache
def description(path: Path = DESCRIPTION) -> Description:
    """The stored description."""
    document = json.loads(path.read_text())
    lines = [line.split(" ") for line in [*document["routes"], _METRICS]]
    return Description(
        release=document["release"],
        routes=tuple(Route(template, kind, tuple(rest)) for template, kind, *rest in lines),
        lists={name: frozenset(templates) for name, templates in document["lists"].items()},
        files={name: _requested_as(name) for name in document["dashboard"]},
    )


def examples(template: str) -> tuple[str, ...]:
    """Concrete paths for a template: ``/a/{b}`` gives ``/a/a1``; a path parameter gives two."""
    deep = any(convertor == "path" for _, convertor in _PARAMETER.findall(template))

    def filled(text: str) -> str:
        return _PARAMETER.sub(lambda m: text if m[2] == "path" else _SEGMENT, template)

    # "?{model}" denotes a query in LiteLLM's lists; no load balancer rule here matches one.
    found = [filled(text).partition("?")[0] for text in (_DEEP if deep else _DEEP[:1])]
    return tuple(dict.fromkeys(found))


def covers(listed: str, template: str) -> bool:
    """Whether an entry of a list covers a template, regardless of the parameters' names.

    Equal templates cover each other, whatever convertors they name. Otherwise a parameter without
    convertor matches one segment; a path parameter and ``*`` match any number.
    """
    same = _marked(listed, "{}", "{}") == _marked(template, "{}", "{}")
    return same or _pattern(listed).fullmatch(_marked(template, "\1/\1", "\1")) is not None


# The lists are compared with every route, so each entry is prepared once.
@functools.cache
def _marked(template: str, path: str, segment: str) -> str:
    """A template with one text for each path parameter, and one for each other parameter."""
    return _PARAMETER.sub(lambda m: path if m[2] == "path" else segment, template)


@functools.cache
def _pattern(listed: str) -> re.Pattern[str]:
    """The paths, with marks in place of parameters, that an entry of a list covers."""
    form = re.escape(_marked(listed, "\0\0", "\0"))
    form = form.replace(re.escape("\0\0"), ".+").replace(re.escape("\0"), r"[^/]+")
    return re.compile(form.replace(r"\*", ".+"))


def _requested_as(name: str) -> tuple[str, ...]:
    """The URL paths that a browser requests a file of the dashboard under.

    ``X/index.html`` is the page at ``/ui/X`` and ``/ui/X/`` (``proxy_server.py`` mounts the folder
    at ``/ui`` with ``html=True``). A page's payload (``.txt``) is requested from the root of the
    site and below ``/ui``; ``_next`` from the root, below ``/ui`` and below the asset prefix;
    ``assets`` and the files beside them from the root and below ``/ui``.
    """
    ui = f"/ui/{name}"
    if name.startswith("_next/"):
        return (f"/{name}", ui, f"/litellm-asset-prefix/{name}")
    if name.endswith(".html"):
        page = name.removesuffix("index.html").removesuffix(".html")
        return (ui, f"/ui/{page}") + ((f"/ui/{page.rstrip('/')}",) if page else ("/", "/ui"))
    if name.endswith(".txt"):
        page = name.removesuffix("/index.txt")
        return (f"/{name}", ui) + ((f"/{page}.txt", f"/ui/{page}.txt") if page != name else ())
    return (f"/{name}", ui) if name.startswith("assets/") or name == "favicon.ico" else (ui,)


if __name__ == "__main__":
    DESCRIPTION.write_text(json.dumps(observed(installed()), indent=1) + "\n")
