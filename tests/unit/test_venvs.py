"""The environments in the cache."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.harness.process import venvs


def test_environment_that_no_run_uses_is_deleted(tmp_path: Path) -> None:
    old = time.time() - venvs.UNUSED_SECONDS - 60
    for name in ("used", "unused", "interrupted"):
        home = tmp_path / name
        home.mkdir()
        if name != "interrupted":
            (home / "installed").touch()
        os.utime(home, (old, old))
    os.utime(tmp_path / "unused" / "installed", (old, old))
    (tmp_path / "lock").touch()
    venvs.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "used"]


def test_use_of_an_environment_is_recorded(tmp_path: Path) -> None:
    home = tmp_path / "any" / f"1-{sys.version_info.major}.{sys.version_info.minor}"
    home.mkdir(parents=True)
    done = home / "installed"
    done.touch()
    os.utime(done, (0, 0))
    assert venvs.installed("any", "1", (), tmp_path) == home / "bin" / "python"
    assert done.stat().st_mtime > 0
