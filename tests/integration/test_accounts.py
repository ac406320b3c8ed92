"""An account as a target says what it needs before anything is applied."""

from __future__ import annotations

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from tests.harness import accounts, providers

REAL = providers.choose("registry")
WHERE = {accounts.PROJECT: "acme-test-1", accounts.REGION: "europe-west1"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    found = AnonymousCredentials()
    monkeypatch.setattr(google.auth, "default", lambda **_: (found, "acme-test-1"))


def test_it_is_not_applied_to_by_the_offline_providers() -> None:
    with pytest.raises(accounts.AccountError, match="--providers=registry"):
        accounts.google(providers.choose("offline"), WHERE)


@pytest.mark.parametrize("missing", WHERE)
def test_it_says_which_variable_is_missing(missing: str) -> None:
    with pytest.raises(accounts.AccountError, match=missing):
        accounts.google(REAL, {k: v for k, v in WHERE.items() if k != missing})


def test_it_is_reached_at_googles_own_addresses_with_the_callers_credentials() -> None:
    target = accounts.google(
        REAL, {**WHERE, "GOOGLE_APPLICATION_CREDENTIALS": "key.json", "OTHER": "x"}
    )
    assert target.provider == {"region": "europe-west1"}
    assert target.inputs["project"] == "acme-test-1"
    assert target.environment == {"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}
    assert target.lacks == {}
