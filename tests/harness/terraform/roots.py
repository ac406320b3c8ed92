"""Root modules to plan, made in a folder of their own from a copy of the module.

A root is JSON (``.tf.json``), so inputs need no quoting. What it adds to the copy is one file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.hcl import declarations
from tests.harness.stacks import Stack

# Folders of state and of other runs that must not come along.
_LEFT_OUT = shutil.ignore_patterns(
    ".terraform", ".terraform.lock.hcl", "terraform.tfstate*", "*.tfvars"
)


def copy_module(stack: Stack, folder: Path, source: Path | None = None) -> Path:
    """A copy of the module below ``folder``; gives its path.

    Files, not links: Terraform reads a copied tree faster, and nothing can be written through it.
    """
    target = folder / stack.name
    shutil.copytree(source or stack.folder, target, ignore=_LEFT_OUT)
    return target


def _required_providers(stack: Stack) -> dict[str, Any]:
    return {name: {"source": f"hashicorp/{name}"} for name in (stack.provider, "random")}


def _write(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(document, indent=1))
    return folder


def module_root(stack: Stack, module: Path) -> Path:
    """The module itself as root; the provider is configured beside it."""
    block = stack.provider_block(f"${{var.{stack.scope[0]}}}")
    return _write(module, "harness.tf.json", {"provider": {stack.provider: block}})


def example_root(stack: Stack, module: Path, example: str) -> Path:
    """An example of the module, its own provider block made fit for planning without an account."""
    root = module / "examples" / example
    block = dict(stack.offline_arguments)
    return _write(root, "harness_override.tf.json", {"provider": {stack.provider: block}})


def call_root(
    stack: Stack, module: Path, arguments: Mapping[str, Any], extra: Mapping[str, Any] | None = None
) -> Path:
    """A root that calls the module once.

    Args:
        stack: which one.
        module: the copy to call.
        arguments: the call's arguments, meta-arguments such as ``count`` included.
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
    """A root that calls the module once a case, by for_each; case ``x`` is ``module.case["x"]``.

    An input that a case leaves out is passed as null, which Terraform takes for the default of a
    variable that is not nullable. All cases have one scope, since they share the provider; where
    what is planned is refused in any case, ``scope`` may give it.

    Raises:
        ValueError: the scopes differ, or a variable is nullable and has a default, so that null
            and nothing differ.
    """
    given = {case.get(stack.scope[0], stack.scope[1]) for case in cases.values()}
    scopes = {scope} if scope else given
    if len(scopes) != 1:
        raise ValueError(f"a batch has one {stack.scope[0]}, these cases have {sorted(scopes)}")
    unlike = [
        v.name
        for v in declarations.variables(module).values()
        if v.nullable and v.default not in (None, "null")
    ]
    if unlike:
        raise ValueError(
            f"{module.name}/variables.tf: {', '.join(unlike)} must have `nullable = false`, or a "
            "caller that passes null does not get the default"
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
        "output": {
            "cases": {
                "value": "${{for name, case in module.case : name => case}}",
                "sensitive": True,
            }
        },
    }
    return _write(root, "main.tf.json", document)
