"""The environments in the cache."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.harness.process import venvs


def environment(home: Path, used: float) -> Path:
    """An environment that was last used at a time."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(sys.executable)
    (home / "installed").write_text(str(home))
    os.utime(home / "installed", (used, used))
    return home


def test_environment_that_no_run_uses_is_deleted(tmp_path: Path) -> None:
    now = time.time()
    old = now - venvs.UNUSED_SECONDS - 60
    environment(tmp_path / "used", now)
    environment(tmp_path / "unused", old)
    (tmp_path / "interrupted").mkdir()
    for name in ("used", "interrupted"):
        os.utime(tmp_path / name, (old, old))
    (tmp_path / "lock").touch()
    venvs.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "used"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The environment "any" of release 1."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return environment(tmp_path / "any" / f"1-{version}", 0)


def test_use_of_an_environment_is_recorded(home: Path, tmp_path: Path) -> None:
    assert venvs.installed("any", "1", (), tmp_path) == home / "bin" / "python"
    assert (home / "installed").stat().st_mtime > 0


def test_moved_environment_is_created_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved"
    home.parent.rename(moved)
    commands = created(monkeypatch)
    venvs.installed("moved", "1", (), tmp_path)
    assert [command[0] for command in commands] == ["venv", "pip"]
    assert (moved / home.name / "installed").read_text() == str(moved / home.name)


def test_environment_of_a_removed_interpreter_is_created_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = home / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "none")
    commands = created(monkeypatch)
    venvs.installed("any", "1", (), tmp_path)
    assert [command[0] for command in commands] == ["venv", "pip"]


def created(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands of uv, which this suite does not have; each creates the environment."""
    commands: list[tuple[str, ...]] = []

    def uv(*words: str) -> None:
        commands.append(words)
        if words[0] == "venv":
            Path(words[-1]).mkdir()

    monkeypatch.setattr(venvs, "_uv", uv)
    return commands
