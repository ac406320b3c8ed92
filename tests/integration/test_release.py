"""The stored description of the LiteLLM release is what its application serves."""

from __future__ import annotations

import json

import pytest

from tests.harness.litellm import release, upstream, variables
from tests.harness.process import venvs


def test_stored_description_equals_the_application() -> None:
    stored = json.loads(release.DESCRIPTION.read_text())
    observed = release.observed(release.installed())
    assert observed == stored, "run `python -m tests.harness.litellm.release` and review the change"


def test_every_variable_has_a_reader() -> None:
    packages = venvs.packages(release.installed())
    assert [*variables.unread(packages, upstream.libpq_variables())] == []


def test_changes_of_another_release_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = json.loads(release.DESCRIPTION.read_text())
    other = {**stored, "routes": [*stored["routes"][1:], "/v9/new http POST"]}
    other["dashboard"] = [*stored["dashboard"], "ui/new/index.html"]
    monkeypatch.setattr(release, "observed", lambda _: other)
    monkeypatch.setattr(variables, "unread", lambda *_: ["OLD: nothing reads it"])
    assert list(upstream.changes(release.installed(), set())) == [
        f"- route {stored['routes'][0]}",
        "+ route /v9/new http POST",
        "+ page ui/new/index.html",
        "variable OLD: nothing reads it",
    ]
