"""The provider releases that the offline provider serves, and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.harness.offline.engine.validation import Rules
from tests.harness.offline.protocol.schema import ProviderSchema, parse
from tests.harness.offline.providers import Behaviour, aws, google, nothing, random

DATA = Path(__file__).parent / "data"
BEHAVIOURS = {"aws": aws.BEHAVIOUR, "google": google.BEHAVIOUR, "random": random.BEHAVIOUR}


def releases(name: str) -> list[str]:
    """The releases of a provider that have a schema file, oldest first."""
    names = [path.name.split("-", 1)[1] for path in DATA.glob(f"{name}-*.schema.json")]
    versions = [version.removesuffix(".schema.json") for version in names]
    return sorted(versions, key=lambda v: [int(part) for part in v.split(".")])


def schema_document(name: str, version: str) -> dict[str, Any]:
    """The schema file of a release.

    Raises:
        LookupError: the release has no schema file; the message lists the releases that have one.
    """
    path = DATA / f"{name}-{version}.schema.json"
    if not path.exists():
        raise LookupError(
            f"provider {name} {version} has no schema file; use {', '.join(releases(name))} or run "
            f"`python -m tests.harness.schemas.rebuild {name} {version}`"
        )
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _types(kind: str, name: str, version: str) -> Mapping[str, Rules]:
    """The rules of one kind of a release, after those of the release that its file names."""
    document = json.loads((DATA / f"{name}-{version}.{kind}.json").read_text())
    merged: dict[str, dict[str, dict[str, Any]]] = {}
    # A release that nobody observed names the nearest observed one, and lists what it changes.
    nearest = document.get("nearest_observed_release")
    for types in (_types(kind, name, nearest) if nearest else {}, document["types"]):
        _merge(merged, types)
    return merged


def validation(name: str, version: str) -> Mapping[str, Rules]:
    """What a release refuses, by resource type."""
    return _types("validation", name, version)


def _merge(merged: dict[str, dict[str, dict[str, Any]]], types: Mapping[str, Rules]) -> None:
    for type_name, entries in types.items():
        for dotted, rule in entries.items():
            merged.setdefault(type_name, {}).setdefault(dotted, {}).update(rule)


@cache
def provider_rules(name: str, version: str, *, limits: bool = True) -> Mapping[str, Rules]:
    """The rules of a provider release by resource type.

    They are its behaviour, what it refuses, and with ``limits`` what the cloud refuses in an apply,
    which no release changes.
    """
    merged: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in ("behaviour", "validation"):
        if (DATA / f"{name}-{version}.{kind}.json").exists():
            _merge(merged, _types(kind, name, version))
    file = DATA / f"{name}.limits.json"
    if limits and file.exists():
        _merge(merged, json.loads(file.read_text())["types"])
    return merged


def load(
    name: str, version: str, *, limits: bool = True
) -> tuple[ProviderSchema, Mapping[str, Rules], Behaviour]:
    """The schema, rules and behaviour of a provider release.

    Without ``limits`` it refuses what the real provider refuses in a plan, and nothing else.
    """
    behaviour = BEHAVIOURS[name]
    if not limits:
        behaviour = replace(behaviour, limits=nothing)
    document = schema_document(name, version)
    return parse(document), provider_rules(name, version, limits=limits), behaviour


@cache
def schema(name: str, version: str) -> ProviderSchema:
    """The schema of a provider release, which is read once."""
    return load(name, version)[0]
