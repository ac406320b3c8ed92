"""The commands that the README of a stack prints, run beside the state of a stack."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.harness.lifecycle.run import Lifecycle
from tests.harness.stacks import Stack

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(stack: Stack, program: str) -> list[str]:
    """The shell blocks of the README that call a program first."""
    text = (stack.folder / "README.md").read_text()
    return [block for block in _BLOCK.findall(text) if block.startswith(f"{program} ")]


def output(lifecycle: Lifecycle, command: str, folder: Path) -> str:
    """Run a command as a reader does, in the folder of the root module; returns its output.

    Args:
        lifecycle: the stack; its Terraform is on PATH.
        command: the text of the shell.
        folder: an empty folder for the link to Terraform.

    Raises:
        CalledProcessError: the command failed.
    """
    terraform = lifecycle.terraform
    (folder / "terraform").symlink_to(terraform.binary)
    path = f"{folder}{os.pathsep}{terraform.env.get('PATH', os.defpath)}"
    process = subprocess.run(
        ["bash", "-eu", "-c", command],
        cwd=terraform.tfdir,
        env={**terraform.env, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return process.stdout.strip()
