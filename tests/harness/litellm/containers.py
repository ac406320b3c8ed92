"""The containers of the components, as processes of this machine.

The last part of an image's repository identifies it. The gateway and the backend are LiteLLM's
proxy with the routes of the component; the UI is the exported dashboard (the applications are in
``apps``). A shell runs the planned start command unchanged, in a folder without a launcher, as in
the images before they had one. Only the command ``uvicorn``, the addresses and the folder for
temporary files are replaced. The load balancer of the emulator is on loopback, so that address
joins the peers that the container trusts.

The database is that of the variables, through the engines of :mod:`.engines`. The variables of
Redis are used unchanged. On Google Cloud the start command writes the authority of Redis'
certificate to a file. On AWS, name a file of this machine with the authority by ``SSL_CERT_FILE``.
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

from tests.harness.litellm import engines, forks, ownership, release
from tests.harness.paths import ROOT
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor

# An image with this tag starts and never listens.
BROKEN_TAG = "broken"
_BROKEN = (sys.executable, "-c", "import time; time.sleep(3600)")
# The step that downloads the configuration: a Python program in double quotes.
_DOWNLOAD = re.compile(r'python -c "import boto3[^"]*"; ')
_APPS = Path(__file__).parent / "apps"
_TEMPORARY = "/tmp/"  # noqa: S108


class ComponentError(ValueError):
    """The image or the command of a container belongs to no component."""


@dataclass(frozen=True, slots=True)
class Component:
    """A running container: its process, its loopback port, and its output."""

    pid: int
    port: int
    log: Path


@dataclass(frozen=True, slots=True)
class _Image:
    """An image: its application, the application that replaces it, and its port."""

    application: str
    replacement: str
    port: int


_IMAGES: Mapping[str, _Image] = {
    "litellm-gateway": _Image("gateway.main:app", "component_app:app", 4000),
    "litellm-backend": _Image("backend.main:app", "component_app:app", 4001),
    # The image runs nginx, with a command of its own.
    "litellm-ui": _Image("ui", "dashboard_app:app", 3000),
}
_COMPONENTS = ("litellm-gateway", "litellm-backend")


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
        supervisor: the owner of the process.
        python: the interpreter of LiteLLM's environment.
        image: the image's reference.
        command: entrypoint and arguments; empty for the command of the image.
        environment: its variables, including secrets. It gets no others except those that keep it
            on this machine.
        files: texts by their path in the container. The step of the command that downloads the
            configuration is skipped if the configuration file is one of them.
        name: the name of its folder, which holds its output.

    Raises:
        ComponentError: the image is not LiteLLM's, or the command is of an unknown form.
        SupervisorError: the process does not start.
    """
    repository, tag = _reference(image)
    if repository not in _IMAGES:
        known = ", ".join(_IMAGES)
        raise ComponentError(f"{image} belongs to no component: its repository must end in {known}")
    home, port = supervisor.home(name), free_port()
    temporary = home / "tmp"
    temporary.mkdir()
    script = _script(_IMAGES[repository], command)
    places = dict(_written(home, files))
    if environment.get("CONFIG_FILE_PATH") in places:
        script = _DOWNLOAD.sub("", script)
    script = script.replace(f" {_TEMPORARY}", f" {temporary}/")
    commands = home / "bin"
    commands.mkdir()
    # The dashboard needs no LiteLLM.
    is_litellm = repository in _COMPONENTS
    used = forks.write_python(supervisor, python, commands) if is_litellm else python
    _write_uvicorn(commands, _IMAGES[repository], used, port)

    def placed(value: str) -> str:
        if value in places:
            return places[value]
        # The folder of the run is usually below the temporary folder of the machine.
        if value.startswith(_TEMPORARY) and not value.startswith(str(supervisor.folder)):
            return f"{temporary}/{value.removeprefix(_TEMPORARY)}"
        return value

    variables = {
        # As in the images, the commands of the interpreter come first.
        "PATH": os.pathsep.join([str(commands), str(python.parent), os.defpath]),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        **release.offline(python),
        # The images have the binary in the cache of Prisma's client.
        "PRISMA_QUERY_ENGINE_BINARY": str(engines.query_engine(python)),
        **{name: placed(value) for name, value in environment.items()},
        **_routes(repository),
    }
    if "FORWARDED_ALLOW_IPS" in variables:
        variables["FORWARDED_ALLOW_IPS"] += ",127.0.0.1"
    arguments = ["sh", "-c", f"cd {shlex.quote(str(home))}; {script}"]
    if tag == BROKEN_TAG:
        arguments = list(_BROKEN)
    log = home / "log"
    pid = supervisor.start(Command(arguments, str(log), variables, inherit=False))
    return Component(pid, port, log)


def stand_in(supervisor: Supervisor, image: str, name: str) -> Component:
    """Start a server that answers 200 to every request; returns at once."""
    log, port = supervisor.home(name) / "log", free_port()
    arguments = [sys.executable, "-m", "tests.harness.litellm.stand_in", str(port), name]
    if tag_of(image) == BROKEN_TAG:
        arguments = list(_BROKEN)
    pid = supervisor.start(Command(arguments, str(log), {"PYTHONPATH": str(ROOT)}))
    return Component(pid, port, log)


def tag_of(image: str) -> str:
    """The tag of an image's reference; empty without one."""
    return _reference(image)[1]


def _reference(image: str) -> tuple[str, str]:
    """The last part of an image's repository, and its tag; empty without one."""
    last = image.partition("@")[0].rpartition("/")[2]
    repository, _, tag = last.partition(":")
    return repository, tag


def _script(image: _Image, command: Sequence[str]) -> str:
    """The script of a command, which must start the application of the image."""
    own = f"exec uvicorn {image.application} --host 0.0.0.0 --port {image.port}"
    parts = tuple(command) or ("sh", "-c", own)
    if parts[:-1] != ("sh", "-c") or f"uvicorn {image.application}" not in parts[-1]:
        raise ComponentError(
            f"{list(parts)} starts no known server: the command must be sh -c with a script that "
            f"runs `uvicorn {image.application}`"
        )
    return parts[-1]


def _write_uvicorn(folder: Path, image: _Image, python: Path, port: int) -> None:
    """Write the command ``uvicorn`` of a container."""
    command = [str(python), str(_APPS / "uvicorn_command.py")]
    words = shlex.join([*command, image.application, image.replacement, str(port)])
    place = folder / "uvicorn"
    place.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    place.chmod(0o700)


def _written(home: Path, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Write the files of a container; yields the place of each by its path in the container."""
    folder = home / "files"
    for path, text in files.items():
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        # The file may hold keys of model providers.
        place.touch(mode=0o600)
        place.write_text(text)
        yield path, str(place)


def _routes(repository: str) -> dict[str, str]:
    """The variable that names the routes of the component."""
    if repository not in _COMPONENTS:
        return {}
    component = repository.removeprefix("litellm-")
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
