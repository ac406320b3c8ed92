"""The stored description of the LiteLLM release is what its application serves."""

from __future__ import annotations

import json

from tests.harness.litellm import release


def test_stored_description_equals_the_application() -> None:
    stored = json.loads(release.DESCRIPTION.read_text())
    observed = release.observed(release.installed())
    assert observed == stored, "run `python -m tests.harness.litellm.release` and review the change"
