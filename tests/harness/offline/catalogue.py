"""Which provider releases can be served, and from which files."""

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
    """The releases of a provider there is a schema of, oldest first."""
    found = [path.name.split("-", 1)[1] for path in DATA.glob(f"{name}-*.schema.json")]
    versions = [version.removesuffix(".schema.json") for version in found]
    return sorted(versions, key=lambda v: [int(part) for part in v.split(".")])


def schema_document(name: str, version: str) -> dict[str, Any]:
    """The schema file of a release.

    Raises:
        LookupError: there is none; the message lists what there is.
    """
    path = DATA / f"{name}-{version}.schema.json"
    if not path.exists():
        raise LookupError(
            f"no schema of provider {name} {version}; there is {', '.join(releases(name))}. "
            "tests/harness/offline/schemas.py makes one from a real provider."
        )
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def provider_rules(name: str) -> Mapping[str, Rules]:
    """The rules of a provider by resource type: its behaviour and, on top, the cloud's limits."""
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
    """Add the marks that a schema rebuilt from bindings lacks."""
    provider = next(iter(document["provider_schemas"].values()))
    for type_name, own in rules.items():
        schema = provider["resource_schemas"].get(type_name)
        for dotted, rule in own.items():
            if not rule.get("sensitive") or schema is None:
                continue
            block = schema["block"]
            *parents, leaf = dotted.split(".")
            for parent in parents:
                block = block.get("block_types", {}).get(parent, {}).get("block", {})
            if leaf in block.get("attributes", {}):
                block["attributes"][leaf]["sensitive"] = True


def load(name: str, version: str) -> tuple[ProviderSchema, Mapping[str, Rules], Behaviour]:
    """Schema, rules and behaviour of a provider release."""
    document = schema_document(name, version)
    rules = provider_rules(name)
    _mark_sensitive(document, rules)
    return parse(document), rules, BEHAVIOURS[name]


@cache
def schema(name: str, version: str) -> ProviderSchema:
    """The schema of a provider release, read once."""
    return load(name, version)[0]
