"""Run Terraform commands through tftest. Only this module works around the defects of tftest.

tftest 1.8.8 has five defects, each with a test in tests/unit/test_terraform.py. It passes a Python
bool as ``True``, leaves plan files in the temporary folder, and keys its cache on the root folder
only. It treats every exit status except 1 and 11 as success, and can block on a long standard
error.
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

# A plan of a full stack takes less than a second offline, and about ten with real plugins.
TIMEOUT_SECONDS = 600


class TerraformError(RuntimeError):
    """A command failed. The error is not a diagnostic of the configuration."""


@dataclass(frozen=True, slots=True)
class Output:
    """The result of a command: exit status, standard output, standard error."""

    retcode: int
    out: str
    err: str


# How long an ended command may take. One that changes a cloud finishes the resources that it is
# creating, and writes its state.
_END_SECONDS = 10
_MORTAL_END_SECONDS = 600


def _end(process: subprocess.Popen[str], seconds: float) -> None:
    """End a command and the plugins that it started."""
    for name, grace in ((signal.SIGTERM, seconds), (signal.SIGKILL, _END_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
            return


class Terraform(tftest.TerraformTest):  # type: ignore[misc]
    """The commands of one root module. The caller creates and deletes the folder."""

    def __init__(
        self, folder: Path, binary: str, env: Mapping[str, str], *, mortal: bool = False
    ) -> None:
        """Set the folder, the core and the environment.

        Args:
            folder: the folder of the root module.
            binary: the path of the Terraform core.
            env: the complete environment of the commands.
            mortal: whether a command receives SIGTERM when this process is killed. Set it for
                commands that change a cloud.
        """
        super().__init__(str(folder), binary=binary, enable_cache=False, cache_dir=folder)
        self._mortal = mortal
        # tftest merges the environment of the caller. A TF_VAR_ or TF_CLI_ARGS variable in it would
        # change every plan.
        self.env = dict(env)

    def run(self, *arguments: str, timeout: float = TIMEOUT_SECONDS) -> Output:
        """Run a command. Exit statuses 0, 1 and 2 are returned.

        Raises:
            TerraformError: the binary does not start, the command exceeds the timeout, a signal
                ends it, or it has another exit status.
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
            raise TerraformError(
                f"{self.binary} does not start: {error}; name another core with --core"
            ) from error
        with process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise TerraformError(
                    f"terraform {arguments[0]} in {self.tfdir} did not end within {timeout:g} s"
                ) from None
            finally:
                if process.poll() is None:
                    _end(process, _MORTAL_END_SECONDS if self._mortal else _END_SECONDS)
        if process.returncode < 0 or process.returncode > 2:
            raise TerraformError(
                f"terraform {arguments[0]} ended with status {process.returncode}: "
                f"{err.strip()[-2000:]}"
            )
        return Output(process.returncode, out, err)

    def execute_command(self, cmd: str, *cmd_args: str) -> Output:
        """Run a command of tftest, which must succeed.

        Raises:
            TerraformError: the exit status is not 0. The message ends with the standard error.
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
        """Write ``values`` to a variable file, which exists inside the block; yields its path."""
        path = Path(self.tfdir) / ".harness.tfvars.json"
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(values, file)
        try:
            yield str(path)
        finally:
            path.unlink(missing_ok=True)

    def plan_document(
        self, values: Mapping[str, Any], *options: str, with_errors: bool = True
    ) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """Plan with ``values``; returns the JSON of the plan and the messages of the run.

        The plan is None if Terraform writes no plan, for example because it refuses a variable.
        Terraform writes some plans with errors. ``with_errors`` tells whether to read them.
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
            if not plan.exists() or (output.retcode == 1 and not with_errors):
                return None, messages
            shown = self.execute_command("show", "-json", str(plan))
        finally:
            plan.unlink(missing_ok=True)
        document: dict[str, Any] = json.loads(shown.out)
        return document, messages

    def planned(self, values: Mapping[str, Any] | None = None, *options: str) -> PlanResult:
        """Plan as :meth:`plan_document` does; returns a typed view."""
        document, messages = self.plan_document(values or {}, *options)
        return PlanResult(Plan(document) if document else None, diagnostics(messages))
