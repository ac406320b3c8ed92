"""Derive the domain of an input from the conditions of its rules, and strategies from a domain.

A condition is folded with the values of the other inputs, then read part by part. A part that only
excludes values (``!``, ``!=``) becomes a filter. A part of an unsupported form raises
:class:`NoStrategy`; the input then needs a handwritten strategy.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.harness.hcl.expressions import Node, Scope, Unreadable, evaluate, literal
from tests.harness.hcl.functions import EvaluationError, pattern

# A collection or number without an upper limit has at most this many more than its lower limit.
_MORE_ITEMS = 4
_MORE = 1000


class NoStrategy(LookupError):  # noqa: N818 - it reports a missing strategy and no error
    """No strategy can be derived from a rule or a type of this form."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that rules admit. A value must meet all fields; None and empty mean no limit.

    Attributes:
        values: all admitted values.
        low, high, whole: the limits of a number, and whether it must be a whole number.
        patterns: the regular expressions that a string must match.
        least, most, unique: the limits of a collection's length, and whether its items differ.
        items, keys: the domains of a collection's items and of a map's keys.
        either: alternatives; a value must be in one domain of each tuple.
        filters: conditions, each with the node that represents the value.
    """

    values: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None
    whole: bool = False
    patterns: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    unique: bool = False
    items: Domain | None = None
    keys: Domain | None = None
    either: tuple[tuple[Domain, ...], ...] = ()
    filters: tuple[tuple[Node, Node], ...] = ()


def _larger(left: Any, right: Any) -> Any:
    return max((v for v in (left, right) if v is not None), default=None)


def _smaller(left: Any, right: Any) -> Any:
    return min((v for v in (left, right) if v is not None), default=None)


def _intersect_optional(left: Domain | None, right: Domain | None) -> Domain | None:
    return intersect(left, right) if left and right else left or right


def intersect(left: Domain, right: Domain) -> Domain:
    """The intersection of two domains."""
    values = left.values if right.values is None else right.values
    if left.values is not None and right.values is not None:
        values = tuple(v for v in left.values if v in right.values)
    return Domain(
        values=values,
        low=_larger(left.low, right.low),
        high=_smaller(left.high, right.high),
        whole=left.whole or right.whole,
        patterns=left.patterns + right.patterns,
        least=_larger(left.least, right.least),
        most=_smaller(left.most, right.most),
        unique=left.unique or right.unique,
        items=_intersect_optional(left.items, right.items),
        keys=_intersect_optional(left.keys, right.keys),
        either=left.either + right.either,
        filters=left.filters + right.filters,
    )


# ---- Reading a condition ----


def _is_call(node: Node, name: str) -> bool:
    return node.kind == "call" and node.value[0] == name


def _measure(node: Node, hole: Node) -> tuple[str, bool] | None:
    """What a side of a comparison measures of the input: its value, or its length.

    The second element tells whether the length counts distinct items only.
    """
    if node == hole:
        return "value", False
    if _is_call(node, "length"):
        (of,) = node.parts
        if of == hole:
            return "length", False
        if _is_call(of, "distinct") and of.parts[0] == hole:
            return "length", True
    return None


_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def _bounds(sign: str, limit: Any) -> tuple[Any, Any]:
    """The lowest and the highest whole number that a comparison with ``limit`` admits."""
    return {
        "<": (None, limit - 1),
        "<=": (None, limit),
        ">": (limit + 1, None),
        ">=": (limit, None),
        "==": (limit, limit),
    }[sign]


def _compared(node: Node, hole: Node) -> Domain:
    left, right = node.parts
    sign = str(node.value)
    if left.kind == "literal":
        left, right, sign = right, left, _MIRRORED[sign]
    if sign == "==" and right == hole and _is_call(left, "floor"):
        left, right = right, left
    if sign == "==" and left == hole and _is_call(right, "floor") and right.parts == (hole,):
        return Domain(whole=True)
    measure = _measure(left, hole)
    if sign == "==" and {_measure(left, hole), _measure(right, hole)} == {
        ("length", False),
        ("length", True),
    }:
        return Domain(unique=True)
    if right.kind != "literal":
        raise NoStrategy(f"a comparison ({sign}) with an expression that is not constant")
    if sign == "==" and isinstance(right.value, bool) and left != hole:
        return read(left if right.value else Node("operator", "unary!", (left,)), hole)
    if sign == "!=":
        return Domain(filters=((node, hole),))
    if measure is None:
        raise NoStrategy(f"a comparison ({sign}) of neither the input nor its length")
    if measure[0] == "value" and sign == "==":
        return Domain(values=(right.value,))
    low, high = _bounds(sign, right.value)
    if measure[0] == "value":
        return Domain(low=low, high=high)
    return Domain(least=low, most=high, unique=measure[1])


def _looped(node: Node, hole: Node) -> Domain:
    """The domain of items and keys that ``alltrue([for ...])`` over the input admits."""
    (loop,) = node.parts
    if loop.kind != "for":
        raise NoStrategy("alltrue without a for expression")
    source, condition, body = loop.parts
    names, _ = loop.value
    if condition != literal(True):
        raise NoStrategy("a for expression with a filter")
    over = next(
        (kind for kind in ("keys", "values") if _is_call(source, kind) and source.parts[0] == hole),
        "items" if source == hole else "",
    )
    if not over:
        raise NoStrategy("a for expression that does not iterate over the input")
    domain = Domain()
    for part in _conjuncts(body):
        used = {str(n.value) for n in part.walk() if n.kind == "name"} & set(names)
        if len(used) != 1:
            return Domain(filters=((node, hole),))
        (name,) = used
        inner = read(part, Node("name", name))
        of_key = over == "keys" or (len(names) == 2 and name == names[0])
        domain = intersect(domain, Domain(keys=inner) if of_key else Domain(items=inner))
    return domain


def _conjuncts(node: Node) -> Iterator[Node]:
    if node.kind == "operator" and node.value == "&&":
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node


def _operator(node: Node, hole: Node) -> Domain:
    sign = node.value
    if sign == "&&":
        return intersect(read(node.parts[0], hole), read(node.parts[1], hole))
    if sign == "||":
        return Domain(either=(tuple(read(part, hole) for part in node.parts),))
    if sign == "unary!":
        return Domain(filters=((node, hole),))
    return _compared(node, hole)


def _call(node: Node, hole: Node) -> Domain:
    if _is_call(node, "can") and _is_call(node.parts[0], "regex"):
        source, value = node.parts[0].parts
        if source.kind == "literal" and value == hole:
            return Domain(patterns=(str(source.value),))
    if _is_call(node, "contains") and node.parts[0].kind == "literal":
        values, value = node.parts[0].value, node.parts[1]
        if value == hole:
            return Domain(values=tuple(values))
        if _is_call(value, "tostring") and value.parts == (hole,):
            return Domain(values=tuple(int(v) if v.isdigit() else v for v in values))
    if _is_call(node, "startswith") and node.parts[0] == hole and node.parts[1].kind == "literal":
        return Domain(patterns=(f"^{re.escape(str(node.parts[1].value))}",))
    if _is_call(node, "alltrue"):
        return _looped(node, hole)
    raise NoStrategy(f"{node.value[0]}(...)")


def read(node: Node, hole: Node) -> Domain:
    """The domain of ``hole`` that a folded condition admits.

    Raises:
        NoStrategy: a part of the condition has an unsupported form.
    """
    if node.kind == "literal":
        return Domain() if node.value is True else Domain(values=())
    if node.kind == "operator":
        return _operator(node, hole)
    if node.kind == "call":
        return _call(node, hole)
    raise NoStrategy(f"a condition of the kind {node.kind}")


# ---- Strategies ----


def _meets_filters(domain: Domain, value: Any) -> bool:
    """Whether the filters of a domain admit a value."""
    for condition, hole in domain.filters:
        try:
            if evaluate(_substitute(condition, hole, value), Scope({})) is not True:
                return False
        except (EvaluationError, Unreadable):
            return False
    return True


def _substitute(node: Node, hole: Node, value: Any) -> Node:
    if node == hole:
        return literal(value)
    return replace(node, parts=tuple(_substitute(part, hole, value) for part in node.parts))


def spread(domain: Domain) -> list[Domain]:
    """The domains without alternatives, of which ``domain`` is the union."""
    common = replace(domain, either=())
    domains = []
    for combination in product(*domain.either):
        alternative = common
        for part in combination:
            alternative = intersect(alternative, part)
        domains += spread(alternative) if alternative.either else [alternative]
    return domains


def finite(domain: Domain) -> tuple[Any, ...] | None:
    """All values of a domain that lists its values; None for any other domain."""
    values: list[Any] = []
    for alternative in spread(domain):
        if alternative.values is None:
            return None
        values += [v for v in alternative.values if v not in values and _fits(alternative, v)]
    return tuple(values)


def _fitting(domain: Domain) -> Callable[[Any], bool]:
    # A closure and not a partial: hypothesis would print the arguments of a partial.
    def fits(value: Any) -> bool:
        return _fits(domain, value)

    return fits


def _fits(domain: Domain, value: Any) -> bool:
    if isinstance(value, str) and not all(pattern(p).search(value) for p in domain.patterns):
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = domain.low, domain.high
        if (low is not None and value < low) or (high is not None and value > high):
            return False
    if isinstance(value, list) and domain.least is not None and len(value) < domain.least:
        return False
    return _meets_filters(domain, value)


# Control characters, surrogates and unassigned characters are excluded: terminals, logs and cloud
# consoles do not display them, and users do not enter them.
_CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co"))


def normal(value: str) -> str:
    """A string as Terraform stores it: in Unicode normalization form C."""
    return unicodedata.normalize("NFC", value)


def _python_pattern(source: str) -> str:
    """A Go pattern in the syntax of Python's ``re``, from which hypothesis generates strings.

    Raises:
        NoStrategy: the pattern has a Unicode character class, which ``re`` does not support.
    """
    if r"\p" in source:
        raise NoStrategy(f"a Unicode character class in {source}")
    spaced = source.replace("[:space:]", r"\s")
    return re.sub(r"(\\.|\[(?:\\.|[^\]\\])*\])|\$", lambda m: m[1] or r"\Z", spaced)


def _strings(domain: Domain) -> SearchStrategy[str]:
    if not domain.patterns:
        return st.text(_CHARACTERS, max_size=40).map(normal)
    first, *rest = sorted(domain.patterns, key=len, reverse=True)
    source = st.from_regex(_python_pattern(first), alphabet=_CHARACTERS).map(normal)
    return source.filter(lambda value: all(pattern(p).search(value) for p in [first, *rest]))


def _numbers(domain: Domain) -> SearchStrategy[Any]:
    low = 0 if domain.low is None and (domain.high is None or domain.high >= 0) else domain.low
    if low is None:
        low = (domain.high or 0) - _MORE
    high = low + _MORE if domain.high is None else domain.high
    whole = st.integers(int(low), int(high))
    if domain.whole:
        return whole
    tenths = st.integers(int(low * 10), int(high * 10)).map(lambda n: n / 10)
    return st.one_of(whole, tenths)


def _sizes(domain: Domain) -> list[tuple[int, int]]:
    least = domain.least or 0
    some = least + _MORE_ITEMS
    if domain.most is None or domain.most <= some:
        return [(least, some if domain.most is None else domain.most)]
    # The largest size is drawn separately, because it can reveal a limit that is off by one.
    return [(least, some), (domain.most, domain.most)]


def _collections(shape: Node, domain: Domain) -> SearchStrategy[Any]:
    (inner,) = shape.parts
    items = strategy(inner, domain.items or Domain())
    if shape.value[0] in ("list", "set"):
        unique = domain.unique or shape.value[0] == "set"
        # Items are compared by their representation, because a dict has no hash.
        return st.one_of(
            [
                st.lists(items, min_size=low, max_size=high, unique_by=repr if unique else None)
                for low, high in _sizes(domain)
            ]
        )
    keys = strategy(Node("name", "string"), domain.keys or Domain())
    return st.one_of(
        [st.dictionaries(keys, items, min_size=low, max_size=high) for low, high in _sizes(domain)]
    )


def _objects(shape: Node) -> SearchStrategy[Any]:
    (body,) = shape.parts
    required, optional = {}, {}
    for key, kind in zip(body.parts[::2], body.parts[1::2], strict=True):
        if _is_call(kind, "optional"):
            optional[str(key.value)] = strategy(kind.parts[0], Domain())
        else:
            required[str(key.value)] = strategy(kind, Domain())
    return st.fixed_dictionaries(required, optional=optional)


def _of_type(shape: Node, domain: Domain) -> SearchStrategy[Any]:
    if shape.kind == "name":
        match shape.value:
            case "bool":
                return st.sampled_from([False, True])
            case "number":
                return _numbers(domain)
            case "string":
                return _strings(domain)
    if shape.kind == "call":
        match shape.value[0]:
            case "list" | "set" | "map":
                return _collections(shape, domain)
            case "tuple":
                return st.tuples(*(strategy(p, Domain()) for p in shape.parts[0].parts)).map(list)
            case "object":
                return _objects(shape)
    raise NoStrategy(f"the type {shape.value}")


def strategy(shape: Node, domain: Domain) -> SearchStrategy[Any]:
    """A strategy for the values of a type within a domain; empty if no value is admitted.

    Raises:
        NoStrategy: the type or a pattern has an unsupported form.
    """
    strategies: list[SearchStrategy[Any]] = []
    for alternative in spread(domain):
        if alternative.values is None:
            strategies.append(_of_type(shape, alternative).filter(_fitting(alternative)))
        else:
            values = [v for v in alternative.values if _fits(alternative, v)]
            if values:
                strategies.append(st.sampled_from(values))
    return st.one_of(strategies) if strategies else st.nothing()
