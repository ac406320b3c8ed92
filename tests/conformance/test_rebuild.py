"""The stored schema and behavior of a release are those of its plugin."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.offline.catalogue import DATA
from tests.harness.offline.protocol.schema import parse
from tests.harness.schemas import observe, rebuild
from tests.harness.terraform import providers

MIRROR = os.environ.get("LITELLM_PROVIDER_MIRROR", "")
MIRRORED = providers.mirrored(Path(MIRROR)) if MIRROR else {}


def as_observed(types: dict[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """The stored rules without those that come from another source."""
    for name, rules in types.items():
        for path, rule in rules.items():
            for key, value in rule.items():
                if key != "source" and key not in rule.get("source", {}):
                    yield name, path, key, value


@pytest.mark.parametrize("name", providers.PROVIDERS)
def test_stored_schema_and_behaviour_are_current(name: str) -> None:
    version = MIRRORED.get(name, "")
    if not (DATA / f"{name}-{version}.schema.json").exists():
        pytest.skip(f"not run: LITELLM_PROVIDER_MIRROR has no {name} with a stored schema")
    command = f"python -m {rebuild.__name__} {name} {version} --mirror {MIRROR}"
    with tempfile.TemporaryDirectory() as folder:
        document, binary = rebuild.dump(name, version, MIRROR, Path(folder))
        reduced = rebuild.cut(document, rebuild.used_types())
        stored = json.loads((DATA / f"{name}-{version}.schema.json").read_text())
        assert reduced["provider_schemas"] == stored["provider_schemas"], command
        schema = parse(reduced)
        seen = observe.observe(binary, schema, sorted(schema.resources), rebuild.SETTINGS[name])
    behaviour = json.loads((DATA / f"{name}-{version}.behaviour.json").read_text())
    assert seen.crashes == behaviour.get("crashes", []), command
    found, stored_rules = (
        sorted(as_observed(t), key=repr) for t in (seen.types, behaviour["types"])
    )
    assert found == stored_rules, command
