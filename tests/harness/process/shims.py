"""Commands that replace the CLI of a cloud: scripts on PATH that an emulator answers.

An import of a cloud's client takes up to a second of a core, and a stack's scripts call the CLI
hundreds of times. So the script only sends its arguments to the emulator, which has the client.
"""

from __future__ import annotations

import argparse
import os
import shlex
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.harness.process import shim

PATH = "/local/cli"
"""The path of an emulator that answers commands."""

Cli = Callable[[Sequence[str], Mapping[str, str]], str]
"""Runs arguments with environment variables; returns the standard output."""


class CommandError(Exception):
    """A command exits with a status other than 0 and a message on standard error."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status and the message."""
        super().__init__(message)
        self.status = status


class Parser(argparse.ArgumentParser):
    """A parser with errors that end the command, and not the process that answers it."""

    def error(self, message: str) -> NoReturn:
        """Raise a CommandError with the status of argparse."""
        raise CommandError(2, f"{self.prog}: error: {message}")


def install(folder: Path, name: str, url: str) -> dict[str, str]:
    """Write a command into a folder; returns the PATH with which a shell finds it.

    Args:
        folder: an existing folder.
        name: the name of the command.
        url: the emulator that answers.
    """
    script = folder / name
    words = [sys.executable, "-I", "-S", shim.__file__, f"{url}{PATH}"]
    script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return first_on_path(folder)


def first_on_path(folder: Path) -> dict[str, str]:
    """The PATH with which a shell finds the commands of a folder before all others."""
    return {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def answer(cli: Cli, body: Mapping[str, Any]) -> dict[str, Any]:
    """In the emulator: run what a script sent; returns its status, output and error."""
    try:
        return {"status": 0, "output": cli(body["arguments"], body["environment"]), "error": ""}
    except CommandError as error:
        return {"status": error.status, "output": "", "error": f"{error}\n"}
