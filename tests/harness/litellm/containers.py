"""The components' containers as processes of this machine, each started as its container is.

An image is known by the last part of its repository. The gateway and the backend are LiteLLM's
proxy with the routes of the component, the UI is the exported dashboard (see the applications in
``apps``). The planned start command itself is run, in a shell: its servers, addresses and
temporary files alone are put elsewhere.

What is left out: the database, for LiteLLM needs Prisma's engines for one and they are in no
package (:data:`LEFT_OUT`). Redis is not: its variables work as they are given. On Google Cloud the
start command writes the authority of its certificate to a file; on AWS, whose authorities every
system knows, name one of ``files`` with the local one by ``SSL_CERT_FILE``.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.harness.litellm import ownership, release
from tests.harness.paths import ROOT
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor

# An image with this tag starts and never listens.
BROKEN_TAG = "broken"
_BROKEN = (sys.executable, "-c", "import time; time.sleep(3600)")
# Variables that make LiteLLM look for a database, by which alone it would not start.
LEFT_OUT = re.compile(r"DATABASE_\w+|DIRECT_URL|IAM_TOKEN_DB_AUTH|STORE_MODEL_IN_DB")
_NOBODY = "http://127.0.0.1:9"
_APPS = Path(__file__).parent / "apps"
_TEMPORARY = "/tmp/"  # noqa: S108


class ComponentError(ValueError):
    """A container's image or command is of no component that is known here."""


@dataclass(frozen=True, slots=True)
class Component:
    """A running container: its process, the loopback port that it will listen on, its output."""

    pid: int
    port: int
    log: Path


@dataclass(frozen=True, slots=True)
class _Image:
    """What an image holds: its server's application, ours, and the port that it listens on."""

    application: str
    ours: str
    port: int


_IMAGES: Mapping[str, _Image] = {
    "litellm-gateway": _Image("gateway.main:app", "component_app:app", 4000),
    "litellm-backend": _Image("backend.main:app", "component_app:app", 4001),
    # Not a Python server in truth; there is no command but the image's own.
    "litellm-ui": _Image("ui", "dashboard_app:app", 3000),
}


def start(
    supervisor: Supervisor,
    python: Path,
    image: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    files: Mapping[str, str],
    name: str,
) -> Component:
    """Start a container; returns at once, before it listens.

    Args:
        supervisor: ends it.
        python: the interpreter of LiteLLM's environment.
        image: the image's reference.
        command: entrypoint and arguments; empty for the image's own.
        environment: all of its variables, secrets among them. It gets no others but those that
            keep it on this machine.
        files: the texts of files by their path in the container, in which variables name them. A
            step of the command that would fetch the configuration file is left out if it is here.
        name: of its folder, in which its output is; a number is added if there is one already.

    Raises:
        ComponentError: the image is none of LiteLLM's, or the command is not understood.
        SupervisorError: the process does not start.
    """
    repository, tag = _reference(image)
    if repository not in _IMAGES:
        known = ", ".join(_IMAGES)
        raise ComponentError(f"{image} is of no component: its repository must end in {known}")
    home, port = supervisor.home(name), free_port()
    temporary = home / "tmp"
    temporary.mkdir()
    *before, server = _steps(_IMAGES[repository], command, python, port)
    places = dict(_written(home, files))
    if environment.get("CONFIG_FILE_PATH") in places:
        before = [step for step in before if "CONFIG_FILE_PATH" not in step]
    before = [step.replace(f" {_TEMPORARY}", f" {temporary}/") for step in before]

    def placed(value: str) -> str:
        if value in places:
            return places[value]
        # The run's own folder is most often among the temporary ones of the machine.
        if value.startswith(_TEMPORARY) and not value.startswith(str(supervisor.folder)):
            return f"{temporary}/{value.removeprefix(_TEMPORARY)}"
        return value

    held = {
        # The interpreter's commands come first, as in the images.
        "PATH": os.pathsep.join([str(python.parent), os.defpath]),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        # Nothing outside is asked: not for a table of prices, nor, by a proxy that is none, at all.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "http_proxy": _NOBODY,
        "https_proxy": _NOBODY,
        "no_proxy": "127.0.0.1,localhost",
        **{k: placed(value) for k, value in environment.items() if not LEFT_OUT.fullmatch(k)},
        **_routes(repository),
    }
    shell = [f"cd {shlex.quote(str(home))}", *before, server]
    arguments = ["sh", "-c", " && ".join(shell)]
    if tag == BROKEN_TAG:
        arguments = list(_BROKEN)
    log = home / "log"
    pid = supervisor.start(Command(arguments, str(log), held, inherit=False))
    return Component(pid, port, log)


def stand_in(supervisor: Supervisor, image: str, name: str) -> Component:
    """Start a server that answers 200 to everything in a container's place; returns at once."""
    log, port = supervisor.home(name) / "log", free_port()
    arguments = [sys.executable, "-m", "tests.harness.litellm.stand_in", str(port), name]
    if _reference(image)[1] == BROKEN_TAG:
        arguments = list(_BROKEN)
    pid = supervisor.start(Command(arguments, str(log), {"PYTHONPATH": str(ROOT)}))
    return Component(pid, port, log)


def _reference(image: str) -> tuple[str, str]:
    """The last part of an image's repository, and its tag, empty for none."""
    last = image.partition("@")[0].rpartition("/")[2]
    repository, _, tag = last.partition(":")
    return repository, tag


def _steps(image: _Image, command: Sequence[str], python: Path, port: int) -> list[str]:
    """The steps of a command, as a shell takes them; the last starts our server in its place."""
    planned = f"exec uvicorn {image.application} --host 0.0.0.0 --port {image.port}"
    given = tuple(command) or ("sh", "-c", planned)
    *before, server = given[-1].split(" && ")
    if given[:-1] != ("sh", "-c") or not server.startswith(planned):
        raise ComponentError(
            f"{list(given)} starts no server that is known here: it must be sh -c with steps "
            f"joined by &&, of which the last begins with `{planned}`"
        )
    ours = ["exec", str(python), "-m", "uvicorn", "--app-dir", str(_APPS), image.ours]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [*before, shlex.join([*ours, *where]) + server.removeprefix(planned)]


def _written(home: Path, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Write a container's files; gives where each is by its path in the container."""
    folder = home / "files"
    for path, text in files.items():
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        # It may hold keys of model providers.
        place.touch(mode=0o600)
        place.write_text(text)
        yield path, str(place)


def _routes(repository: str) -> dict[str, str]:
    """The variable that tells the application which routes are the component's."""
    component = repository.removeprefix("litellm-")
    if component not in ("gateway", "backend"):
        return {}
    owned = _owned()
    foreign = [t for t, owners in owned.items() if component not in owners]
    # The backend also serves the routes that are on no list.
    keep = None if component == "backend" else sorted(set(owned) - set(foreign))
    return {"COMPONENT_ROUTES": json.dumps({"drop": sorted(foreign), "keep": keep})}


@cache
def _owned() -> Mapping[str, frozenset[str]]:
    """The components of each of LiteLLM's routes, by template.

    A route that both allow-lists have, as that of the probes, belongs to both components.
    """
    owned = ownership.load()
    found: dict[str, frozenset[str]] = {}
    for route, component in ownership.owners(release.description(), owned).items():
        template = route.template
        exempt = owned.excepted(template)
        both = all(allowed.longest(template) >= 0 for allowed in owned.allowed.values())
        owners = set(owned.allowed) if both else {exempt.answered if exempt else component}
        found[template] = found.get(template, frozenset()) | owners
    return found
