"""No text of the project has a word that ``tests/data/denied-words.yaml`` denies."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.harness import documents
from tests.harness.paths import DENIED_WORDS, LITELLM, ROOT

SUFFIXES = {".md", ".py", ".tf", ".tftpl", ".yaml", ".toml", ".ini", ".sh", ".tfvars", ".example"}
DENIED = {entry["word"]: entry["use"] for entry in documents.read(DENIED_WORDS)}


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """The lines of every tracked text of the project, by path."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    paths = [ROOT / name for name in tracked]
    return {
        str(path.relative_to(ROOT)): path.read_text().splitlines()
        for path in paths
        if path.suffix in SUFFIXES
        and path.exists()
        and path != DENIED_WORDS
        and LITELLM not in path.parents
    }


@pytest.mark.parametrize("word", DENIED)
def test_denied_word_is_in_no_text(texts: dict[str, list[str]], word: str) -> None:
    pattern = re.compile(rf"\b(?:{word})\b", re.IGNORECASE)
    assert len(texts) > 300
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, lines in texts.items()
        for number, line in enumerate(lines, 1)
        if pattern.search(line)
    ]
    assert found == [], f"write instead: {DENIED[word]}"
