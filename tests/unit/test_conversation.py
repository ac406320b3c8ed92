"""The offline Google provider sends the requests that a real plugin sent in a lifecycle."""

from __future__ import annotations

import fnmatch

import pytest
import requests

from tests.harness.schemas import conversation, replay

RELEASE = "google-7.46.0"
LISTED = replay.admitted().conversation


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The differences between the two conversations."""
    stand_in = conversation.StandIn()
    monkeypatch.setattr(requests.Session, "send", stand_in.send)
    ours = conversation.offline(stand_in, RELEASE)
    return list(conversation.differences(conversation.recorded(RELEASE), ours))


def test_offline_provider_sends_what_the_plugin_sent(found: list[str]) -> None:
    patterns = [listed["pattern"] for listed in LISTED]
    assert [f for f in found if not any(fnmatch.fnmatchcase(f, p) for p in patterns)] == []


def test_every_listed_request_differs(found: list[str]) -> None:
    assert [e for e in LISTED if not fnmatch.filter(found, e["pattern"])] == []


def test_recorded_conversation_is_compared(found: list[str]) -> None:
    recorded = conversation.recorded(RELEASE).requests
    assert len(recorded) > 80
    assert len(found) < 40
