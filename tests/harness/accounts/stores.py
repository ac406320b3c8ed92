"""Where documents are kept: a folder. :mod:`tests.harness.accounts.buckets` has those of clouds.

A write names the version that it replaces, as S3 and Cloud Storage allow.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock


class Store(Protocol):
    """Documents by name. A version is a text that changes with every write."""

    def names(self) -> list[str]:
        """The names of all documents."""

    def read(self, name: str) -> tuple[bytes, str] | None:
        """A document and its version; None if it does not exist."""

    def write(self, name: str, data: bytes, version: str | None) -> bool:
        """Replace a version of a document, or create it if ``version`` is None.

        False if it has another version or exists. A reader sees the old or the new document.
        """

    def remove(self, name: str, version: str) -> bool:
        """Remove a version of a document; False if it has another."""


class Folder:
    """Documents in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """The names of all documents."""
        return sorted(path.name for path in self.folder.glob("[!.]*") if path.is_file())

    def read(self, name: str) -> tuple[bytes, str] | None:
        """A document and the digest of its content."""
        try:
            data = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        return data, hashlib.sha256(data).hexdigest()

    def write(self, name: str, data: bytes, version: str | None) -> bool:
        """Write a file beside the document, and rename it; both are on the disk then."""
        with self._alone():
            found = self.read(name)
            if (found[1] if found else None) != version:
                return False
            draft = self.folder / f".{name}.{os.getpid()}"
            try:
                descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self.folder / name)
            finally:
                draft.unlink(missing_ok=True)
            self._synchronize()
            return True

    def remove(self, name: str, version: str) -> bool:
        """Remove the file of a document."""
        with self._alone():
            found = self.read(name)
            if found is None or found[1] != version:
                return False
            (self.folder / name).unlink()
            self._synchronize()
            return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The kernel releases the lock of a killed process.
        with FileLock(self.folder / ".lock"):
            yield

    def _synchronize(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
