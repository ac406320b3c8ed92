"""What is stored of the real AWS provider is what it says today."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from tests.harness.offline.catalogue import DATA
from tests.harness.offline.protocol.schema import parse
from tests.harness.schemas import observe, rebuild
from tests.harness.terraform import providers

MIRROR = os.environ.get("LITELLM_PROVIDER_MIRROR", "")
HELD = providers.mirrored(Path(MIRROR)) if MIRROR else {}

pytestmark = pytest.mark.skipif(
    not (DATA / f"aws-{HELD.get('aws', '')}.schema.json").exists(),
    reason="not run: LITELLM_PROVIDER_MIRROR names no AWS provider of a stored schema",
)


def test_stored_schema_and_behaviour_are_current() -> None:
    version = HELD["aws"]
    command = f"python -m {rebuild.__name__} aws {version} --mirror {MIRROR}"
    with tempfile.TemporaryDirectory() as folder:
        document, binary = rebuild.dump("aws", version, MIRROR, Path(folder))
        kept = rebuild.cut(document, rebuild.used_types())
        stored = json.loads((DATA / f"aws-{version}.schema.json").read_text())
        assert kept["provider_schemas"] == stored["provider_schemas"], command
        schema = parse(kept)
        found = observe.observe(binary, schema, sorted(schema.resources), rebuild.SETTINGS["aws"])
    assert found == json.loads((DATA / "aws.behaviour.json").read_text())["types"], command
