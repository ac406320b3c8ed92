"""Plan cases of the stacks, singly or in batches, with a cache and in temporary folders."""

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

# Measured with generated inputs: a case takes 0.46 s of CPU by 4, 0.40 s by 8 and 0.36 s by 16 on
# AWS, and 0.25 s by 16 on Google Cloud. A run of 16 AWS cases takes 0.8 GB of memory.
_CASES_PER_RUN = 16
# A module block, in HCL or JSON syntax.
_CALL = re.compile(r'\bmodule(?:"\s*:|\s+"\w+"\s*\{)')
_OFFLINE_FOLDER = Path(offline.__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """One plan of a stack.

    ``root`` is ``module`` (the module itself), ``examples/NAME``, or ``call``. The last is a root
    that calls the module, with the meta-arguments in ``meta`` and further blocks in ``extra``.
    ``files`` are variable files of Terraform, which ``inputs`` override. ``listed`` tells whether
    the case is in cases.yaml.
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
        """The name of the case with its stack, for example ``aws-smallest``."""
        return f"{self.stack}-{self.name}"


@dataclass(frozen=True, slots=True)
class Session:
    """What all plans of a run share.

    ``source`` names, by stack, a folder that replaces the module of the stack.
    """

    core: binary.Core
    choice: providers.Choice
    environment: Mapping[str, str]
    folder: Path
    cached: bool = True
    source: Mapping[str, Path] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """The number of concurrent runs: the number of cores, or one in a worker of xdist."""
        return 1 if "PYTEST_XDIST_WORKER" in os.environ else os.cpu_count() or 1

    def describe(self) -> str:
        """One line for the head of a report."""
        return f"{self.core}; providers {self.choice}"


@contextlib.contextmanager
def session(
    choice: providers.Choice, *, core: str = "", use_cache: bool = True
) -> Iterator[Session]:
    """Open a session. Its folder and its providers exist inside the block.

    Raises:
        CoreError: no Terraform core is available.
        OwnedError: the offline providers do not start.
    """
    cache.prune()
    with tempfile.TemporaryDirectory(prefix="litellm-plan-") as name:
        folder = Path(name)
        terraform_core = binary.find(folder, core)
        with providers.environment(choice, folder) as environment:
            yield Session(terraform_core, choice, environment, folder, use_cache)


def _initialize(terraform: Terraform, session: Session) -> None:
    files = Path(terraform.tfdir).glob("*.tf*")
    # Without a module to link and a plugin to install, init would do nothing.
    if session.choice.mode == "offline" and not any(_CALL.search(f.read_text()) for f in files):
        return
    # Two inits that share a plugin folder corrupt it (hashicorp/terraform#31964).
    with FileLock(session.folder / "init.lock"):
        terraform.init(backend=False)


@contextlib.contextmanager
def work_folder(session: Session, stack: Stack) -> Iterator[Path]:
    """Copy the module of a stack to a temporary folder, which exists inside the block."""
    with tempfile.TemporaryDirectory(dir=session.folder) as name:
        yield roots.copy_module(stack, Path(name), session.source.get(stack.name))


def _plan(
    session: Session,
    root: Path,
    values: Mapping[str, Any],
    files: tuple[Path, ...] = (),
    *,
    with_errors: bool = False,
) -> dict[str, Any]:
    terraform = Terraform(root, session.core.binary, session.environment)
    _initialize(terraform, session)
    options = [f"-var-file={path.absolute()}" for path in files]
    document, messages = terraform.plan_document(values, *options, with_errors=with_errors)
    return {"document": document, "messages": messages}


@functools.cache
def _code_digest() -> str:
    # Computed once: the code has hundreds of KiB, which do not change while a suite runs.
    return cache.digest([_OFFLINE_FOLDER, Path(roots.__file__)])


def _entry(session: Session, stack: Stack, parts: Any, make: Any) -> dict[str, Any]:
    if not session.cached:
        computed: dict[str, Any] = make()
        return computed
    name = cache.key(
        cache.digest([session.source.get(stack.name, stack.folder)]),
        _code_digest(),
        [str(session.core), str(session.choice), stack.offline_arguments],
        parts,
    )
    entry: dict[str, Any] = cache.cached(name, make)
    return entry


@contextlib.contextmanager
def temporary_root(session: Session, files: Mapping[str, str]) -> Iterator[Terraform]:
    """Write and initialize a root from ``files`` (name to text). It exists inside the block."""
    with tempfile.TemporaryDirectory(dir=session.folder) as name:
        for file_name, text in files.items():
            (Path(name) / file_name).write_text(text)
        terraform = Terraform(Path(name), session.core.binary, session.environment)
        _initialize(terraform, session)
        yield terraform


@contextlib.contextmanager
def applied_stack(session: Session, stack: Stack, inputs: Mapping[str, Any]) -> Iterator[Terraform]:
    """Apply a stack offline. Its folder and its state exist inside the block.

    The offline providers generate the values that a cloud would return. No migration runs.

    Raises:
        ValueError: the session uses real plugins, or ``inputs`` permit local commands.
        TerraformError: the apply fails.
    """
    if session.choice.mode != "offline":
        raise ValueError(
            f"the session has providers {session.choice}; apply with --providers=offline only"
        )
    if inputs.get("run_migrations") is not False:
        raise ValueError(
            f"run_migrations is {inputs.get('run_migrations')!r}; set it to false, because an "
            "apply would run the CLI of the cloud"
        )
    with work_folder(session, stack) as module:
        terraform = Terraform(
            roots.module_root(stack, module), session.core.binary, session.environment
        )
        with terraform.variables(inputs) as file:
            terraform.apply(tf_var_file=file)
        yield terraform


def replay_command(case: Case) -> str:
    """The command that plans one case; empty for a root that a test wrote."""
    command = f"tox -e plan -- {case.stack}"
    if case.listed:
        return f"{command} --case {shlex.quote(case.name)}"
    if case.root != "module":
        return ""
    files = "".join(f" {shlex.quote(str(path))}" for path in case.files)
    inputs = json.dumps(case.inputs, ensure_ascii=False, sort_keys=True)
    return f"{command}{files} --inputs {shlex.quote(inputs)}"


def plan(session: Session, case: Case) -> PlanResult:
    """Plan one case. The result of a case with an error has no plan."""
    stack = STACKS[case.stack]

    def make() -> dict[str, Any]:
        with work_folder(session, stack) as module:
            if case.root == "module":
                root = roots.module_root(stack, module)
                return _plan(session, root, case.inputs, case.files)
            if case.root.startswith("examples/"):
                name = case.root.removeprefix("examples/")
                root = roots.example_root(stack, module, name)
                return _plan(session, root, case.inputs, case.files)
            arguments = {**case.inputs, **case.meta}
            return _plan(session, roots.call_root(stack, module, arguments, case.extra), {})

    parts = [case.root, case.inputs, cache.digest(case.files), case.meta, case.extra]
    entry = _entry(session, stack, parts, make)
    document = entry["document"]
    return PlanResult(
        Plan(document) if document else None, diagnostics(entry["messages"]), replay_command(case)
    )


def plan_batch(
    session: Session, stack: Stack, cases: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, PlanResult]:
    """Plan many inputs of a stack in few runs; returns the results in the order of ``cases``.

    A diagnostic belongs to the case of its address. A refused variable causes a diagnostic without
    an address and hides the other cases. Each case of such a run is then planned singly.
    """
    scopes: dict[Any, list[str]] = {}
    for name, inputs in cases.items():
        scopes.setdefault(inputs.get(stack.scope[0], stack.scope[1]), []).append(name)
    chunks = [
        {name: cases[name] for name in names[i : i + _CASES_PER_RUN]}
        for names in scopes.values()
        for i in range(0, len(names), _CASES_PER_RUN)
    ]
    # One run for each core: Terraform itself gains little from a second core.
    single = dataclasses.replace(session, environment={**session.environment, "GOMAXPROCS": "1"})
    with ThreadPoolExecutor(session.workers) as pool:
        results: dict[str, PlanResult] = {}
        for chunk_results in pool.map(lambda chunk: _plan_chunk(single, stack, chunk), chunks):
            results |= chunk_results
    return {name: results[name] for name in cases}


def plan_refused_batch(
    session: Session, stack: Stack, cases: Mapping[str, Mapping[str, Any]]
) -> tuple[Diagnostic, ...]:
    """Plan many invalid inputs in one run, which Terraform refuses; returns the errors.

    The provider has the default region or project of the stack, also if a case sets another.
    """

    def make() -> dict[str, Any]:
        with work_folder(session, stack) as module:
            return _plan(session, roots.batch_root(stack, module, cases, stack.scope[1]), {})

    entry = _entry(session, stack, ["refused", cases], make)
    return tuple(d for d in _of_cases(entry) if d.severity == "error")


def _of_cases(entry: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    """The diagnostics of a batch without the error of its root."""
    return tuple(d for d in diagnostics(entry["messages"]) if roots.NOT_APPLIED not in d.detail)


def _plan_chunk(
    session: Session, stack: Stack, cases: Mapping[str, Mapping[str, Any]]
) -> dict[str, PlanResult]:
    def make() -> dict[str, Any]:
        with work_folder(session, stack) as module:
            return _plan(session, roots.batch_root(stack, module, cases), {}, with_errors=True)

    entry = _entry(session, stack, ["batch", cases], make)
    reported = _of_cases(entry)
    prefixes = {name: f'module.case["{name}"]' for name in cases}
    by_case = {
        name: tuple(d for d in reported if d.address.startswith(f"{prefix}."))
        for name, prefix in prefixes.items()
    }
    if entry["document"] is None or sum(map(len, by_case.values())) < len(reported):
        return {
            name: plan(session, Case(name, stack.name, inputs)) for name, inputs in cases.items()
        }
    plan_of_run = Plan(entry["document"])
    return {
        name: PlanResult(
            plan_of_run.within(prefixes[name]),
            by_case[name],
            replay_command(Case(name, stack.name, inputs)),
        )
        for name, inputs in cases.items()
    }
