"""Terraform commands, run through tftest with its known defects mended here and nowhere else.

tftest 1.8.8 passes a Python bool as ``True``, leaves plan files in the temporary folder, keys its
cache on the root folder alone, takes every return code but 1 and 11 for success, and may stall on
much standard error. Each has a test in tests/unit/test_terraform.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tftest

from tests.harness.plan.view import Plan, PlanResult, diagnostics
from tests.harness.process import child

# A plan of a full stack takes below a second offline and some ten seconds with real plugins.
TIMEOUT_SECONDS = 600


class TerraformError(RuntimeError):
    """A command failed in a way that is not a finding about the configuration."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command gave: status, standard output, standard error."""

    retcode: int
    out: str
    err: str


def _end(process: subprocess.Popen[str]) -> None:
    """End the command with the plugins that it started."""
    for name in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return


class Terraform(tftest.TerraformTest):  # type: ignore[misc]
    """One root module's commands. The folder is the caller's to make and to remove."""

    def __init__(
        self, folder: Path, binary: str, env: Mapping[str, str], *, mortal: bool = False
    ) -> None:
        """As tftest's.

        Args:
            folder: of the root module.
            binary: Terraform's core.
            env: the whole environment of the commands.
            mortal: a command is asked to end when this process is killed, as one that changes a
                cloud must be.
        """
        super().__init__(str(folder), binary=binary, enable_cache=False, cache_dir=folder)
        self._mortal = mortal
        # The whole environment, not tftest's mix with the caller's: a TF_VAR_ or TF_CLI_ARGS that
        # lies about would change every plan.
        self.env = dict(env)

    def run(self, *arguments: str, timeout: float = TIMEOUT_SECONDS) -> Output:
        """Run a command whatever its status.

        Raises:
            TerraformError: the binary is missing, ran out of time or was ended by a signal.
        """
        command = [self.binary, *arguments]
        try:
            process = subprocess.Popen(
                command,
                cwd=self.tfdir,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                preexec_fn=child.die_with_parent if self._mortal else None,
            )
        except OSError as error:
            raise TerraformError(f"{self.binary} does not start: {error}") from error
        with process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise TerraformError(
                    f"terraform {arguments[0]} in {self.tfdir} did not end within {timeout:g} s"
                ) from None
            finally:
                if process.poll() is None:
                    _end(process)
        if process.returncode < 0 or process.returncode > 2:
            raise TerraformError(
                f"terraform {arguments[0]} ended with status {process.returncode}: "
                f"{err.strip()[-2000:]}"
            )
        return Output(process.returncode, out, err)

    def execute_command(self, cmd: str, *cmd_args: str) -> Output:
        """What all of tftest's commands go through; any status but 0 raises.

        Raises:
            TerraformError: the command failed, with the end of its standard error.
        """
        output = self.run(cmd, *cmd_args)
        if output.retcode != 0:
            raise TerraformError(
                f"terraform {cmd} in {self.tfdir} failed: "
                f"{(output.err or output.out).strip()[-4000:]}"
            )
        return output

    @contextlib.contextmanager
    def variables(self, values: Mapping[str, Any]) -> Iterator[str]:
        """A file with ``values`` as JSON for the time of a command; gives its path."""
        path = Path(self.tfdir) / ".harness.tfvars.json"
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(values, file)
        try:
            yield str(path)
        finally:
            path.unlink(missing_ok=True)

    def plan_document(
        self, values: Mapping[str, Any], *options: str
    ) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """Plan with ``values``; gives the plan's JSON and the messages of the run.

        The plan is None where Terraform wrote none, which is so after a refused variable.
        """
        plan = Path(self.tfdir) / ".harness.tfplan"
        try:
            with self.variables(values) as file:
                output = self.run(
                    "plan", "-json", "-input=false", *options, f"-var-file={file}", f"-out={plan}"
                )
            messages = [
                json.loads(line) for line in output.out.splitlines() if line.startswith("{")
            ]
            if output.retcode == 1 and not messages:
                raise TerraformError(f"terraform plan in {self.tfdir} failed: {output.err.strip()}")
            if not plan.exists():
                return None, messages
            shown = self.execute_command("show", "-json", str(plan))
        finally:
            plan.unlink(missing_ok=True)
        document: dict[str, Any] = json.loads(shown.out)
        return document, messages

    def planned(self, values: Mapping[str, Any] | None = None, *options: str) -> PlanResult:
        """Plan as :meth:`plan_document` does, as a typed view."""
        document, messages = self.plan_document(values or {}, *options)
        return PlanResult(Plan(document) if document else None, diagnostics(messages))
