"""Invalid inputs: for each rule of a module, values that break it and, if possible, no other rule.

Candidates come from the rule and the type of its input: the constants of the condition, values next
to its limits, and slightly changed valid values. The rules then select among the candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, islice, product
from typing import Any

from tests.harness.hcl.expressions import Node
from tests.harness.inputs.legal import Values
from tests.harness.inputs.rules import Input, Module, Rule, broken_rules, is_met

# The number of candidates of each input if two inputs change together.
_PAIR_CANDIDATES = 24
# Strings that few rules for names, ids, paths, ranges or URLs admit.
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
    values = []
    for part in node.walk():
        if part.kind == "literal":
            value = part.value
            values += value if isinstance(value, list) else [value]
    return [v for v in values if isinstance(v, str | int | float) and not isinstance(v, bool)]


def _strings(rule: Rule, valid: Any) -> Iterator[str]:
    # Few rules admit this value, and no message contains it by chance.
    yield "An odd value!"
    texts = [v for v in _constants(rule.condition) if isinstance(v, str) and len(v) < 40]
    for value in texts:
        yield from (value, f"{value}x", f"{value}-x", f"x{value}", f"x-{value}-x")
    if isinstance(valid, str) and valid:
        yield from (f"{valid} ", f"{valid}!", valid.upper(), f"-{valid}", f"{valid}/", f"{valid}-")
    yield from _ODD


def _numbers(rule: Rule, valid: Any) -> Iterator[Any]:
    limits = [v for v in _constants(rule.condition) if isinstance(v, int | float)]
    near = [v for limit in {*limits, 0, valid or 0} for v in (limit - 1, limit + 1, limit + 0.5)]
    yield from sorted({*near, -1, 0, 0.5, 1.5, 10**6}, key=lambda v: (abs(v), v))


def _limits(rule: Rule) -> list[int]:
    return [v for v in _constants(rule.condition) if isinstance(v, int) and 0 < v < 1000]


def _lists(declared: Input, rule: Rule, valid: Any) -> Iterator[list[Any]]:
    (inner,) = declared.type.parts
    items = list(valid or [])
    sample = items[0] if items else "x"
    yield []
    yield items[:1]
    yield [*items, *items[:1]]
    for value in _values(Input("item", inner, None, False, False), rule, sample):
        yield [*items, value]
        yield [value, f"{value}2"] if isinstance(value, str) else [value]
    for limit in _limits(rule):
        yield [f"{str(sample).rstrip('*/')}{i}" for i in range(limit + 1)]
        yield [f"/x{i}" for i in range(limit + 1)]


def _maps(declared: Input, rule: Rule, valid: Any) -> Iterator[dict[str, Any]]:
    (inner,) = declared.type.parts
    valid_map = dict(valid or {})
    sample = next(iter(valid_map.values()), "x")
    for value in _values(Input("item", inner, None, False, False), rule, sample):
        yield {**valid_map, "A": value}
        yield {**valid_map, "a": value}
        if isinstance(value, str) and value:
            yield {**valid_map, value: sample}
    yield {**valid_map, "A": None}
    yield {**valid_map, "a": None}
    for limit in _limits(rule):
        yield {f"k{i}": str(sample) for i in range(limit + 1)}


def _values(declared: Input, rule: Rule, valid: Any) -> Iterator[Any]:
    shape = declared.type
    kind = shape.value if shape.kind == "name" else shape.value[0]
    match kind:
        case "string":
            yield from _strings(rule, valid)
        case "number":
            yield from _numbers(rule, valid)
        case "bool":
            yield from (False, True)
        case "list" | "set":
            yield from _lists(declared, rule, valid)
        case "map":
            yield from _maps(declared, rule, valid)
        case _:
            yield from ("x", 1, ["x"], True)


def candidates(
    module: Module, rule: Rule, bases: list[Values], handwritten: Mapping[str, list[Values]]
) -> Iterator[dict[str, Any]]:
    """Inputs that may break a rule: each of the valid ``bases`` with one input changed."""
    for overrides in handwritten.get(rule.owner, ()):
        for base in bases:
            yield {**base, **overrides}
    for base in bases:
        scope = module.scope(base)
        changed = [rule.owner] if rule.owner in module.inputs else sorted(rule.reads)
        for name in changed:
            declared = module.inputs[name]
            for value in _values(declared, rule, scope.variables[name]):
                yield {**base, name: value}


def pairs(module: Module, rule: Rule, base: Values) -> Iterator[dict[str, Any]]:
    """Inputs that may break a rule: the valid ``base`` with two inputs changed."""
    scope = module.scope(base)
    for first, second in combinations(sorted(rule.reads), 2):
        candidate_lists = [
            list(
                islice(_values(module.inputs[name], rule, scope.variables[name]), _PAIR_CANDIDATES)
            )
            for name in (first, second)
        ]
        for first_value, second_value in product(*candidate_lists):
            yield {**base, first: first_value, second: second_value}


def invalid_inputs(
    module: Module,
    rule: Rule,
    bases: list[Values],
    handwritten: Mapping[str, list[Values]],
    number: int,
) -> list[dict[str, Any]]:
    """At most ``number`` inputs that break a rule. Those that break no other rule come first."""
    inputs = _select(module, rule, candidates(module, rule, bases, handwritten), number)
    return inputs or _select(module, rule, pairs(module, rule, bases[0]), number)


def _select(
    module: Module, rule: Rule, candidates: Iterable[dict[str, Any]], number: int
) -> list[dict[str, Any]]:
    only_rule: list[dict[str, Any]] = []
    several_rules: list[dict[str, Any]] = []
    for inputs in candidates:
        if is_met(rule, module.scope(inputs)):
            continue
        broken = broken_rules(module, inputs)
        if rule not in broken:
            continue
        if broken == [rule] and inputs not in only_rule:
            only_rule.append(inputs)
        elif inputs not in several_rules:
            several_rules.append(inputs)
        if len(only_rule) >= number:
            break
    return [*only_rule, *several_rules][:number]


def value_of_wrong_type(declared: Input) -> Any:
    """A value that Terraform cannot convert to the type of an input; None if none exists."""
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
