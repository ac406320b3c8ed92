"""What another release of LiteLLM changes for the modules: routes, pages, variables, the database.

The other release runs in an environment with the packages of the stored one, except LiteLLM itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from tests.harness.litellm import migrations, release, variables
from tests.harness.process import venvs

_FIELD = re.compile(r"^  (\w+) +([\w.]+[\[\]?]*)", re.MULTILINE)


def installed(name: str, folder: Path = venvs.FOLDER) -> Path:
    """The interpreter of an environment with another release; creates it if needed.

    Args:
        name: the release, such as ``1.109.3``.
        folder: the cache.

    Raises:
        InstallError: uv cannot install the release; the message has the end of its output.
    """
    lines = release.REQUIREMENTS.read_text().splitlines()
    packages = [f"litellm=={name}" if re.match(r"litellm==", line) else line for line in lines]
    return venvs.installed("upstream", name, ("--no-deps", *packages), folder)


def libpq_variables() -> set[str]:
    """The environment variables that libpq reads."""
    options = psycopg.pq.Conninfo.get_defaults()
    return {option.envvar.decode() for option in options if option.envvar}


def changes(python: Path, client: set[str]) -> Iterator[str]:
    """The differences of a release from the stored one, a line each.

    Args:
        python: the interpreter of the environment of the release.
        client: the variables that libpq reads.
    """
    stored: dict[str, Any] = json.loads(release.DESCRIPTION.read_text())
    observed = release.observed(python)
    yield from _differences("route", stored["routes"], observed["routes"])
    yield from _differences("page", _pages(stored), _pages(observed))
    for name in sorted({*stored["lists"], *observed["lists"]}):
        yield from _differences(
            f"entry of {name}", stored["lists"].get(name, ()), observed["lists"].get(name, ())
        )
    for problem in variables.unread(venvs.packages(python), client):
        yield f"variable {problem}"
    fields = [_fields(release.schema(path)) for path in (release.installed(), python)]
    yield from _differences("column", *fields)


def _differences(kind: str, before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    old, new = set(before), set(after)
    yield from (f"- {kind} {name}" for name in sorted(old - new))
    yield from (f"+ {kind} {name}" for name in sorted(new - old))


def _pages(description: Mapping[str, Any]) -> set[str]:
    """The pages of the dashboard, without the names of assets, which every build changes."""
    return {name for name in description["dashboard"] if name.endswith(".html")}


def _fields(schema: Path) -> set[str]:
    """The columns of a schema with their types."""
    return {
        f"{model}.{field} {type_name}"
        for model, body in migrations.MODEL.findall(schema.read_text())
        for field, type_name in _FIELD.findall(body)
    }
