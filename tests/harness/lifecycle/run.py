"""The lifecycle of a stack at a target: init, apply, plan, destroy, and cleanup after a run.

A folder holds the copy of the module, the state and the inputs that were applied last, so that a
later process can continue.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from tests.harness.lifecycle.diagnoses import diagnose
from tests.harness.lifecycle.target import Target
from tests.harness.plan.view import Plan
from tests.harness.process.child import soon
from tests.harness.terraform import roots
from tests.harness.terraform.command import Terraform, TerraformError

_INPUTS = "inputs.json"
_BACKEND = "backend.tf.json"
# A run that was asked to end first finishes the resources that it is creating.
_IN_USE_SECONDS = 600
# An ECS task has a grace period, and LiteLLM takes a minute to start.
READY_SECONDS = 600
COMPONENTS = ("gateway", "backend", "ui")
# Polling more often would take CPU time from the services that start.
_POLL_SECONDS = 0.5
# The characters of an output that a message shows: its end, with the errors.
_SHOWN = 6000
_COMMON = ("-input=false", "-no-color")


class LifecycleError(RuntimeError):
    """A stage failed.

    ``output`` is what Terraform or the cloud said. Each of ``diagnoses`` explains one of its errors
    and names the remediation.
    """

    def __init__(self, stage: str, output: str) -> None:
        self.stage = stage
        self.output = output
        self.diagnoses = diagnose(output)
        known = "\n".join(self.diagnoses) or "no diagnosis is known"
        super().__init__(f"{stage}: {known}\n{output[-_SHOWN:]}")


Retry = Callable[[str, Callable[[], str]], str]
"""Runs a stage, and again after an error that passes by itself."""


def _once(_: str, work: Callable[[], str]) -> str:
    return work()


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A stack in a folder, at a target.

    ``retry`` runs every apply and destroy. ``applied`` gets the outputs after every apply.
    ``known`` are the outputs since then; empty if they have not been read.
    """

    target: Target
    folder: Path
    terraform: Terraform
    retry: Retry = _once
    applied: Callable[[Mapping[str, Any]], None] | None = None
    known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The stack's name, which tags, labels and resources carry."""
        inputs = self.inputs()
        return f"{inputs['tenant']}-litellm-{inputs['env']}"

    def inputs(self) -> dict[str, Any]:
        """The inputs that were applied last."""
        inputs: dict[str, Any] = json.loads((self.folder / _INPUTS).read_text())
        return inputs


def prepare(
    target: Target,
    folder: Path,
    binary: str,
    environment: Mapping[str, str],
    inputs: Mapping[str, Any],
    source: Path | None = None,
    backend: Mapping[str, Any] | None = None,
) -> Lifecycle:
    """Initialize the root of a stack in a folder, with the state that the folder holds.

    Args:
        target: where it is applied.
        folder: holds everything; created if it does not exist.
        binary: Terraform's core.
        environment: of ``providers.environment`` for the target's choice.
        inputs: of the stack; they override those of the target.
        source: a module to use instead of the checkout's.
        backend: the arguments of a backend by its type, for a state elsewhere; None for that of an
            earlier call, if there was one.

    Raises:
        LifecycleError: init failed, or another run uses the state.
    """
    stack = target.stack
    folder.mkdir(parents=True, exist_ok=True)
    state = _kept(folder / stack.name)
    kept_backend = folder / stack.name / _BACKEND
    if backend is None and kept_backend.exists():
        backend = json.loads(kept_backend.read_text())["terraform"]["backend"]
    shutil.rmtree(folder / stack.name, ignore_errors=True)
    module = roots.copy_module(stack, folder, source)
    for name, data in state.items():
        (module / name).write_bytes(data)
    block = {**stack.provider_block(f"${{var.{stack.scope[0]}}}"), **target.provider}
    document = {"provider": {stack.provider: block}}
    (module / "harness.tf.json").write_text(json.dumps(document, indent=1))
    if backend:
        text = json.dumps({"terraform": {"backend": backend}}, indent=1)
        (module / _BACKEND).write_text(text)
    merged = {**stack.smallest, **target.inputs, **inputs}
    (folder / _INPUTS).write_text(json.dumps(merged, indent=1))
    terraform = Terraform(module, binary, {**environment, **target.environment}, mortal=True)
    lifecycle = Lifecycle(target, folder, terraform)
    _run(lifecycle, "init", "init", f"-backend={json.dumps(bool(backend))}", *_COMMON)
    return lifecycle


def _kept(module: Path) -> Mapping[str, bytes]:
    """The files of the state, once no other run holds its lock."""
    state = module / "terraform.tfstate"
    if not state.exists():
        return {}
    with state.open("r+b") as file:
        if not soon(lambda: _free(file), _IN_USE_SECONDS):
            raise LifecycleError(
                "init", f"another run of Terraform still holds the lock of {state}"
            )
        data = file.read()
    try:
        json.loads(data)
    except ValueError:
        # The run was killed while it wrote the file. The cloud's APIs find its resources.
        return {f"{state.name}.broken": data}
    return {state.name: data}


def _free(file: IO[bytes]) -> bool:
    """Take the lock that Terraform takes on its state; False if another process holds it."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def reconfigured(
    lifecycle: Lifecycle, inputs: Mapping[str, Any], source: Path | None = None
) -> Lifecycle:
    """The same stack and state with other inputs or another module.

    Raises:
        LifecycleError: init failed.
    """
    terraform = lifecycle.terraform
    prepared = prepare(
        lifecycle.target, lifecycle.folder, terraform.binary, terraform.env, inputs, source
    )
    return replace(prepared, retry=lifecycle.retry, applied=lifecycle.applied)


def override(lifecycle: Lifecycle, changes: Mapping[str, Any]) -> None:
    """Override the inputs of all later stages."""
    text = json.dumps({**lifecycle.inputs(), **changes}, indent=1)
    (lifecycle.folder / _INPUTS).write_text(text)


def apply(
    lifecycle: Lifecycle, changes: Mapping[str, Any] | None = None, targets: Sequence[str] = ()
) -> str:
    """Apply the stack; returns the output of Terraform.

    Args:
        lifecycle: the stack.
        changes: override the inputs, also of later stages.
        targets: the resources to apply with their dependencies; empty for all.

    Raises:
        LifecycleError: Terraform failed.
    """
    if changes:
        override(lifecycle, changes)
    lifecycle.known.clear()
    with lifecycle.terraform.variables(lifecycle.inputs()) as file:
        options = [*_COMMON, *(f"-target={target}" for target in targets), f"-var-file={file}"]
        output = lifecycle.retry(
            "apply", lambda: _run(lifecycle, "apply", "apply", "-auto-approve", *options)
        )
    if lifecycle.applied and not targets:
        lifecycle.applied(outputs(lifecycle))
    return output


def plan(lifecycle: Lifecycle, changes: Mapping[str, Any] | None = None) -> Plan:
    """Plan the stack; ``changes`` override the inputs of this plan only.

    Raises:
        LifecycleError: the plan has an error.
        TerraformError: Terraform does not start, or writes no plan.
    """
    result = lifecycle.terraform.planned({**lifecycle.inputs(), **(changes or {})})
    if result.plan is None or result.errors:
        raise LifecycleError("plan", "\n".join(map(str, result.errors)))
    return result.plan


def changes(planned: Plan) -> Mapping[str, str]:
    """The changes of a plan by address: ``create``, ``update``, ``delete`` or ``replace``."""
    return {
        address: "replace" if len(resource.actions) > 1 else resource.actions[0]
        for address, resource in planned.resources.items()
        if resource.actions != ("no-op",)
    }


def planned_changes(
    lifecycle: Lifecycle, inputs: Mapping[str, Any] | None = None
) -> Mapping[str, str]:
    """The changes of a plan by address; ``inputs`` override those of this plan only.

    Only a plan that is not empty is read, for which Terraform plans a second time.

    Raises:
        LifecycleError: the plan has an error.
        TerraformError: Terraform does not start, or does not end in time.
    """
    with lifecycle.terraform.variables({**lifecycle.inputs(), **(inputs or {})}) as file:
        options = ["-detailed-exitcode", *_COMMON, f"-var-file={file}"]
        output = lifecycle.terraform.run("plan", *options, timeout=lifecycle.target.seconds)
    return {} if output.retcode == 0 else changes(plan(lifecycle, inputs))


def destroy(lifecycle: Lifecycle) -> str:
    """Destroy the stack; returns the output of Terraform.

    Raises:
        LifecycleError: Terraform failed.
    """
    lifecycle.known.clear()
    with lifecycle.terraform.variables(lifecycle.inputs()) as file:
        options = ["-auto-approve", *_COMMON, f"-var-file={file}"]
        return lifecycle.retry("destroy", lambda: _run(lifecycle, "destroy", "destroy", *options))


def ready(lifecycle: Lifecycle, seconds: float = READY_SECONDS) -> None:
    """Wait until every service runs its newest version.

    Raises:
        LifecycleError: a service is not ready in time; the message has the cloud's reason.
    """

    def reasons() -> list[str]:
        services = lifecycle.target.control.services(lifecycle.name)
        missing = [f"there is no service {name}" for name in COMPONENTS if name not in services]
        return [service.reason for service in services.values() if not service.ready] + missing

    if not soon(lambda: not reasons(), seconds, _POLL_SECONDS):
        raise LifecycleError("ready", "\n".join(reasons()))


def outputs(lifecycle: Lifecycle) -> Mapping[str, Any]:
    """The outputs by name, including sensitive ones.

    Raises:
        LifecycleError: there is no state.
    """
    if not lifecycle.known:
        document = json.loads(_run(lifecycle, "output", "output", "-json", "-no-color"))
        lifecycle.known.update({name: entry["value"] for name, entry in document.items()})
    return dict(lifecycle.known)


def addresses(lifecycle: Lifecycle) -> list[str]:
    """The resources in the state, without data sources.

    Raises:
        LifecycleError: the state cannot be read.
    """
    module = Path(lifecycle.terraform.tfdir)
    if (module / _BACKEND).exists():
        # The backend of Cloud Storage creates an empty state, which `state list` takes for none.
        pulled = _run(lifecycle, "state pull", "state", "pull").strip()
        if not pulled or not json.loads(pulled).get("resources"):
            return []
    elif not (module / "terraform.tfstate").exists():
        return []
    listed = _run(lifecycle, "state list", "state", "list").split()
    return [address for address in listed if not re.search(r"(?:^|\.)data\.", address)]


def leftovers(lifecycle: Lifecycle) -> list[str]:
    """The resources of the stack that exist, by its state and by the cloud's APIs."""
    return [*addresses(lifecycle), *lifecycle.target.control.leftovers(lifecycle.name)]


def clean(lifecycle: Lifecycle) -> list[str]:
    """Delete what an earlier run of the stack left; returns the names.

    Terraform destroys the resources in the state. The cloud's APIs delete those in no state, which
    a killed run leaves.

    Raises:
        LifecycleError: Terraform cannot destroy the resources in the state.
    """
    known = addresses(lifecycle)
    swept: list[str] = []
    if known:
        try:
            destroy(lifecycle)
        except LifecycleError:
            # A resource in no state may use one in the state.
            swept = lifecycle.target.control.sweep(lifecycle.name)
            destroy(lifecycle)
    return [*known, *swept, *lifecycle.target.control.sweep(lifecycle.name)]


def _run(lifecycle: Lifecycle, stage: str, command: str, *arguments: str) -> str:
    try:
        output = lifecycle.terraform.run(command, *arguments, timeout=lifecycle.target.seconds)
    except TerraformError as error:
        raise LifecycleError(stage, str(error)) from error
    if output.retcode != 0:
        raise LifecycleError(stage, (output.err or output.out).strip())
    return output.out
