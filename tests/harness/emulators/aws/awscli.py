"""The aws CLI of PyPI, in an environment of its own: it pins another botocore than the suite."""

from __future__ import annotations

from pathlib import Path

from tests.harness.process import shims, venvs

RELEASE = "1.46.3"


def install(folder: Path) -> dict[str, str]:
    """Link the command into a folder; returns the PATH with which a shell finds it.

    Raises:
        InstallError: the CLI cannot be installed.
    """
    python = venvs.installed("awscli", RELEASE, (f"awscli=={RELEASE}",))
    (folder / "aws").symlink_to(python.with_name("aws"))
    return shims.first_on_path(folder)
