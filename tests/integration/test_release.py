"""The stored description of the LiteLLM release is what its application serves."""

from __future__ import annotations

import json

import psycopg

from tests.harness.litellm import release, variables


def test_stored_description_equals_the_application() -> None:
    stored = json.loads(release.DESCRIPTION.read_text())
    observed = release.observed(release.installed())
    assert observed == stored, "run `python -m tests.harness.litellm.release` and review the change"


def test_every_variable_has_a_reader() -> None:
    packages = next((release.installed().parents[1] / "lib").glob("python*/site-packages"))
    options = psycopg.pq.Conninfo.get_defaults()
    client = {option.envvar.decode() for option in options if option.envvar}
    assert [*variables.unread(packages, client)] == []
