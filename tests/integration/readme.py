"""The commands that the documents print, run beside the state of a stack."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.harness.lifecycle.run import Lifecycle
from tests.harness.paths import MODULES, ROOT
from tests.harness.stacks import Stack

_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
# What a script prints for its reader: a line of its own, or the end of a sentence.
_PRINTED = r'(?:^ *echo "|[Rr]un:? )({} [^".]+)'
# A command takes a few seconds. gcloud retries for half a minute what the emulator does not serve.
_SECONDS = 20


def blocks(stack: Stack, program: str) -> list[str]:
    """The shell blocks of the README that call a program first."""
    text = (stack.folder / "README.md").read_text()
    return [block for _, block in _BLOCK.findall(text) if block.startswith(f"{program} ")]


def commands(program: str) -> Mapping[str, str]:
    """The commands of a program that documents, inputs and scripts print, each with its file.

    A command is one line with single spaces.
    """
    printed: dict[str, str] = {}
    for path in _documents():
        text = path.read_text()
        lines = _markdown(text) if path.suffix == ".md" else _source(text, path.suffix, program)
        for line in lines:
            command = " ".join(line.split())
            if command.startswith(f"{program} "):
                printed.setdefault(command, str(path.relative_to(ROOT)))
    return printed


def _documents() -> Iterator[Path]:
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))
    for suffix in ("md", "tf", "sh"):
        yield from sorted(MODULES.rglob(f"*.{suffix}"))


def _markdown(text: str) -> Iterator[str]:
    for _, block in _BLOCK.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from _INLINE.findall(_BLOCK.sub("", text))


def _source(text: str, suffix: str, program: str) -> Iterator[str]:
    if suffix == ".sh":
        yield from re.findall(_PRINTED.format(program), text, re.MULTILINE)
    else:
        yield from _INLINE.findall(text)


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
    process = subprocess.run(
        ["bash", "-eu", "-c", command],
        cwd=terraform.tfdir,
        env=_environment(lifecycle, folder),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def attempt(
    lifecycle: Lifecycle, command: str, folder: Path, variables: Mapping[str, str], cwd: str = ""
) -> tuple[int, str]:
    """Run a command; returns its status, and its output with the messages.

    Args:
        lifecycle: the stack; its Terraform is on PATH.
        command: the text of the shell.
        folder: an empty folder for the link to Terraform.
        variables: variables of the shell.
        cwd: the folder in which it runs; that of the root module if empty.

    Raises:
        TimeoutExpired: it takes longer than 20 seconds.
    """
    process = subprocess.run(
        ["bash", "-eu", "-c", command],
        cwd=cwd or lifecycle.terraform.tfdir,
        env={**_environment(lifecycle, folder), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return process.returncode, process.stdout.strip()


def _environment(lifecycle: Lifecycle, folder: Path) -> Mapping[str, str]:
    """The environment of a stack's Terraform, with Terraform on PATH."""
    terraform = lifecycle.terraform
    link = folder / "terraform"
    if not link.exists():
        link.symlink_to(terraform.binary)
    path = f"{folder}{os.pathsep}{terraform.env.get('PATH', os.defpath)}"
    return {**terraform.env, "PATH": path}
