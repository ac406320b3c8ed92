"""The inputs and rules of a module: validations of variables and preconditions of resources.

Rules are read from the HCL and evaluated by :mod:`tests.harness.hcl.expressions`. The evaluation
shows before a plan which inputs are valid, and which rule an invalid input breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.harness.hcl.expressions import (
    Body,
    Node,
    Scope,
    Unreadable,
    evaluate,
    literal,
    parsed,
    references,
)
from tests.harness.hcl.functions import FUNCTIONS, EvaluationError
from tests.harness.terraform import cache


@dataclass(frozen=True, slots=True)
class Input:
    """A declared variable. ``type`` is an expression; without a default, ``default`` is None."""

    name: str
    type: Node
    default: Node | None
    nullable: bool
    sensitive: bool

    @property
    def required(self) -> bool:
        """Whether a caller must set the input."""
        return self.default is None


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that inputs must meet.

    ``owner`` is the variable or the address of the resource that contains the rule. ``place`` is
    its file and line. ``reads`` are the variables that the condition depends on.
    """

    owner: str
    place: str
    condition: Node
    message: Node
    reads: frozenset[str]

    def __str__(self) -> str:
        return f"{self.owner} ({self.place})"


@dataclass(frozen=True, slots=True)
class Module:
    """A module as the model reads it.

    Attributes:
        folder: the folder of the module.
        inputs: the declared variables by name.
        rules: the rules that the model can evaluate.
        unread: the rules that the model cannot evaluate, each with the reason.
        locals: the local values of the module as expressions.
        constants: the values of locals that depend on no input, as far as computed.
        defaults: the defaults by input; None for a required input.
        readers: the rules that read each variable.
    """

    folder: Path
    inputs: Mapping[str, Input]
    rules: tuple[Rule, ...]
    unread: Mapping[str, str]
    locals: Mapping[str, Node | Unreadable]
    constants: dict[str, Any]
    defaults: Mapping[str, Any]
    readers: Mapping[str, tuple[Rule, ...]]

    def scope(self, values: Mapping[str, Any]) -> Scope:
        """The scope for the inputs of a caller. A null or omitted input has its default."""
        arguments = {name: value for name, value in values.items() if value is not None}
        effective = {**self.defaults, **arguments}
        return Scope(effective, self.locals, path=str(self.folder), constants=self.constants)

    def rules_of(self, variable: str) -> tuple[Rule, ...]:
        """The rules that read a variable."""
        return self.readers.get(variable, ())


def _required(body: Body, name: str) -> Node:
    node = body.attributes[name]
    if isinstance(node, Unreadable):
        raise node
    return node


def _inputs(body: Body) -> dict[str, Input]:
    inputs = {}
    for (name,), variable, _ in body.of_type("variable"):
        has_default = "default" in variable.attributes
        inputs[name] = Input(
            name=name,
            type=_required(variable, "type") if "type" in variable.attributes else literal("any"),
            default=_required(variable, "default") if has_default else None,
            nullable=variable.attributes.get("nullable") != literal(False),
            sensitive=variable.attributes.get("sensitive") == literal(True),
        )
    return inputs


def _require_static(node: Node, scope: Scope) -> None:
    """Raise Unreadable if an expression reads anything other than inputs and constants."""
    for part in node.walk():
        if part.kind == "call" and part.value[0] not in {*FUNCTIONS, "can", "try"}:
            raise Unreadable(f"the function {part.value[0]}")
        if part.kind == "attribute" and part.parts[0].kind == "name":
            root = str(part.parts[0].value)
            if root == "local":
                body = scope.locals.get(part.value)
                if not isinstance(body, Node):
                    raise Unreadable(f"local.{part.value}")
                _require_static(body, scope)
            elif root in ("data", "each", "self", "count", "module") or "_" in root:
                raise Unreadable(f"{root}.{part.value}")


def _rules(
    owner: str, blocks: list[tuple[tuple[str, ...], Body, int]], file: str, scope: Scope
) -> tuple[list[Rule], dict[str, str]]:
    rules, unread = [], {}
    for _, body, line in blocks:
        place = f"{file}:{line}"
        try:
            condition, message = (_required(body, n) for n in ("condition", "error_message"))
            _require_static(condition, scope)
            reads = references(condition, scope)
        except Unreadable as error:
            unread[f"{owner} ({place})"] = str(error)
            continue
        rules.append(Rule(owner, place, condition, message, reads))
    return rules, unread


def _module(folder: Path) -> Module:
    bodies = {path.name: parsed(path.read_text()) for path in sorted(folder.glob("*.tf"))}
    local_values: dict[str, Node | Unreadable] = {}
    for body in bodies.values():
        for _, inner, _ in body.of_type("locals"):
            local_values |= inner.attributes
    scope = Scope({}, local_values)
    rules: list[Rule] = []
    unread: dict[str, str] = {}
    for file, body in bodies.items():
        owners = [(name, inner) for (name,), inner, _ in body.of_type("variable")]
        blocks = [(name, inner.of_type("validation")) for name, inner in owners]
        for (kind, name), resource, _ in body.of_type("resource"):
            for _, lifecycle, _ in resource.of_type("lifecycle"):
                blocks.append((f"{kind}.{name}", lifecycle.of_type("precondition")))
        for owner, rule_blocks in blocks:
            readable, unreadable = _rules(owner, rule_blocks, file, scope)
            rules += readable
            unread |= unreadable
    declared = {n: i for body in bodies.values() for n, i in _inputs(body).items()}
    defaults = {
        name: None if i.default is None else evaluate(i.default, Scope({}))
        for name, i in declared.items()
    }
    readers = {name: tuple(rule for rule in rules if name in rule.reads) for name in declared}
    return Module(folder, declared, tuple(rules), unread, local_values, {}, defaults, readers)


@lru_cache(maxsize=16)
def _cached(folder: Path, _digest: str) -> Module:
    return _module(folder)


def read(folder: Path) -> Module:
    """The module in a folder. It is read again only if one of its files changes.

    Raises:
        Unreadable: the model does not cover the type or the default of a variable.
    """
    return _cached(folder, cache.digest(sorted(folder.glob("*.tf"))))


def is_met(rule: Rule, scope: Scope) -> bool:
    """Whether a rule is met. As in Terraform, a condition that fails to evaluate is not met."""
    try:
        return evaluate(rule.condition, scope) is True
    except EvaluationError:
        return False


def broken_rules(module: Module, values: Mapping[str, Any]) -> list[Rule]:
    """The rules that inputs break, in the order of the files.

    If inputs break a validation, the preconditions are omitted, because Terraform does not reach
    them.
    """
    scope = module.scope(values)
    broken = [rule for rule in module.rules if not is_met(rule, scope)]
    validations = [rule for rule in broken if rule.owner in module.inputs]
    return validations or broken


def error_message(module: Module, rule: Rule, values: Mapping[str, Any]) -> str:
    """The error message of a rule that the inputs break."""
    return str(evaluate(rule.message, module.scope(values)))
