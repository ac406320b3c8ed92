"""The scheduler may only split files with tests that are independent."""

from __future__ import annotations

import pytest

from tests.harness.paths import ROOT
from tests.plugins.scheduling import SINGLE


@pytest.mark.parametrize("name", SINGLE)
def test_split_file_has_no_fixture_of_its_module(name: str) -> None:
    text = (ROOT / "tests" / "integration" / name).read_text()
    assert "def test_" in text
    assert 'scope="module"' not in text
