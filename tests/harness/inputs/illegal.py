"""Illegal inputs: for each rule of a module, values that break it, and no other where possible.

Candidates are made of what a rule and its input's type tell: the constants of the condition, values
beside its limits, legal values bent a little. The rules themselves choose among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, islice, product
from typing import Any

from tests.harness.hcl.expressions import Node
from tests.harness.inputs.legal import Known
from tests.harness.inputs.rules import Input, Module, Rule, broken, holds

# Candidates of an input that are tried beside those of another.
_FEW = 24
# Strings that hardly any rule for names, ids, paths, ranges or URLs admits.
_ODD = (
    "",
    "-",
    "a-",
    "a--b",
    "1a",
    "A",
    "a b",
    "é",
    "x" * 22,
    "x" * 300,
    "http://x",
    "https://example.com/a b",
    "10.0.0.0/33",
    "10.0.0.1/16",
    "0.0.0.0/0",
    "a.b.",
    "*.example.com",
    "a/versions/1",
    "arn:aws:s3:::x",
    "/a*",
    "a",
    "PORT",
)


def _constants(node: Node) -> list[Any]:
    found = []
    for part in node.walk():
        if part.kind == "literal":
            value = part.value
            found += value if isinstance(value, list) else [value]
    return [v for v in found if isinstance(v, str | int | float) and not isinstance(v, bool)]


def _strings(rule: Rule, legal: Any) -> Iterator[str]:
    # Hardly any rule admits it, and in no message does it stand by chance.
    yield "An odd value!"
    texts = [v for v in _constants(rule.condition) if isinstance(v, str) and len(v) < 40]
    for value in texts:
        yield from (value, f"{value}x", f"{value}-x", f"x{value}", f"x-{value}-x")
    if isinstance(legal, str) and legal:
        yield from (f"{legal} ", f"{legal}!", legal.upper(), f"-{legal}", f"{legal}/", f"{legal}-")
    yield from _ODD


def _numbers(rule: Rule, legal: Any) -> Iterator[Any]:
    limits = [v for v in _constants(rule.condition) if isinstance(v, int | float)]
    near = [v for limit in {*limits, 0, legal or 0} for v in (limit - 1, limit + 1, limit + 0.5)]
    yield from sorted({*near, -1, 0, 0.5, 1.5, 10**6}, key=lambda v: (abs(v), v))


def _limits(rule: Rule) -> list[int]:
    return [v for v in _constants(rule.condition) if isinstance(v, int) and 0 < v < 1000]


def _lists(declared: Input, rule: Rule, legal: Any) -> Iterator[list[Any]]:
    (inner,) = declared.type.parts
    items = list(legal or [])
    sample = items[0] if items else "x"
    yield []
    yield items[:1]
    yield [*items, *items[:1]]
    for odd in _values(Input("item", inner, None, False, False), rule, sample):
        yield [*items, odd]
        yield [odd, f"{odd}2"] if isinstance(odd, str) else [odd]
    for limit in _limits(rule):
        yield [f"{str(sample).rstrip('*/')}{i}" for i in range(limit + 1)]
        yield [f"/x{i}" for i in range(limit + 1)]


def _maps(declared: Input, rule: Rule, legal: Any) -> Iterator[dict[str, Any]]:
    (inner,) = declared.type.parts
    held = dict(legal or {})
    sample = next(iter(held.values()), "x")
    for odd in _values(Input("item", inner, None, False, False), rule, sample):
        yield {**held, "A": odd}
        yield {**held, "a": odd}
        if isinstance(odd, str) and odd:
            yield {**held, odd: sample}
    yield {**held, "A": None}
    yield {**held, "a": None}
    for limit in _limits(rule):
        yield {f"k{i}": str(sample) for i in range(limit + 1)}


def _values(declared: Input, rule: Rule, legal: Any) -> Iterator[Any]:
    shape = declared.type
    kind = shape.value if shape.kind == "name" else shape.value[0]
    match kind:
        case "string":
            yield from _strings(rule, legal)
        case "number":
            yield from _numbers(rule, legal)
        case "bool":
            yield from (False, True)
        case "list" | "set":
            yield from _lists(declared, rule, legal)
        case "map":
            yield from _maps(declared, rule, legal)
        case _:
            yield from ("x", 1, ["x"], True)


def candidates(
    module: Module, rule: Rule, bases: list[Known], by_hand: Mapping[str, list[Known]]
) -> Iterator[dict[str, Any]]:
    """Inputs that may break a rule: one input changed at a time, on each of the legal bases."""
    for given in by_hand.get(rule.owner, ()):
        for base in bases:
            yield {**base, **given}
    for base in bases:
        scope = module.scope(base)
        changed = [rule.owner] if rule.owner in module.inputs else sorted(rule.reads)
        for name in changed:
            declared = module.inputs[name]
            for value in _values(declared, rule, scope.variables[name]):
                yield {**base, name: value}


def pairs(module: Module, rule: Rule, base: Known) -> Iterator[dict[str, Any]]:
    """Inputs that may break a rule between two inputs by a change of both."""
    scope = module.scope(base)
    for first, second in combinations(sorted(rule.reads), 2):
        several = [
            list(islice(_values(module.inputs[name], rule, scope.variables[name]), _FEW))
            for name in (first, second)
        ]
        for one, other in product(*several):
            yield {**base, first: one, second: other}


def breaking(
    module: Module,
    rule: Rule,
    bases: list[Known],
    by_hand: Mapping[str, list[Known]],
    number: int,
) -> list[dict[str, Any]]:
    """Inputs that break a rule, at most so many; those that break no other rule come first."""
    found = _breaking(module, rule, candidates(module, rule, bases, by_hand), number)
    return found or _breaking(module, rule, pairs(module, rule, bases[0]), number)


def _breaking(
    module: Module, rule: Rule, tried: Iterable[dict[str, Any]], number: int
) -> list[dict[str, Any]]:
    alone: list[dict[str, Any]] = []
    besides: list[dict[str, Any]] = []
    for inputs in tried:
        if holds(rule, module.scope(inputs)):
            continue
        found = broken(module, inputs)
        if rule not in found:
            continue
        if found == [rule] and inputs not in alone:
            alone.append(inputs)
        elif inputs not in besides:
            besides.append(inputs)
        if len(alone) >= number:
            break
    return [*alone, *besides][:number]


def of_wrong_type(declared: Input) -> Any:
    """A value that no conversion of Terraform's makes one of the type; None where there is none."""
    kind = declared.type.value if declared.type.kind == "name" else declared.type.value[0]
    return {
        "string": ["x"],
        "number": "many",
        "bool": "perhaps",
        "list": {"a": "b"},
        "set": {"a": "b"},
        "map": "x",
        "object": "x",
    }.get(str(kind))
