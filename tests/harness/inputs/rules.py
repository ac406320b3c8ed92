"""A module's inputs with all their rules: validations of variables and preconditions of resources.

Rules are read from the HCL and evaluated by :mod:`tests.harness.hcl.expressions`, so that it can be
told before a plan which inputs are legal and which rule an illegal one breaks.
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
    """A declared variable. ``type`` is its type's expression; a default of None is no default."""

    name: str
    type: Node
    default: Node | None
    nullable: bool
    sensitive: bool

    @property
    def required(self) -> bool:
        """Whether a caller must set it."""
        return self.default is None


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that inputs must meet.

    ``owner`` is the variable, or the address of the resource, that it is written at. ``reads`` are
    the variables it depends on. ``place`` is its file and line.
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
    """A module's declared inputs, its rules, those the model cannot read, and its locals.

    ``readers`` are the rules that read each variable.
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
        """The scope for inputs as a caller gives them: defaults filled in, null as left out."""
        given = {name: value for name, value in values.items() if value is not None}
        effective = {**self.defaults, **given}
        return Scope(effective, self.locals, path=str(self.folder), constants=self.constants)

    def rules_of(self, variable: str) -> tuple[Rule, ...]:
        """The rules that read a variable."""
        return self.readers.get(variable, ())


def _needed(body: Body, name: str) -> Node:
    node = body.attributes[name]
    if isinstance(node, Unreadable):
        raise node
    return node


def _inputs(body: Body) -> dict[str, Input]:
    found = {}
    for (name,), variable, _ in body.of_type("variable"):
        has_default = "default" in variable.attributes
        found[name] = Input(
            name=name,
            type=_needed(variable, "type") if "type" in variable.attributes else literal("any"),
            default=_needed(variable, "default") if has_default else None,
            nullable=variable.attributes.get("nullable") != literal(False),
            sensitive=variable.attributes.get("sensitive") == literal(True),
        )
    return found


def _closed(node: Node, scope: Scope) -> None:
    """Raise Unreadable where an expression reads anything but inputs and constants."""
    for part in node.walk():
        if part.kind == "call" and part.value[0] not in {*FUNCTIONS, "can", "try"}:
            raise Unreadable(f"the function {part.value[0]}")
        if part.kind == "attribute" and part.parts[0].kind == "name":
            root = str(part.parts[0].value)
            if root == "local":
                body = scope.locals.get(part.value)
                if not isinstance(body, Node):
                    raise Unreadable(f"local.{part.value}")
                _closed(body, scope)
            elif root in ("data", "each", "self", "count", "module") or "_" in root:
                raise Unreadable(f"{root}.{part.value}")


def _rules(
    owner: str, blocks: list[tuple[tuple[str, ...], Body, int]], file: str, scope: Scope
) -> tuple[list[Rule], dict[str, str]]:
    found, unread = [], {}
    for _, body, line in blocks:
        place = f"{file}:{line}"
        try:
            condition, message = (_needed(body, n) for n in ("condition", "error_message"))
            _closed(condition, scope)
            reads = references(condition, scope)
        except Unreadable as error:
            unread[f"{owner} ({place})"] = str(error)
            continue
        found.append(Rule(owner, place, condition, message, reads))
    return found, unread


def _module(folder: Path) -> Module:
    bodies = {path.name: parsed(path.read_text()) for path in sorted(folder.glob("*.tf"))}
    held: dict[str, Node | Unreadable] = {}
    for body in bodies.values():
        for _, inner, _ in body.of_type("locals"):
            held |= inner.attributes
    scope = Scope({}, held)
    rules: list[Rule] = []
    unread: dict[str, str] = {}
    for file, body in bodies.items():
        owners = [(name, inner) for (name,), inner, _ in body.of_type("variable")]
        blocks = [(name, inner.of_type("validation")) for name, inner in owners]
        for (kind, name), resource, _ in body.of_type("resource"):
            for _, lifecycle, _ in resource.of_type("lifecycle"):
                blocks.append((f"{kind}.{name}", lifecycle.of_type("precondition")))
        for owner, found in blocks:
            read, odd = _rules(owner, found, file, scope)
            rules += read
            unread |= odd
    declared = {n: i for body in bodies.values() for n, i in _inputs(body).items()}
    defaults = {
        name: None if i.default is None else evaluate(i.default, Scope({}))
        for name, i in declared.items()
    }
    readers = {name: tuple(rule for rule in rules if name in rule.reads) for name in declared}
    return Module(folder, declared, tuple(rules), unread, held, {}, defaults, readers)


@lru_cache(maxsize=16)
def _cached(folder: Path, _digest: str) -> Module:
    return _module(folder)


def read(folder: Path) -> Module:
    """The module in a folder; read again only where a file of it changed.

    Raises:
        Unreadable: the type or default of a variable is of a form that the model lacks.
    """
    return _cached(folder, cache.digest(sorted(folder.glob("*.tf"))))


def holds(rule: Rule, scope: Scope) -> bool:
    """Whether a rule is met; one whose condition fails is not, as in Terraform."""
    try:
        return evaluate(rule.condition, scope) is True
    except EvaluationError:
        return False


def broken(module: Module, values: Mapping[str, Any]) -> list[Rule]:
    """The rules that inputs break, in the order of the files.

    Validations of a variable come before preconditions, which Terraform never reaches then.
    """
    scope = module.scope(values)
    found = [rule for rule in module.rules if not holds(rule, scope)]
    validations = [rule for rule in found if rule.owner in module.inputs]
    return validations or found


def refusal(module: Module, rule: Rule, values: Mapping[str, Any]) -> str:
    """The message that a broken rule gives."""
    return str(evaluate(rule.message, module.scope(values)))
