"""A cache of plans on disk. A key contains everything that a plan depends on."""

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
# Old entries belong to earlier versions of a module. A week covers the work on a branch.
MAX_AGE_SECONDS = 7 * 24 * 3600


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
    """The key of an entry: a digest of ``parts``, which are written as JSON."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def prune(folder: Path = FOLDER) -> None:
    """Delete the entries and locks that were not used for a week."""
    if not folder.is_dir():
        return
    oldest = time.time() - MAX_AGE_SECONDS
    for path in folder.iterdir():
        # Another process may rename or delete the file at the same time.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def cached(name: str, make: Callable[[], Any], folder: Path = FOLDER) -> Any:
    """The entry ``name``. If it does not exist, ``make`` computes it and it is stored.

    A lock ensures that two processes compute an entry only once. Entries are JSON files that only
    the owner can read, because a plan contains the values of its inputs.
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
            # json.dump takes three times as long: it writes many small pieces from Python.
            file.write(json.dumps(entry))
        Path(temporary).replace(path)
        return entry
