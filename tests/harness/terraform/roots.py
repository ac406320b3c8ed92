"""Write root modules for plans, in a temporary folder with a copy of the module.

A root is JSON (``.tf.json``), so inputs need no quoting. A root adds one file to the copy.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.hcl import declarations
from tests.harness.stacks import Stack

# State and files of other runs, which a copy must not contain.
_NOT_COPIED = shutil.ignore_patterns(
    ".terraform", ".terraform.lock.hcl", "terraform.tfstate*", "*.tfvars"
)
# The error of every batch, see :func:`batch_root`.
NOT_APPLIED = "No apply follows this plan."


def copy_module(stack: Stack, folder: Path, source: Path | None = None) -> Path:
    """Copy the module of a stack to a folder below ``folder``; returns its path.

    Files are copied and not linked. Terraform reads them faster, and no write reaches the module.
    """
    target = folder / stack.name
    shutil.copytree(source or stack.folder, target, ignore=_NOT_COPIED)
    return target


def _required_providers(stack: Stack) -> dict[str, Any]:
    return {name: {"source": f"hashicorp/{name}"} for name in (stack.provider, "random")}


def _write(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(document, indent=1))
    return folder


def module_root(stack: Stack, module: Path) -> Path:
    """The module itself as a root, with one more file that configures the provider."""
    block = stack.provider_block(f"${{var.{stack.scope[0]}}}")
    return _write(module, "harness.tf.json", {"provider": {stack.provider: block}})


def example_root(stack: Stack, module: Path, example: str) -> Path:
    """An example of the module as a root. Its provider block is overridden: it needs no account."""
    root = module / "examples" / example
    block = dict(stack.offline_arguments)
    return _write(root, "harness_override.tf.json", {"provider": {stack.provider: block}})


def call_root(
    stack: Stack, module: Path, arguments: Mapping[str, Any], extra: Mapping[str, Any] | None = None
) -> Path:
    """A root that calls the module once.

    Args:
        stack: the stack of the module.
        module: the copy to call.
        arguments: the arguments of the call, including meta-arguments such as ``count``.
        extra: further top-level blocks of the root.
    """
    root = module.parent / "root"
    scope = arguments.get(stack.scope[0], stack.scope[1])
    document = {
        "terraform": {"required_providers": _required_providers(stack)},
        "provider": {stack.provider: stack.provider_block(scope)},
        "module": {"litellm": {"source": f"./../{module.name}", **arguments}},
        **(extra or {}),
    }
    return _write(root, "main.tf.json", document)


def batch_root(
    stack: Stack, module: Path, cases: Mapping[str, Mapping[str, Any]], scope: str | None = None
) -> Path:
    """A root that calls the module for each case; case ``x`` is ``module.case["x"]``.

    An input that a case omits is passed as null. Terraform then uses the default, if the variable
    is not nullable. All cases share the provider, and so its region or project. ``scope`` sets the
    region or project for cases that Terraform refuses anyway.

    An output of the root fails with :data:`NOT_APPLIED`. After a plan without an error, Terraform
    builds the graph of its apply and checks it for cycles, which takes a third of the time of a
    batch and grows faster than the batch. The plans of single cases have this check. An error does
    not change the planned values. Terraform does not know the variable before it plans, so it
    cannot report the error when it validates the root.

    Raises:
        ValueError: the cases have different regions or projects, or a nullable variable has a
            default, so that null does not select the default.
    """
    case_scopes = {case.get(stack.scope[0], stack.scope[1]) for case in cases.values()}
    scopes = {scope} if scope else case_scopes
    if len(scopes) != 1:
        raise ValueError(
            f"the cases of a batch have {stack.scope[0]} {sorted(scopes)}; plan the cases of each "
            f"{stack.scope[0]} in a batch of their own"
        )
    nullable = [
        v.name
        for v in declarations.variables(module).values()
        if v.nullable and v.default not in (None, "null")
    ]
    if nullable:
        raise ValueError(
            f"{module.name}/variables.tf: {', '.join(nullable)} are nullable and have a default; "
            "set `nullable = false`, so that null selects the default"
        )
    root = module.parent / "root"
    _write(root, "cases.json", cases)
    arguments = {
        name: f"${{try(local.cases[each.key].{name}, null)}}"
        for name in declarations.variables(module)
    }
    document = {
        "terraform": {"required_providers": _required_providers(stack)},
        "provider": {stack.provider: stack.provider_block(scopes.pop())},
        "locals": {"cases": '${jsondecode(file("${path.module}/cases.json"))}'},
        "module": {
            "case": {
                "source": f"./../{module.name}",
                "for_each": "${toset(keys(local.cases))}",
                **arguments,
            }
        },
        "variable": {"apply_follows": {"type": "bool", "default": False}},
        "output": {
            "cases": {
                "value": "${{for name, case in module.case : name => case}}",
                "sensitive": True,
            },
            "apply_follows": {
                "value": True,
                "precondition": {
                    "condition": "${var.apply_follows}",
                    "error_message": NOT_APPLIED,
                },
            },
        },
    }
    return _write(root, "main.tf.json", document)
