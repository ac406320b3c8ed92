"""The scheduler may only split files with tests that share nothing outside of their group."""

from __future__ import annotations

import re

import pytest

from tests.harness.paths import ROOT
from tests.plugins.scheduling import SPLIT, unit


@pytest.mark.parametrize("name", SPLIT)
def test_split_file_has_fixtures_of_groups_only(name: str) -> None:
    text = (ROOT / "tests" / "integration" / name).read_text()
    assert "def test_" in text
    fixtures = re.findall(r'@pytest\.fixture\(scope="module"\)\ndef (\w+)', text)
    assert text.count('fixture(scope="module"') == len(fixtures)
    # The group is the parameter of the fixture, so no two groups share one.
    assert [name for name in fixtures if f'indirect=["{name}"]' not in text] == []


def test_tests_of_a_group_are_one_unit() -> None:
    file = f"tests/integration/{SPLIT[0]}"
    first, second = f"{file}::test_a[aws-1: one]", f"{file}::test_a[aws-1: two]"
    assert unit(file, first) == unit(file, second)
    others = (f"{file}::test_a[aws-2: one]", f"{file}::test_a[three]", f"{file}::test_a[four]")
    assert len({unit(file, name) for name in (first, *others)}) == 4


def test_other_file_is_one_unit() -> None:
    file = "tests/integration/test_front.py"
    assert unit(file, f"{file}::test_a[aws-1: one]") == file
