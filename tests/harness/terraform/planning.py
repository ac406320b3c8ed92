"""Plan cases of the stacks: alone or in batches, cached, in folders that leave nothing behind."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests.harness import offline
from tests.harness.plan.view import Diagnostic, Plan, PlanResult, diagnostics
from tests.harness.stacks import STACKS, Stack
from tests.harness.terraform import binary, cache, providers, roots
from tests.harness.terraform.command import Terraform

# Terraform compares each reference with every planned instance of every case, so a large run costs
# more a case than a small one, and sooner on AWS, which has more resources. With generated inputs
# a case takes least CPU time at these sizes.
_CASES_A_RUN = {"aws": 4, "gcp": 8}
# A module block, in either syntax.
_CALL = re.compile(r'\bmodule(?:"\s*:|\s+"\w+"\s*\{)')
_OFFLINE_FOLDER = Path(offline.__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """One plan of a stack.

    ``root`` is ``module`` (the module itself), ``examples/NAME``, or ``call`` (a root that calls
    it, with the meta-arguments in ``meta`` and further blocks in ``extra``). ``files`` are variable
    files, in Terraform's own syntax, read before ``inputs``. ``listed``: it is in cases.yaml.
    """

    name: str
    stack: str
    inputs: Mapping[str, Any]
    root: str = "module"
    files: tuple[Path, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    listed: bool = False

    @property
    def id(self) -> str:
        """The case's name over both stacks: ``aws-smallest``."""
        return f"{self.stack}-{self.name}"


@dataclass(frozen=True, slots=True)
class Session:
    """What all plans of a run share. ``source`` puts another tree in place of a stack's module."""

    core: binary.Core
    choice: providers.Choice
    environment: Mapping[str, str]
    folder: Path
    cached: bool = True
    source: Mapping[str, Path] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """How many runs there may be at once: the cores, or one beside the workers of xdist."""
        return 1 if "PYTEST_XDIST_WORKER" in os.environ else os.cpu_count() or 1

    def describe(self) -> str:
        """One line for a report's head."""
        return f"{self.core}; providers {self.choice}"


@contextlib.contextmanager
def session(
    choice: providers.Choice, *, wanted_core: str = "", use_cache: bool = True
) -> Iterator[Session]:
    """A session; its folder, and the providers it started, go with the block.

    Raises:
        core.CoreError: there is no Terraform core.
        OwnedError: the offline providers do not start.
    """
    cache.prune()
    with tempfile.TemporaryDirectory(prefix="litellm-plan-") as name:
        folder = Path(name)
        found = binary.find(folder, wanted_core)
        with providers.environment(choice, folder) as environment:
            yield Session(found, choice, environment, folder, use_cache)


def _initialised(terraform: Terraform, held: Session) -> None:
    files = Path(terraform.tfdir).glob("*.tf*")
    # With no module to link and no plugin to install there is nothing that init would do.
    if held.choice.mode == "offline" and not any(_CALL.search(f.read_text()) for f in files):
        return
    # Without a lock, two inits that share a plugin folder corrupt it (hashicorp/terraform#31964).
    with FileLock(held.folder / "init.lock"):
        terraform.init(backend=False)


@contextlib.contextmanager
def work_folder(held: Session, stack: Stack) -> Iterator[Path]:
    """A copy of the stack's module in a folder of its own, removed with the block."""
    with tempfile.TemporaryDirectory(dir=held.folder) as name:
        yield roots.copy_module(stack, Path(name), held.source.get(stack.name))


def _plan(
    held: Session, root: Path, values: Mapping[str, Any], files: tuple[Path, ...] = ()
) -> dict[str, Any]:
    terraform = Terraform(root, held.core.binary, held.environment)
    _initialised(terraform, held)
    options = [f"-var-file={path.absolute()}" for path in files]
    document, messages = terraform.plan_document(values, *options)
    return {"document": document, "messages": messages}


@functools.cache
def _offline_digest() -> str:
    # Hundreds of KiB that do not change while a suite runs, unlike a module under test.
    return cache.digest([_OFFLINE_FOLDER])


def _entry(held: Session, stack: Stack, parts: Any, make: Any) -> dict[str, Any]:
    if not held.cached:
        made: dict[str, Any] = make()
        return made
    name = cache.key(
        cache.digest([held.source.get(stack.name, stack.folder)]),
        _offline_digest(),
        [str(held.core), str(held.choice), stack.offline_arguments],
        parts,
    )
    entry: dict[str, Any] = cache.cached(name, make)
    return entry


@contextlib.contextmanager
def root_of(held: Session, files: Mapping[str, str]) -> Iterator[Terraform]:
    """An initialised root made of ``files`` (name to text), removed with the block."""
    with tempfile.TemporaryDirectory(dir=held.folder) as name:
        for file, text in files.items():
            (Path(name) / file).write_text(text)
        terraform = Terraform(Path(name), held.core.binary, held.environment)
        _initialised(terraform, held)
        yield terraform


@contextlib.contextmanager
def applied(held: Session, stack: Stack, inputs: Mapping[str, Any]) -> Iterator[Terraform]:
    """The stack applied offline, in a folder and with a state that go with the block.

    What the clouds would answer is made up, and no migration runs.

    Raises:
        ValueError: the session uses real plugins, or ``inputs`` let local commands run.
        TerraformError: the apply fails.
    """
    if held.choice.mode != "offline":
        raise ValueError(f"an apply is for the offline providers, not for {held.choice}")
    if inputs.get("run_migrations") is not False:
        raise ValueError("set run_migrations to false: an apply would start the cloud's CLI")
    with work_folder(held, stack) as module:
        root = Terraform(roots.module_root(stack, module), held.core.binary, held.environment)
        with root.variables(inputs) as file:
            root.apply(tf_var_file=file)
        yield root


def replay_command(case: Case) -> str:
    """The command that plans a case alone; none where its root is of a test's own making."""
    command = f"tox -e plan -- {case.stack}"
    if case.listed:
        return f"{command} --case {shlex.quote(case.name)}"
    if case.root != "module":
        return ""
    files = "".join(f" {shlex.quote(str(path))}" for path in case.files)
    inputs = json.dumps(case.inputs, ensure_ascii=False, sort_keys=True)
    return f"{command}{files} --inputs {shlex.quote(inputs)}"


def plan(held: Session, case: Case) -> PlanResult:
    """Plan one case."""
    stack = STACKS[case.stack]

    def make() -> dict[str, Any]:
        with work_folder(held, stack) as module:
            if case.root == "module":
                root = roots.module_root(stack, module)
                return _plan(held, root, case.inputs, case.files)
            if case.root.startswith("examples/"):
                name = case.root.removeprefix("examples/")
                root = roots.example_root(stack, module, name)
                return _plan(held, root, case.inputs, case.files)
            arguments = {**case.inputs, **case.meta}
            return _plan(held, roots.call_root(stack, module, arguments, case.extra), {})

    parts = [case.root, case.inputs, cache.digest(case.files), case.meta, case.extra]
    entry = _entry(held, stack, parts, make)
    document = entry["document"]
    return PlanResult(
        Plan(document) if document else None, diagnostics(entry["messages"]), replay_command(case)
    )


def plan_batch(
    held: Session, stack: Stack, cases: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, PlanResult]:
    """Plan many inputs of a stack in few runs; gives a result a case, in the order of ``cases``.

    A diagnostic goes to the case whose address it has. One without an address, which a refused
    variable gives and which hides the other cases, makes each case of its run be planned alone.
    """
    scopes: dict[Any, list[str]] = {}
    for name, inputs in cases.items():
        scopes.setdefault(inputs.get(stack.scope[0], stack.scope[1]), []).append(name)
    size = _CASES_A_RUN[stack.name]
    chunks = [
        {name: cases[name] for name in names[i : i + size]}
        for names in scopes.values()
        for i in range(0, len(names), size)
    ]
    # A run for each core: Terraform itself makes little use of a second one.
    single = dataclasses.replace(held, environment={**held.environment, "GOMAXPROCS": "1"})
    with ThreadPoolExecutor(held.workers) as pool:
        found: dict[str, PlanResult] = {}
        for results in pool.map(lambda chunk: _plan_chunk(single, stack, chunk), chunks):
            found |= results
    return {name: found[name] for name in cases}


def refuse_batch(
    held: Session, stack: Stack, cases: Mapping[str, Mapping[str, Any]]
) -> tuple[Diagnostic, ...]:
    """The errors of many inputs in one run: a refused variable keeps Terraform from planning any.

    The provider is in the place that the cases of the stack use, whatever a case says.
    """

    def make() -> dict[str, Any]:
        with work_folder(held, stack) as module:
            return _plan(held, roots.batch_root(stack, module, cases, stack.scope[1]), {})

    entry = _entry(held, stack, ["refused", cases], make)
    return tuple(d for d in diagnostics(entry["messages"]) if d.severity == "error")


def _plan_chunk(
    held: Session, stack: Stack, cases: Mapping[str, Mapping[str, Any]]
) -> dict[str, PlanResult]:
    def make() -> dict[str, Any]:
        with work_folder(held, stack) as module:
            return _plan(held, roots.batch_root(stack, module, cases), {})

    entry = _entry(held, stack, ["batch", cases], make)
    found = diagnostics(entry["messages"])
    prefixes = {name: f'module.case["{name}"]' for name in cases}
    placed = {
        name: tuple(d for d in found if d.address.startswith(f"{prefix}."))
        for name, prefix in prefixes.items()
    }
    if entry["document"] is None or sum(map(len, placed.values())) < len(found):
        return {name: plan(held, Case(name, stack.name, inputs)) for name, inputs in cases.items()}
    whole = Plan(entry["document"])
    return {
        name: PlanResult(
            whole.within(prefixes[name]),
            placed[name],
            replay_command(Case(name, stack.name, inputs)),
        )
        for name, inputs in cases.items()
    }
