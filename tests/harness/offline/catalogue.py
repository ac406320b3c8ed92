"""The provider releases that the offline provider serves, and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.harness.offline.engine.validation import Rules
from tests.harness.offline.protocol.schema import ProviderSchema, parse
from tests.harness.offline.providers import Behaviour, aws, google, random

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


def provider_rules(name: str) -> Mapping[str, Rules]:
    """The rules of a provider by resource type: its behaviour, overridden by the cloud's limits."""
    merged: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in ("behaviour", "limits"):
        path = DATA / f"{name}.{kind}.json"
        if not path.exists():
            continue
        for type_name, entries in json.loads(path.read_text())["types"].items():
            for dotted, rule in entries.items():
                merged.setdefault(type_name, {}).setdefault(dotted, {}).update(rule)
    return merged


def _mark_sensitive(document: dict[str, Any], rules: Mapping[str, Rules]) -> None:
    """Mark the sensitive attributes that a schema rebuilt from bindings does not mark."""
    provider = next(iter(document["provider_schemas"].values()))
    for type_name, type_rules in rules.items():
        schema = provider["resource_schemas"].get(type_name)
        for dotted, rule in type_rules.items():
            if not rule.get("sensitive") or schema is None:
                continue
            block = schema["block"]
            *parents, leaf = dotted.split(".")
            for parent in parents:
                block = block.get("block_types", {}).get(parent, {}).get("block", {})
            if leaf in block.get("attributes", {}):
                block["attributes"][leaf]["sensitive"] = True


def load(name: str, version: str) -> tuple[ProviderSchema, Mapping[str, Rules], Behaviour]:
    """The schema, rules and behaviour of a provider release."""
    document = schema_document(name, version)
    rules = provider_rules(name)
    _mark_sensitive(document, rules)
    return parse(document), rules, BEHAVIOURS[name]


@cache
def schema(name: str, version: str) -> ProviderSchema:
    """The schema of a provider release, which is read once."""
    return load(name, version)[0]
