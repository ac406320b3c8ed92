"""Plans on disk, keyed by everything a plan is a function of."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests.harness.paths import ROOT

FOLDER = ROOT / ".cache" / "plans"
# Old entries are of modules that no longer exist; a week keeps a branch's worth.
KEPT_SECONDS = 7 * 24 * 3600


def digest(paths: Iterable[Path]) -> str:
    """A digest of the names and contents of files and, for a folder, of all files below it."""
    state = hashlib.sha256()
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" in file.parts or ".terraform" in file.parts:
                continue
            content = file.read_bytes()
            state.update(f"{file.relative_to(path.parent)}\0{len(content)}\0".encode())
            state.update(content)
    return state.hexdigest()


def key(*parts: Any) -> str:
    """The key of an entry: a digest over JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def prune(folder: Path = FOLDER) -> None:
    """Remove the entries and locks not used for a week."""
    if not folder.is_dir():
        return
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        # Another process may be renaming or removing it at this moment.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def cached(name: str, make: Callable[[], Any], folder: Path = FOLDER) -> Any:
    """The entry ``name``, made and stored by ``make`` if there is none.

    Two processes that want the same entry make it once. Entries are JSON, readable by the owner
    alone, since a plan holds what its inputs hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    with FileLock(folder / f"{name}.lock", timeout=900):
        try:
            entry = json.loads(path.read_text())
            os.utime(path)
            return entry
        except (FileNotFoundError, json.JSONDecodeError):
            entry = make()
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "w") as file:
            # Not `json.dump`, which writes piece by piece in Python: it takes three times as long.
            file.write(json.dumps(entry))
        Path(temporary).replace(path)
        return entry
