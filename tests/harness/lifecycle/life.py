"""The life of a stack at a target: init, apply, plan again, destroy, and cleaning up after a run.

All of it is in a folder, which a later process may go on with: the module's copy, the state, and
the inputs that were applied last.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.harness.lifecycle.diagnoses import diagnose
from tests.harness.lifecycle.target import Target
from tests.harness.plan.view import Plan
from tests.harness.process.child import soon
from tests.harness.terraform import roots
from tests.harness.terraform.command import Terraform, TerraformError

_INPUTS = "inputs.json"
# A run that was asked to end finishes what it began to make.
_IN_USE_SECONDS = 600
# A new task of ECS has its grace period, and LiteLLM a minute's start.
READY_SECONDS = 600
COMPONENTS = ("gateway", "backend", "ui")
# What is asked too often keeps a core from what is waited for.
_ASK_SECONDS = 0.5
_COMMON = ("-input=false", "-no-color")


class LifeError(RuntimeError):
    """A stage failed. ``sentence`` says what it means and what mends it, if that is known."""

    def __init__(self, stage: str, said: str) -> None:
        self.stage = stage
        self.said = said
        self.sentence = diagnose(said)
        super().__init__(f"{stage}: {self.sentence or 'no diagnosis is known'}\n{said}")


@dataclass(frozen=True, slots=True)
class Life:
    """A stack in a folder, at a target."""

    target: Target
    folder: Path
    terraform: Terraform

    @property
    def name(self) -> str:
        """The stack's name, which tags, labels and resources carry."""
        given = self.inputs()
        return f"{given['tenant']}-litellm-{given['env']}"

    def inputs(self) -> dict[str, Any]:
        """The inputs that were given last."""
        held: dict[str, Any] = json.loads((self.folder / _INPUTS).read_text())
        return held


def prepare(
    target: Target,
    folder: Path,
    binary: str,
    environment: Mapping[str, str],
    inputs: Mapping[str, Any],
    source: Path | None = None,
) -> Life:
    """A stack's root in a folder, initialised; a state that is there is gone on with.

    Args:
        target: where it is applied.
        folder: takes everything; made if it is not there.
        binary: Terraform's core.
        environment: what ``providers.environment`` gave for the target's choice.
        inputs: of the stack, laid over those that the target asks for.
        source: a module in place of the checkout's.

    Raises:
        LifeError: init failed, or another run uses the state.
    """
    stack = target.stack
    folder.mkdir(parents=True, exist_ok=True)
    state = _kept(folder / stack.name)
    shutil.rmtree(folder / stack.name, ignore_errors=True)
    module = roots.copy_module(stack, folder, source)
    for name, data in state.items():
        (module / name).write_bytes(data)
    block = {**stack.provider_block(f"${{var.{stack.scope[0]}}}"), **target.provider}
    document = {"provider": {stack.provider: block}}
    (module / "harness.tf.json").write_text(json.dumps(document, indent=1))
    merged = {**stack.smallest, **target.inputs, **inputs}
    (folder / _INPUTS).write_text(json.dumps(merged, indent=1))
    terraform = Terraform(module, binary, {**environment, **target.environment}, mortal=True)
    life = Life(target, folder, terraform)
    _run(life, "init", "init", "-backend=false", *_COMMON)
    return life


def _kept(module: Path) -> Mapping[str, bytes]:
    """The files of the state, once no other run uses it."""
    state = module / "terraform.tfstate"
    if not state.exists():
        return {}
    with state.open("r+b") as file:
        if not soon(lambda: _free(file), _IN_USE_SECONDS):
            raise LifeError("init", f"another run of Terraform still uses {state}")
        data = file.read()
    try:
        json.loads(data)
    except ValueError:
        # A run that was killed while it wrote. What it had made is found by the cloud's APIs.
        return {f"{state.name}.broken": data}
    return {state.name: data}


def _free(file: IO[bytes]) -> bool:
    """Whether nobody else has the lock that Terraform takes on its state; takes it if so."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def renewed(life: Life, inputs: Mapping[str, Any], source: Path | None = None) -> Life:
    """The same stack, with its state, of another module and with other inputs.

    Raises:
        LifeError: init failed.
    """
    terraform = life.terraform
    return prepare(life.target, life.folder, terraform.binary, terraform.env, inputs, source)


def apply(life: Life, changes: Mapping[str, Any] | None = None, targets: Sequence[str] = ()) -> str:
    """Apply, with ``changes`` to the inputs from now on; gives what Terraform said.

    Args:
        life: the stack.
        changes: laid over the inputs, and kept.
        targets: the resources to apply, with what they need; none for all.

    Raises:
        LifeError: it failed.
    """
    if changes:
        (life.folder / _INPUTS).write_text(json.dumps({**life.inputs(), **changes}, indent=1))
    with life.terraform.variables(life.inputs()) as file:
        options = [*_COMMON, *(f"-target={target}" for target in targets), f"-var-file={file}"]
        return _run(life, "apply", "apply", "-auto-approve", *options)


def plan(life: Life, changes: Mapping[str, Any] | None = None) -> Plan:
    """What an apply would do, with ``changes`` to the inputs for this time.

    Raises:
        LifeError: it cannot be planned.
    """
    result = life.terraform.planned({**life.inputs(), **(changes or {})})
    if result.plan is None or result.errors:
        raise LifeError("plan", "\n".join(map(str, result.errors)))
    return result.plan


def changes(planned: Plan) -> Mapping[str, str]:
    """What a plan does, by address: ``create``, ``update``, ``delete`` or ``replace``."""
    return {
        address: "replace" if len(resource.actions) > 1 else resource.actions[0]
        for address, resource in planned.resources.items()
        if resource.actions != ("no-op",)
    }


def destroy(life: Life) -> str:
    """Destroy; gives what Terraform said.

    Raises:
        LifeError: it failed.
    """
    with life.terraform.variables(life.inputs()) as file:
        return _run(life, "destroy", "destroy", "-auto-approve", *_COMMON, f"-var-file={file}")


def ready(life: Life, seconds: float = READY_SECONDS) -> None:
    """Wait until the newest version of every service serves.

    Raises:
        LifeError: one does not within some seconds; it says what the cloud says of each.
    """

    def said() -> list[str]:
        held = life.target.control.services(life.name)
        missing = [f"there is no {one}" for one in COMPONENTS if one not in held]
        return [one.why for one in held.values() if not one.ready] + missing

    if not soon(lambda: not said(), seconds, _ASK_SECONDS):
        raise LifeError("ready", "\n".join(said()))


def outputs(life: Life) -> Mapping[str, Any]:
    """The outputs by name. Those that are secret are among them.

    Raises:
        LifeError: there is no state.
    """
    held = json.loads(_run(life, "output", "output", "-json", "-no-color"))
    return {name: entry["value"] for name, entry in held.items()}


def addresses(life: Life) -> list[str]:
    """What the state holds, data sources aside.

    Raises:
        LifeError: the state cannot be read.
    """
    if not (Path(life.terraform.tfdir) / "terraform.tfstate").exists():
        return []
    listed = _run(life, "state list", "state", "list").split()
    return [one for one in listed if not re.search(r"(?:^|\.)data\.", one)]


def remains(life: Life) -> list[str]:
    """What is left of the stack, by its state and by the cloud's APIs."""
    return [*addresses(life), *life.target.control.remains(life.name)]


def clean(life: Life) -> list[str]:
    """Take away what an earlier run of the stack left; gives what that was.

    What is in the state is destroyed, and what is in no state, for the run was broken off before it
    was written, is deleted by the cloud's APIs.

    Raises:
        LifeError: what is in the state cannot be destroyed.
    """
    found = addresses(life)
    swept: list[str] = []
    if found:
        try:
            destroy(life)
        except LifeError:
            # What is in no state may still use what is in it.
            swept = life.target.control.sweep(life.name)
            destroy(life)
    return [*found, *swept, *life.target.control.sweep(life.name)]


def _run(life: Life, stage: str, command: str, *arguments: str) -> str:
    try:
        output = life.terraform.run(command, *arguments)
    except TerraformError as error:
        raise LifeError(stage, str(error)) from error
    if output.retcode != 0:
        raise LifeError(stage, (output.err or output.out).strip()[-6000:])
    return output.out
