"""The stored schema and behavior of the AWS provider are those of the plugin."""

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
MIRRORED = providers.mirrored(Path(MIRROR)) if MIRROR else {}

pytestmark = pytest.mark.skipif(
    not (DATA / f"aws-{MIRRORED.get('aws', '')}.schema.json").exists(),
    reason="not run: LITELLM_PROVIDER_MIRROR has no AWS provider with a stored schema",
)


def test_stored_schema_and_behaviour_are_current() -> None:
    version = MIRRORED["aws"]
    command = f"python -m {rebuild.__name__} aws {version} --mirror {MIRROR}"
    with tempfile.TemporaryDirectory() as folder:
        document, binary = rebuild.dump("aws", version, MIRROR, Path(folder))
        reduced = rebuild.cut(document, rebuild.used_types())
        stored = json.loads((DATA / f"aws-{version}.schema.json").read_text())
        assert reduced["provider_schemas"] == stored["provider_schemas"], command
        schema = parse(reduced)
        observed = observe.observe(
            binary, schema, sorted(schema.resources), rebuild.SETTINGS["aws"]
        )
    assert observed == json.loads((DATA / "aws.behaviour.json").read_text())["types"], command
